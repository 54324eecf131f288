package eventstoretest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// mistaken is a store that finds other events than it is asked for. Nil hooks change nothing.
type mistaken struct {
	*memstore.Store

	ask   func(q *search)
	found func(store *memstore.Store, q search, events []eventstore.RecordedEvent) []eventstore.RecordedEvent
	// failure changes the error of each method.
	failure func(err error) error
}

// search is what is asked for; before is 0 in FindGiven, and the stream is none in FindBefore.
type search struct {
	ctx    context.Context
	stream eventstore.StreamID
	id     uuid.UUID
	before eventstore.Position
}

func (m mistaken) FindGiven(
	ctx context.Context, stream eventstore.StreamID, id uuid.UUID,
) (eventstore.RecordedEvent, bool, error) {
	events, err := m.find(search{ctx: ctx, stream: stream, id: id}, func(q search) ([]eventstore.RecordedEvent, error) {
		event, found, err := m.Store.FindGiven(q.ctx, q.stream, q.id)
		if !found {
			return nil, err
		}
		return []eventstore.RecordedEvent{event}, err
	})
	if len(events) == 0 {
		return eventstore.RecordedEvent{}, false, err
	}
	return events[0], true, err
}

func (m mistaken) FindBefore(
	ctx context.Context, id uuid.UUID, before eventstore.Position,
) ([]eventstore.RecordedEvent, error) {
	return m.find(search{ctx: ctx, id: id, before: before}, func(q search) ([]eventstore.RecordedEvent, error) {
		return m.Store.FindBefore(q.ctx, q.id, q.before)
	})
}

func (m mistaken) find(
	q search, next func(q search) ([]eventstore.RecordedEvent, error),
) ([]eventstore.RecordedEvent, error) {
	if m.ask != nil {
		m.ask(&q)
	}
	events, err := next(q)
	if m.failure != nil {
		err = m.failure(err)
	}
	if m.found != nil {
		events = m.found(m.Store, q, events)
	}
	return events, err
}

// TestFindingFlawsAreNoticed breaks what is looked for, and what is told of it.
func TestFindingFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	with := func(m mistaken) func() Harness {
		return func() Harness {
			broken := m
			broken.Store = memstore.New(nil)
			return Harness{Store: broken}
		}
	}
	isGiven := func(store *memstore.Store, e eventstore.RecordedEvent) bool {
		given, found, err := store.FindGiven(context.Background(), e.Stream, e.ID)
		return err == nil && found && given.Position == e.Position
	}
	type events = []eventstore.RecordedEvent
	areNoticed(t, []flawed{
		{"nothing is found", with(mistaken{ask: func(q *search) { q.id[0]++ }}), []string{
			"finding/a given ID is found in its stream",
			"finding/an ID that the store gave is found from a position",
			"finding/an ID in several streams",
			"finding/what lies far back is found",
			"finding/what is malformed is refused",
		}},
		{"before is included", with(mistaken{ask: func(q *search) {
			if q.before > 0 && q.before < anywhere {
				q.before++
			}
		}}), []string{
			"finding/a given ID is found in its stream",
			"finding/an ID that the store gave is found from a position",
			"finding/an ID in several streams",
			"finding/an ID given again",
			"finding/what lies far back is found",
		}},
		{"what comes after is found", with(mistaken{ask: func(q *search) {
			if q.before > 0 {
				q.before = anywhere
			}
		}}), []string{
			"finding/a given ID is found in its stream",
			"finding/an ID that the store gave is found from a position",
		}},
		{"the stream plays no part", with(mistaken{found: func(store *memstore.Store, q search, found events) events {
			if q.stream != (eventstore.StreamID{}) && len(found) == 0 && q.ctx.Err() == nil && q.id != uuid.Nil {
				found, _ = store.FindBefore(q.ctx, q.id, anywhere)
			}
			return found
		}}), []string{
			"finding/a given ID is found in its stream",
			"finding/an ID that the store gave is found from a position",
			"finding/an ID in several streams",
		}},
		{"what the store gave is found in its stream", with(mistaken{
			found: func(store *memstore.Store, q search, found events) events {
				if q.stream == (eventstore.StreamID{}) {
					return found
				}
				for e, err := range store.ReadStream(q.ctx, q.stream, eventstore.ReadOptions{}) {
					if err == nil && e.ID == q.id {
						return events{e}
					}
				}
				return found
			},
		}), []string{
			"finding/an ID that the store gave is found from a position",
			"finding/an ID given again",
		}},
		{"what the store gave is not found", with(mistaken{
			found: func(store *memstore.Store, _ search, found events) events {
				return slices.DeleteFunc(found, func(e eventstore.RecordedEvent) bool { return !isGiven(store, e) })
			},
		}), []string{
			"finding/an ID that the store gave is found from a position",
			"finding/an ID given again",
			"finding/what lies far back is found",
			"finding/an ended context ends every method",
		}},
		{"one is found of several", with(mistaken{found: func(_ *memstore.Store, _ search, found events) events {
			return found[:min(1, len(found))]
		}}), []string{"finding/an ID in several streams"}},
		{"the last comes first", with(mistaken{found: func(_ *memstore.Store, _ search, found events) events {
			slices.Reverse(found)
			return found
		}}), []string{"finding/an ID in several streams"}},
		{"an ID given again hides nothing", with(mistaken{found: func(store *memstore.Store, q search, found events) events {
			if len(found) > 0 && q.before == anywhere {
				first, _ := store.FindBefore(q.ctx, q.id, found[0].Position)
				found = append(first, found...)
			}
			return found
		}}), []string{"finding/an ID given again"}},
		{"a thousand events are looked at", with(mistaken{found: func(store *memstore.Store, q search, found events) events {
			head, _ := store.Head(q.ctx)
			return slices.DeleteFunc(found, func(e eventstore.RecordedEvent) bool {
				return q.before > 0 && e.Position < min(head, q.before)-1000
			})
		}}), []string{"finding/what lies far back is found"}},
		{"the data is missing", with(mistaken{found: func(_ *memstore.Store, _ search, found events) events {
			for i := range found {
				found[i].Data = nil
			}
			return found
		}}), []string{
			"finding/a given ID is found in its stream",
			"finding/an ID that the store gave is found from a position",
		}},
		{"the context is ignored", with(mistaken{ask: func(q *search) { q.ctx = context.Background() }}), []string{
			"finding/an ended context ends every method",
		}},
		{"errors are kept quiet", with(mistaken{failure: func(error) error { return nil }}), []string{
			"finding/an ended context ends every method",
			"finding/everything fails after close",
			"finding/what is malformed is refused",
		}},
	})
}
