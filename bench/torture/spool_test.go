package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpoolKeepsWhatWasAdded(t *testing.T) {
	t.Parallel()
	s, err := newSpool[record](t.TempDir())
	require.NoError(t, err)
	defer func() { assert.NoError(t, s.close()) }()
	var want, got []record
	for n := range int64(1000) {
		r := record{Tag: tag(n), Position: -n, Version: n, Stream: streamNumber(n), Count: 1, Outcome: refused}
		want = append(want, r)
	}
	require.NoError(t, s.add(want[:10]...))
	require.NoError(t, s.add(want[10:]...))
	for r, err := range s.all() {
		require.NoError(t, err)
		got = append(got, r)
	}
	assert.Equal(t, want, got)
	assert.Equal(t, 1000, s.length)
}
