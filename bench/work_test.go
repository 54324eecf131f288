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

func TestWorksOnRequestAreToBeNamed(t *testing.T) {
	t.Parallel()
	for only, want := range map[string][]string{"": {"a"}, "b": {"b"}, "a,b": {"a", "b"}} {
		chosen, err := choose([]work{{name: "a"}, {name: "b", onRequest: true}}, only)
		require.NoError(t, err, only)
		assert.Equal(t, want, names(chosen), only)
	}
}

func TestTargetMayBeAShareOfAnotherWorksRatio(t *testing.T) {
	t.Parallel()
	results := []result{{Name: "append-1", Ratio: 1}, {Name: "append-64", Ratio: 4}}
	relative := target{ratio: 2, of: "append-64", share: 0.75}

	assert.InDelta(t, 3.0, relative.given(results).ratio, 0)
	assert.InDelta(t, 2.0, relative.given(results[:1]).ratio, 0, "append-64 was not measured")
	assert.Equal(t, target{ratio: 2}, target{ratio: 2}.given(results))
}

func TestEachWorkIsWhole(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, w := range works() {
		assert.True(t, w.target.of == "" || seen[w.target.of], "%s is measured after what its target depends on", w.name)
		assert.False(t, seen[w.name], "%s is there twice", w.name)
		seen[w.name] = true
		assert.NotEmpty(t, w.about, w.name)
		assert.NotEmpty(t, w.unit, w.name)
		if w.soak != nil {
			assert.Nil(t, w.ours, w.name)
			assert.Nil(t, w.limit, w.name)
			continue
		}
		assert.NotEqual(t, w.target.isLatency(), w.target.ratio > 0, "%s needs one kind of target", w.name)
		assert.Equal(t, w.target.isLatency(), w.target.p99 > 0, w.name)
		assert.NotNil(t, w.ours, w.name)
		assert.NotNil(t, w.limit, w.name)
	}
}
