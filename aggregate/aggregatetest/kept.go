package aggregatetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// Kept returns the scenario with one more thing for Holds to check after each command: that the state survives as a
// snapshot in a format, the Format of aggregate.SnapshotOptions, whose zero value is JSON. What comes back is the same
// state, but for the difference between nil and empty, and the next events lead from it to the same state as from the
// one that was folded. A repository takes no snapshots of states that do not come back.
func (s *Scenario[S, E]) Kept(format eventstore.Format) *Scenario[S, E] {
	if format.ContentType == "" && format.Marshal == nil && format.Unmarshal == nil {
		format = eventstore.Format{
			ContentType: eventstore.ContentTypeJSON, Marshal: json.Marshal, Unmarshal: json.Unmarshal,
		}
	}
	kept := *s
	kept.format = &format
	return &kept
}

// snapshot is a state that was restored, and how many events are in it.
type snapshot[S any] struct {
	state  S
	events int
}

// checkKept lets the state of the last snapshot evolve to now, and takes the next one.
func (p *play[S, E]) checkKept(state S) error {
	if p.format == nil {
		return nil
	}
	evolved := p.kept.state
	for _, recorded := range p.stream.events[p.kept.events:] {
		var err error
		if evolved, err = p.aggregate.evolve(evolved, recorded); err != nil {
			return fmt.Errorf("from the snapshot after %s: %w", count(p.kept.events), err)
		}
	}
	if !alike(state, evolved) {
		return fmt.Errorf("the snapshot after %s leads to another state (- folded, + from the snapshot):\n%s",
			count(p.kept.events), difference(describe(state), describe(evolved)))
	}
	restored, err := restore(state, p.format)
	if err != nil {
		return fmt.Errorf("the state does not survive as a snapshot: %w", err)
	}
	if !alike(state, restored) {
		return fmt.Errorf("the state is another when it comes back from a snapshot (- state, + from the snapshot):\n%s",
			difference(describe(state), describe(restored)))
	}
	p.kept = snapshot[S]{restored, len(p.stream.events)}
	return nil
}

// restore returns a state that has been data.
func restore[S any](state S, format *eventstore.Format) (restored S, err error) {
	panicked := caught(func() {
		var data []byte
		if data, err = format.Marshal(&state); err == nil {
			err = format.Unmarshal(data, &restored)
		}
	})
	return restored, errors.Join(panicked, err)
}

// alike reports whether two states are the same but for what gets lost in most formats without harm.
func alike(a, b any) bool {
	return reflect.DeepEqual(a, b) || slices.Equal(format(a), format(b))
}
