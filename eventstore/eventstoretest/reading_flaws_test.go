package eventstoretest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// recording makes a harness whose readers are given other events than the store has.
func recording(change func(e *eventstore.RecordedEvent)) func() Harness {
	return alter(func(eventstore.Store) altered { return altered{event: change} })
}

// batching makes a harness whose subscriptions have other batches.
func batching(hook func(b *eventstore.Batch) bool) func() Harness {
	return alter(func(eventstore.Store) altered { return altered{batch: hook} })
}

// TestReadingFlawsAreNoticed breaks reading and subscribing.
func TestReadingFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticed(t, []flawed{
		{"a version is left out", recording(func(e *eventstore.RecordedEvent) {
			if e.Version > 6 {
				e.Version++
			}
		}), []string{"S3 no holes/versions after conflicts", "S3 no holes/versions of racing appends"}},
		{
			"times are local", recording(func(e *eventstore.RecordedEvent) { e.RecordedAt = e.RecordedAt.Local() }),
			[]string{"S11 faithful/recorded at is the time, in UTC"},
		},
		{
			"schema versions are lost", recording(func(e *eventstore.RecordedEvent) { e.SchemaVersion = 1 }),
			[]string{"S11 faithful/every field comes back"},
		},
		{"event changes later", recording(changingLater()), []string{"S12 append-only/what was recorded stays as it was"}},
		{"through runs ahead", batching(func(b *eventstore.Batch) bool { b.Through++; return true }), []string{
			"S4 stable prefix/through is at or below a committed position",
			"S4 stable prefix/followers that restart from Through miss nothing",
			"S8 live/the first batch of an empty store",
		}},
		{"empty batches are left out", batching(func(b *eventstore.Batch) bool { return len(b.Events) > 0 }), []string{
			"S8 live/through moves for what is not selected",
			"S8 live/the first batch at the head",
		}},
		{"never caught up", batching(func(b *eventstore.Batch) bool { b.CaughtUp = false; return true }), []string{
			"S8 live/a backlog ends caught up",
			"S8 live/events come promptly",
		}},
		{"a batch is lost", batching(losingABatch()), []string{
			"S4 stable prefix/followers miss nothing while appends race",
		}},
		{"a batch comes twice", alter(repeatingBatches), []string{
			"S4 stable prefix/followers miss nothing while appends race",
			"S5 one order/a checkpoint begins with the next event",
		}},
		{"subscriptions poll", polling, []string{"S8 live/events come promptly"}},
		{"beyond the head is quiet", alter(quietBeyondHead), []string{
			"S13 where it ends/an empty store",
			"S13 where it ends/beyond the head",
		}},
		{"limits of a reading are ignored", alter(func(eventstore.Store) altered {
			return altered{options: func(_ *eventstore.StreamID, opts *eventstore.ReadOptions) { opts.Limit = 0 }}
		}), []string{"reading/every part of a stream", "reading/a long stream"}},
		{"keys ignore case", alter(func(eventstore.Store) altered {
			return altered{options: func(id *eventstore.StreamID, _ *eventstore.ReadOptions) { id.Key = strings.ToLower(id.Key) }}
		}), []string{"S11 faithful/odd keys are distinct"}},
		{"types of a filter are ignored", alter(func(eventstore.Store) altered {
			return altered{reading: func(_ *eventstore.Position, f *eventstore.Filter) { f.Types = nil }}
		}), []string{"reading/every filter", "S11 faithful/odd types are distinct"}},
		{"a position is inclusive", alter(func(eventstore.Store) altered {
			return altered{reading: func(after *eventstore.Position, _ *eventstore.Filter) { *after = max(*after-1, 0) }}
		}), []string{"S5 one order/a checkpoint begins with the next event", "S13 where it ends/the head itself is not beyond"}},
		{"system categories are selected", alter(selectingSystem), []string{"reading/system categories only by name"}},
		{"a reading never ends", endlessReading, []string{"reading/reading ends where it began"}},
		{"a lock is held in loop bodies", alter(lockedBodies), []string{
			"iterators/a loop body that calls the store",
			"iterators/many loops at once",
		}},
		{"a slow body delays everybody", alter(oneBodyAtATime), []string{"S8 live/a slow loop body delays nobody else"}},
		{"errors are not wrapped", alter(func(eventstore.Store) altered {
			return altered{failure: func(err error) error { return errors.New(err.Error()) }}
		}), []string{
			"lifecycle/close ends subscriptions",
			"lifecycle/a canceled context ends a subscription",
			"lifecycle/everything fails after close",
			"reading/invalid arguments are refused",
		}},
		{"close does nothing", closingNothing, []string{
			"lifecycle/everything fails after close",
			"lifecycle/close ends subscriptions",
		}},
	})
}

