package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	for only, want := range map[string][]string{
		"":             {"a", "b", "c"},
		" ":            {"a", "b", "c"},
		"b":            {"b"},
		"c, a":         {"a", "c"},
		"a,a":          {"a"},
		" a ,\tb , c ": {"a", "b", "c"},
	} {
		chosen, err := choose([]work{{name: "a"}, {name: "b"}, {name: "c"}}, only)
		require.NoError(t, err, only)
		assert.Equal(t, want, names(chosen), only)
	}
}

func TestChooseNamesTheWorksThereAre(t *testing.T) {
	t.Parallel()
	for _, only := range []string{"d", "a,d", "a,", ",", "A"} {
		_, err := choose([]work{{name: "a"}, {name: "b"}}, only)
		assert.ErrorContains(t, err, "there are a, b", only)
	}
}

func TestEachWorkIsWhole(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, w := range works() {
		assert.False(t, seen[w.name], "%s is there twice", w.name)
		seen[w.name] = true
		assert.NotEmpty(t, w.about, w.name)
		assert.NotEmpty(t, w.unit, w.name)
		assert.NotEqual(t, w.target.isLatency(), w.target.ratio > 0, "%s needs one kind of target", w.name)
		assert.Equal(t, w.target.isLatency(), w.target.p99 > 0, w.name)
		assert.NotNil(t, w.ours, w.name)
		assert.NotNil(t, w.limit, w.name)
	}
}
