package aggregatetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

// Outcome is what commands led to. Its methods that begin with Then report failures and let the test go on.
type Outcome[S aggregate.State[S, E], E any] struct {
	aggregate *Aggregate[S, E]
	state     S
	recorded  []eventstore.RecordedEvent
	err       error
}

// Then expects that the commands recorded exactly these events; without events, that they had nothing to do.
func (o *Outcome[S, E]) Then(expected ...E) *Outcome[S, E] {
	t := o.aggregate.t
	t.Helper()
	if o.err != nil {
		t.Errorf("expected %s, but %v", count(len(expected)), o.err)
		return o
	}
	want := &history{}
	want.add(eventstore.StreamID{}, o.aggregate.encode(expected))
	if !slices.EqualFunc(want.events, o.recorded, sameAsStored) {
		t.Errorf("the commands recorded other events (- expected, + recorded):\n%s",
			difference(o.aggregate.describe(want.events), o.aggregate.describe(o.recorded)))
	}
	return o
}

// ThenError expects that a command was refused with an error that is target, in the sense of [errors.Is].
func (o *Outcome[S, E]) ThenError(target error) *Outcome[S, E] {
	t := o.aggregate.t
	t.Helper()
	switch {
	case o.err == nil:
		t.Errorf("expected the error %q, but the commands recorded %s:\n%s",
			target, count(len(o.recorded)), indent(o.aggregate.describe(o.recorded).lines))
	case !errors.Is(o.err, target):
		t.Errorf("expected the error %q, but %v", target, o.err)
	}
	return o
}

// ThenState expects the state that the stream then has: after the recorded events, or after the given ones when a
// command was refused. States are compared with [reflect.DeepEqual].
func (o *Outcome[S, E]) ThenState(expected S) *Outcome[S, E] {
	t := o.aggregate.t
	t.Helper()
	if !reflect.DeepEqual(expected, o.state) {
		t.Errorf("the state is another (- expected, + actual):\n%s", difference(describe(expected), describe(o.state)))
	}
	return o
}

// State returns the state that ThenState compares, for what it cannot express.
func (o *Outcome[S, E]) State() S { return o.state }

// Err returns the error with which a command was refused, nil when none was, for what ThenError cannot express.
func (o *Outcome[S, E]) Err() error { return o.err }

// sameAsStored compares what a store keeps of an event for its codec.
func sameAsStored(a, b eventstore.RecordedEvent) bool {
	return a.Type == b.Type && a.SchemaVersion == b.SchemaVersion && a.ContentType == b.ContentType &&
		bytes.Equal(a.Data, b.Data)
}

func count(events int) string {
	switch events {
	case 0:
		return "no events"
	case 1:
		return "1 event"
	default:
		return fmt.Sprintf("%d events", events)
	}
}
