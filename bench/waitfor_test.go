package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Both sides check that what they have waited for is there.
func TestWaitsEndWhenTheReadModelHasTheEvent(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	w := waits()[0]
	for name, prepare := range map[string]prepare{"ours": w.ours, "limit": w.limit} {
		side, err := prepare(t.Context(), db)
		require.NoError(t, err, name)

		s, err := side.measure(t.Context(), 100*time.Millisecond)

		require.NoError(t, err, name)
		assert.NotEmpty(t, s.latencies, name)
	}
}
