package processmanagertest

import (
	"testing"

	"github.com/pasttense/pasttense/processmanager"
)

// Scenario is a past that a process reacted to. It does not change, so it can serve several tests.
type Scenario[S, C any] struct {
	t     testing.TB
	world *world[S, C]
}

// Given says what the process has reacted to before: these inputs in this order, or none. It ends the test when one of
// them cannot be stored or its reaction fails.
func Given[S, C any](t testing.TB, m *processmanager.Manager[S, C], past ...Input) *Scenario[S, C] {
	t.Helper()
	world := newWorld(m)
	for n, input := range past {
		if _, err := world.play(input); err != nil {
			t.Fatalf("input %d of the past: %v", n, err)
		}
	}
	return &Scenario[S, C]{t: t, world: world}
}

// When lets the process react to an input. It ends the test when the input cannot be stored or the reaction fails.
func (s *Scenario[S, C]) When(input Input) *Outcome[S, C] {
	s.t.Helper()
	decisions, err := s.world.clone().play(input)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Outcome[S, C]{t: s.t, decisions: decisions}
}
