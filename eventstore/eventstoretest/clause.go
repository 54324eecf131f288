package eventstoretest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reporter is what a clause needs of a *testing.T. The tests of this package put a recorder in its place, to see
// clauses fail.
type reporter interface {
	Helper()
	Context() context.Context
	Failed() bool
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// clause is one thing that a guarantee promises. C is what its check works with, made of a harness for this clause.
type clause[C any] struct {
	name  string
	check func(c C)
	needs []feature
}

// guarantee is a named group of clauses.
type guarantee[C any] struct {
	name    string
	clauses []clause[C]
}

// conformance runs clauses against harnesses H.
type conformance[H interface{ has(f feature) bool }, C any] struct {
	guarantees []guarantee[C]
	harness    func(t *testing.T) H
	parallel   func(h H) bool
	run        func(t reporter, h H, check func(c C))
}

func (s conformance[H, C]) test(t *testing.T) {
	t.Helper()
	// Not in a subtest, which -run would leave out: the sample says which clauses there are.
	sample := s.harness(t)
	s.run(t, sample, func(C) {})
	for _, g := range s.guarantees {
		t.Run(g.name, func(t *testing.T) {
			for _, k := range g.clauses {
				s.testClause(t, sample, k)
			}
		})
	}
	s.logLeftOut(t, sample)
}

func (s conformance[H, C]) testClause(t *testing.T, sample H, k clause[C]) {
	t.Helper()
	if !k.runsOn(sample) {
		return
	}
	t.Run(k.name, func(t *testing.T) {
		// Before the harness is made: a clause that waits for its turn must not have a store that others crash.
		if s.parallel(sample) && !slices.Contains(k.needs, needsCrash) {
			t.Parallel()
		}
		s.run(t, s.harness(t), k.check)
	})
}

func (s conformance[H, C]) logLeftOut(t *testing.T, sample H) {
	t.Helper()
	var leftOut []string
	for _, g := range s.guarantees {
		for _, k := range g.clauses {
			if !k.runsOn(sample) {
				leftOut = append(leftOut, fmt.Sprintf("%s/%s (needs %v)", g.name, k.name, k.needs))
			}
		}
	}
	if len(leftOut) > 0 {
		t.Logf("%d clauses were left out, as the harness has not what they need:\n%s",
			len(leftOut), strings.Join(leftOut, "\n"))
	}
}

func (k clause[C]) runsOn(h interface{ has(f feature) bool }) bool {
	return !slices.ContainsFunc(k.needs, func(f feature) bool { return !h.has(f) })
}
