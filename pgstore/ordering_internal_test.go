package pgstore

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A lower bound is rebuilt from its key wherever it lies near the last position drawn, on either side.
func TestLowerBoundIsRebuilt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		block := rapid.Int64Range(0, math.MaxInt64/blockSize-lockKeys).Draw(t, "block of the last position drawn")
		nearest := max(-block, -lockKeys/2) // there is no block below 0
		lower := block + rapid.Int64Range(nearest, lockKeys/2-1).Draw(t, "distance in blocks")
		require.Equal(t, lower*blockSize, lowerBound(lower%lockKeys, block*blockSize))
	})
}
