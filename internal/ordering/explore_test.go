package ordering

import (
	"hash/maphash"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// label names a step: who takes it, and what it is.
type label struct{ who, what string }

// exploration is what explore has seen.
type exploration[S comparable] struct {
	states  []S     // in the order of their distance from the first
	parents []int32 // the state from which each was reached first
	steps   int
	found   int32 // the first bad state, or -1
}

// explore visits every state that can be reached from start, the near ones first, and stops at the first bad one. So the
// trace that leads to it is as short as any.
//
// next hands each step that is possible in a state, and the state that the step leads to, to visit.
func explore[S comparable](start S, next func(from S, visit func(label, S)), bad func(S) bool) exploration[S] {
	x := exploration[S]{found: -1}
	// The place of a state is its hash, or the next that is free. This is smaller than a map of states.
	seed, places := maphash.MakeSeed(), map[uint64]int32{}
	var current int32
	visit := func(_ label, to S) {
		x.steps++
		place := maphash.Comparable(seed, to)
		for i, taken := places[place]; taken; i, taken = places[place] {
			if x.states[i] == to {
				return
			}
			place++
		}
		places[place] = int32(len(x.states))
		x.states = append(x.states, to)
		x.parents = append(x.parents, current)
		if x.found < 0 && bad(to) {
			x.found = int32(len(x.states) - 1)
		}
	}
	visit(label{}, start)
	for ; int(current) < len(x.states) && x.found < 0; current++ {
		next(x.states[current], visit)
	}
	return x
}

// event is a step of a trace, and the state after it.
type event[S any] struct {
	label label
	state S
}

// trace tells how the bad state was reached. The labels are not kept while exploring: it takes the steps again.
func (x exploration[S]) trace(next func(from S, visit func(label, S))) []event[S] {
	if x.found < 0 {
		return nil
	}
	var events []event[S]
	for i := x.found; i != 0; i = x.parents[i] {
		step := event[S]{state: x.states[i]}
		next(x.states[x.parents[i]], func(l label, to S) {
			if to == step.state {
				step.label = l
			}
		})
		events = append(events, step)
	}
	slices.Reverse(events)
	return events
}

// A glass of 3 and one of 5: the shortest way to measure 4 takes six steps.
func TestExploreFindsTheShortestWay(t *testing.T) {
	type glasses struct{ small, large int }
	next := func(g glasses, visit func(label, glasses)) {
		visit(label{what: "fill the small one"}, glasses{3, g.large})
		visit(label{what: "fill the large one"}, glasses{g.small, 5})
		visit(label{what: "empty the small one"}, glasses{0, g.large})
		visit(label{what: "empty the large one"}, glasses{g.small, 0})
		n := min(g.small, 5-g.large)
		visit(label{what: "pour the small one into the large one"}, glasses{g.small - n, g.large + n})
		n = min(g.large, 3-g.small)
		visit(label{what: "pour the large one into the small one"}, glasses{g.small + n, g.large - n})
	}
	var way []string
	for _, step := range explore(glasses{}, next, func(g glasses) bool { return g.large == 4 }).trace(next) {
		way = append(way, step.label.what)
	}
	assert.Equal(t, []string{
		"fill the large one", "pour the large one into the small one", "empty the small one",
		"pour the large one into the small one", "fill the large one", "pour the large one into the small one",
	}, way)

	all := explore(glasses{}, next, func(glasses) bool { return false })
	assert.Len(t, all.states, 16, "either glass is empty or full in each of them")
	assert.Empty(t, all.trace(next))
}
