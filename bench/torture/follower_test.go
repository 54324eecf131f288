package main

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

func TestFollowerFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		table, seen []int64
		verdict     string
	}{
		"nothing":                     {nil, nil, "missed 0, doubled 0, reordered 0, lost 0"},
		"all in order":                {[]int64{1, 2, 5}, []int64{1, 2, 5}, "missed 0, doubled 0, reordered 0, lost 0"},
		"missed in the middle":        {[]int64{1, 2, 5}, []int64{1, 5}, "missed 1, doubled 0, reordered 0, lost 0"},
		"missed at the end":           {[]int64{1, 2, 5}, []int64{1}, "missed 2, doubled 0, reordered 0, lost 0"},
		"doubled at once":             {[]int64{1, 2, 5}, []int64{1, 2, 2, 5}, "missed 0, doubled 1, reordered 0, lost 0"},
		"doubled later":               {[]int64{1, 2, 5}, []int64{1, 2, 5, 1}, "missed 0, doubled 1, reordered 0, lost 0"},
		"reordered":                   {[]int64{1, 2, 5}, []int64{2, 1, 5}, "missed 0, doubled 0, reordered 1, lost 0"},
		"reordered at the end":        {[]int64{1, 2, 5}, []int64{1, 5, 2}, "missed 0, doubled 0, reordered 1, lost 0"},
		"not in the table":            {[]int64{1, 2, 5}, []int64{1, 2, 3, 5}, "missed 0, doubled 0, reordered 0, lost 1"},
		"not in the table at the end": {[]int64{1, 2}, []int64{1, 2, 3}, "missed 0, doubled 0, reordered 0, lost 1"},
		"late and then again":         {[]int64{1, 2, 5}, []int64{1, 5, 2, 2}, "missed 0, doubled 1, reordered 1, lost 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.verdict, follow(t, at(c.table...), at(c.seen...)).String())
		})
	}
}

func TestFollowerComparesWhatWasSeen(t *testing.T) {
	t.Parallel()
	found := follow(t, at(1, 2), []sighting{{1, 1}, {2, 77}})
	assert.Equal(t, "missed 0, doubled 0, reordered 0, lost 1", found.String())
	assert.Equal(t, []string{`lost: subscriber "s" saw another event at position 2 than is there`}, found.Details())
	assert.False(t, found.None())
}

func TestFollowerPassesOnErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	f := newFollower("s", func(yield func(sighting, error) bool) { yield(sighting{}, broken) }, newFindings())
	assert.ErrorIs(t, f.row(sighting{1, 1}), broken)
}

func follow(t *testing.T, table, seen []sighting) *findings.Findings {
	t.Helper()
	found := newFindings()
	f := newFollower("s", withoutErrors(seen), found)
	for _, row := range table {
		require.NoError(t, f.row(row))
	}
	require.NoError(t, f.finish())
	return found
}

func at(positions ...int64) []sighting {
	var sightings []sighting
	for _, position := range positions {
		sightings = append(sightings, sighting{position, uint64(position)})
	}
	return sightings
}

func withoutErrors[T any](values []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value := range slices.Values(values) {
			if !yield(value, nil) {
				return
			}
		}
	}
}
