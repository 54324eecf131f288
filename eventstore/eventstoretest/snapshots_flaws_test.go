package eventstoretest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// careless is a store that keeps snapshots wrongly. Its hooks see what goes in and what comes out; nil hooks change nothing.
type careless struct {
	*memstore.Store

	load   func(ctx *context.Context, stream *eventstore.StreamID, kind *string)
	loaded func(snapshot *eventstore.Snapshot, found *bool)
	// save returns false for what is not saved.
	save   func(ctx *context.Context, snapshot *eventstore.Snapshot) bool
	saved  func(snapshot eventstore.Snapshot)
	delete func(ctx *context.Context, selection *eventstore.SnapshotSelection)
	count  func(deleted *int)
	// failure changes the error of each method.
	failure func(err error) error
}

func (c careless) LoadSnapshot(
	ctx context.Context, stream eventstore.StreamID, kind string,
) (eventstore.Snapshot, bool, error) {
	if c.load != nil {
		c.load(&ctx, &stream, &kind)
	}
	snapshot, found, err := c.Store.LoadSnapshot(ctx, stream, kind)
	if err == nil && c.loaded != nil {
		c.loaded(&snapshot, &found)
	}
	return snapshot, found, c.fail(err)
}

func (c careless) SaveSnapshot(ctx context.Context, snapshot eventstore.Snapshot) error {
	given := snapshot
	if c.save != nil && !c.save(&ctx, &snapshot) {
		return nil
	}
	err := c.Store.SaveSnapshot(ctx, snapshot)
	if err == nil && c.saved != nil {
		c.saved(given)
	}
	return c.fail(err)
}

func (c careless) DeleteSnapshots(ctx context.Context, selection eventstore.SnapshotSelection) (int, error) {
	if c.delete != nil {
		c.delete(&ctx, &selection)
	}
	deleted, err := c.Store.DeleteSnapshots(ctx, selection)
	if c.count != nil {
		c.count(&deleted)
	}
	return deleted, c.fail(err)
}

func (c careless) fail(err error) error {
	if c.failure == nil {
		return err
	}
	return c.failure(err)
}

// carelessly returns a function that makes harnesses with such a store.
func carelessly(with func(store *memstore.Store) careless) func() Harness {
	return func() Harness {
		store := memstore.New(nil)
		broken := with(store)
		broken.Store = store
		return Harness{Store: broken}
	}
}

