package processmanagertest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/pasttense/pasttense/processmanager"
)

// Scenario is a past that a process reacted to. It does not change, so it can serve several tests: each plays it again,
// in a world of its own.
type Scenario[S, C any] struct {
	t       testing.TB
	manager *processmanager.Manager[S, C]
	past    []Input
}

// Given says what the process has reacted to before: these inputs in this order, or none. It ends the test when one of
// them cannot be played or its reaction fails.
//
// The manager is the one of the program, as [processmanager.Manager.In] makes it work elsewhere. No more reactions can be
// added to it.
func Given[S, C any](t testing.TB, m *processmanager.Manager[S, C], past ...Input) *Scenario[S, C] {
	t.Helper()
	s := &Scenario[S, C]{t: t, manager: m, past: slices.Clone(past)}
	if _, err := s.play(t.Context()); err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// When lets the process react to an input. It ends the test when the input cannot be played or the reaction fails.
func (s *Scenario[S, C]) When(input Input) *Outcome[S, C] {
	s.t.Helper()
	w, err := s.play(s.t.Context())
	if err != nil {
		s.t.Fatalf("%v", err)
		return nil
	}
	decisions, err := w.play(s.t.Context(), input)
	if err != nil {
		s.t.Fatalf("%v", err)
		return nil
	}
	return &Outcome[S, C]{t: s.t, decisions: decisions}
}

// play returns a world in which the past was played.
func (s *Scenario[S, C]) play(ctx context.Context) (*world[S, C], error) {
	w := newWorld(s.manager)
	for n, input := range s.past {
		if _, err := w.play(ctx, input); err != nil {
			return nil, fmt.Errorf("input %d of the past: %w", n, err)
		}
	}
	return w, nil
}