// changingLater changes the first event of each stream from its third reading on.
func changingLater() func(e *eventstore.RecordedEvent) {
	var readings atomic.Int64
	return func(e *eventstore.RecordedEvent) {
		if e.Version == 1 && readings.Add(1) > 6 {
			e.Data = []byte(`"changed"`)
		}
	}
}

func losingABatch() func(b *eventstore.Batch) bool {
	var batches atomic.Int64
	return func(*eventstore.Batch) bool { return batches.Add(1) != 3 }
}

func repeatingBatches(eventstore.Store) altered {
	var last atomic.Pointer[eventstore.Batch]
	return altered{batch: func(b *eventstore.Batch) bool {
		before := last.Swap(&eventstore.Batch{Events: b.Events})
		if before != nil {
			b.Events = append(append([]eventstore.RecordedEvent(nil), before.Events...), b.Events...)
		}
		return true
	}}
}

// polling has subscriptions that look now and then, and a harness that says so.
func polling() Harness {
	const interval = 400 * time.Millisecond
	h := batching(func(*eventstore.Batch) bool { time.Sleep(interval); return true })()
	h.PollInterval = interval
	return h
}

func quietBeyondHead(store eventstore.Store) altered {
	return altered{reading: func(after *eventstore.Position, _ *eventstore.Filter) {
		if head, err := store.Head(context.Background()); err == nil {
			*after = min(*after, head)
		}
	}}
}

func selectingSystem(eventstore.Store) altered {
	return altered{reading: func(_ *eventstore.Position, f *eventstore.Filter) {
		if len(f.Categories) == 0 {
			f.Categories = []string{testCategory, "$pm.checkout"}
		}
	}}
}

// endless is a store whose ReadAll goes on with what is appended meanwhile.
type endless struct{ eventstore.Store }

func endlessReading() Harness { return Harness{Store: endless{memstore.New(nil)}} }

func (s endless) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for more := true; more; {
			more = false
			for e, err := range s.Store.ReadAll(ctx, after, filter) {
				if !yield(e, err) || err != nil {
					return
				}
				after, more = e.Position, true
			}
		}
	}
}

// lockedBodies holds a connection of a small pool while a loop body runs.
func lockedBodies(eventstore.Store) altered {
	pool := make(chan struct{}, 1)
	use := func(ctx context.Context) error {
		select {
		case pool <- struct{}{}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return altered{
		append: func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
			if err := use(ctx); err != nil {
				return eventstore.AppendResult{}, err
			}
			defer func() { <-pool }()
			return next(ctx, writes...)
		},
		around: func(body func() bool) bool {
			select {
			case pool <- struct{}{}:
				defer func() { <-pool }()
				return body()
			case <-time.After(patience):
				return false
			}
		},
	}
}

// oneBodyAtATime serves one subscriber after another.
func oneBodyAtATime(eventstore.Store) altered {
	var mu sync.Mutex
	return altered{around: func(body func() bool) bool {
		mu.Lock()
		defer mu.Unlock()
		return body()
	}}
}

// unclosed is a store that cannot be closed.
type unclosed struct{ eventstore.Store }

func (unclosed) Close(context.Context) error { return nil }

func closingNothing() Harness { return Harness{Store: unclosed{memstore.New(nil)}} }
