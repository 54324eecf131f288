package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseDF(t *testing.T) {
	t.Parallel()
	free, err := parseDF("Filesystem     1024-blocks     Used Available Capacity Mounted on\n" +
		"/dev/vda         263112776 18653704  77893096      20% /\n")
	require.NoError(t, err)
	assert.Equal(t, int64(77893096)<<10, free)

	for _, odd := range []string{"", "Filesystem", "Filesystem\n/dev/vda 1 2", "Filesystem\n/dev/vda 1 2 x 20% /", "a\nb\nc"} {
		_, err := parseDF(odd)
		assert.Error(t, err, odd)
	}
}

func TestRequireSpace(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, requireSpace(t.Context(), directory, 1))
	assert.ErrorContains(t, requireSpace(t.Context(), directory, math.MaxInt64), "TMPDIR")
}
