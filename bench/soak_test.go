package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSoakFailsWhenAStoreGrows(t *testing.T) {
	t.Parallel()
	before := rest{memory: 100 << 20, goroutines: 50}

	r, err := soakResult(before, rest{memory: 128 << 20, goroutines: 50})
	require.NoError(t, err, "20 % and 8 MB more")
	assert.True(t, r.ok())

	r, err = soakResult(before, rest{memory: 128<<20 + 1, goroutines: 50})
	require.ErrorContains(t, err, "memory has grown")
	assert.False(t, r.ok())

	_, err = soakResult(before, rest{memory: 100 << 20, goroutines: 51 + soakGoroutines})
	require.ErrorContains(t, err, "goroutines have grown from 50 to 56")
}