// TestSnapshotFlawsAreNoticed breaks what is kept, and what is told of it.
func TestSnapshotFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	loading := func(hook func(ctx *context.Context, stream *eventstore.StreamID, kind *string)) func() Harness {
		return carelessly(func(*memstore.Store) careless { return careless{load: hook} })
	}
	loaded := func(hook func(snapshot *eventstore.Snapshot, found *bool)) func() Harness {
		return carelessly(func(*memstore.Store) careless { return careless{loaded: hook} })
	}
	saving := func(hook func(store *memstore.Store, snapshot *eventstore.Snapshot) bool) func() Harness {
		return carelessly(func(store *memstore.Store) careless {
			return careless{save: func(_ *context.Context, s *eventstore.Snapshot) bool { return hook(store, s) }}
		})
	}
	deleting := func(hook func(selection *eventstore.SnapshotSelection)) func() Harness {
		return carelessly(func(*memstore.Store) careless {
			return careless{delete: func(_ *context.Context, s *eventstore.SnapshotSelection) { hook(s) }}
		})
	}
	areNoticed(t, []flawed{
		{"what is not there is found", loaded(func(_ *eventstore.Snapshot, found *bool) { *found = true }), []string{
			"snapshots/there is none at first",
			"snapshots/kinds are side by side",
			"snapshots/streams are apart",
			"snapshots/what is selected is deleted",
		}},
		{"the event is forgotten", loaded(func(s *eventstore.Snapshot, _ *bool) { s.EventID, s.Position = uuid.Nil, 0 }), []string{
			"snapshots/what was saved is loaded",
		}},
		{"the time is forgotten", loaded(func(s *eventstore.Snapshot, _ *bool) { s.TakenAt = time.Time{} }), []string{
			"snapshots/what was saved is loaded",
		}},
		{"the time is local", loaded(func(s *eventstore.Snapshot, _ *bool) {
			s.TakenAt = s.TakenAt.In(time.FixedZone("there", 3600))
		}), []string{"snapshots/what was saved is loaded"}},
		{"data ends at the first zero", loaded(func(s *eventstore.Snapshot, _ *bool) {
			for i, b := range s.Data {
				if b == 0 {
					s.Data = s.Data[:i]
					return
				}
			}
		}), []string{"snapshots/data comes back byte for byte"}},
		{"large data is cut", saving(func(_ *memstore.Store, s *eventstore.Snapshot) bool {
			s.Data = s.Data[:min(len(s.Data), 1<<20)]
			return true
		}), []string{"snapshots/limits are accepted", "snapshots/data comes back byte for byte"}},
		{"the last is kept", saving(func(store *memstore.Store, s *eventstore.Snapshot) bool {
			if s.Validate() == nil {
				_, _ = store.DeleteSnapshots(ctx, eventstore.SnapshotSelection{
					Category: s.Stream.Category, Key: s.Stream.Key, Kind: s.Kind,
				})
			}
			return true
		}), []string{"snapshots/the newest is kept", "snapshots/the newest is kept of savers that race"}},
		{"the first is kept", saving(func(store *memstore.Store, s *eventstore.Snapshot) bool {
			_, found, _ := store.LoadSnapshot(ctx, s.Stream, s.Kind)
			return !found || s.Validate() != nil
		}), []string{"snapshots/the newest is kept", "snapshots/the newest is kept of savers that race"}},
		{"there is one kind", carelessly(func(*memstore.Store) careless {
			return careless{
				load: func(_ *context.Context, _ *eventstore.StreamID, kind *string) { *kind = "kind" },
				save: func(_ *context.Context, s *eventstore.Snapshot) bool {
					s.Kind = "kind"
					return true
				},
			}
		}), []string{
			"snapshots/kinds are side by side",
			"snapshots/what is beyond a limit or malformed is refused",
		}},
		{"one kind takes another's place", saving(func(store *memstore.Store, s *eventstore.Snapshot) bool {
			if s.Validate() == nil {
				_, _ = store.DeleteSnapshots(ctx, eventstore.SnapshotSelection{Category: s.Stream.Category, Key: s.Stream.Key})
			}
			return true
		}), []string{"snapshots/kinds are side by side", "snapshots/what is selected is deleted"}},
		{"the category plays no part", carelessly(func(*memstore.Store) careless {
			return careless{
				load: func(_ *context.Context, id *eventstore.StreamID, _ *string) { id.Category = "c" },
				save: func(_ *context.Context, s *eventstore.Snapshot) bool {
					s.Stream.Category = "c"
					return true
				},
			}
		}), []string{
			"snapshots/streams are apart",
			"snapshots/what is beyond a limit or malformed is refused",
		}},
		{"the stream is not looked at", loading(func(_ *context.Context, id *eventstore.StreamID, _ *string) {
			if id.Validate() != nil {
				*id = stream("a")
			}
		}), []string{"snapshots/what is beyond a limit or malformed is refused"}},
		{"all are deleted", deleting(func(s *eventstore.SnapshotSelection) { *s = eventstore.SnapshotSelection{} }), []string{
			"snapshots/what is selected is deleted",
			"snapshots/what is beyond a limit or malformed is refused",
		}},
		{"nothing is deleted", deleting(func(s *eventstore.SnapshotSelection) { s.Kind += "?" }), []string{
			"snapshots/what is selected is deleted",
			"snapshots/no event is touched",
		}},
		{"what is deleted is counted wrongly", carelessly(func(*memstore.Store) careless {
			return careless{count: func(deleted *int) { *deleted++ }}
		}), []string{"snapshots/what is selected is deleted", "snapshots/no event is touched"}},
		{"the caller's data is kept", carelessly(func(*memstore.Store) careless {
			data := make(map[string][]byte)
			return careless{
				saved:  func(s eventstore.Snapshot) { data[s.Kind] = s.Data },
				loaded: func(s *eventstore.Snapshot, _ *bool) { s.Data = data[s.Kind] },
			}
		}), []string{"snapshots/what the caller changes afterwards is not kept"}},
		{"a snapshot is an event", carelessly(func(store *memstore.Store) careless {
			return careless{saved: func(s eventstore.Snapshot) {
				_, _ = store.Append(ctx, eventstore.Write{Stream: s.Stream, Events: events(1), Expected: eventstore.AnyVersion})
			}}
		}), []string{"snapshots/no event is touched"}},
		{"contexts are ignored", carelessly(func(*memstore.Store) careless {
			return careless{
				load: func(ctx *context.Context, _ *eventstore.StreamID, _ *string) { *ctx = context.Background() },
				save: func(ctx *context.Context, _ *eventstore.Snapshot) bool {
					*ctx = context.Background()
					return true
				},
				delete: func(ctx *context.Context, _ *eventstore.SnapshotSelection) { *ctx = context.Background() },
			}
		}), []string{"snapshots/an ended context ends every method"}},
		{"errors are kept quiet", carelessly(func(*memstore.Store) careless {
			return careless{failure: func(error) error { return nil }}
		}), []string{
			"snapshots/an ended context ends every method",
			"snapshots/everything fails after close",
			"snapshots/what is beyond a limit or malformed is refused",
		}},
	})
}
