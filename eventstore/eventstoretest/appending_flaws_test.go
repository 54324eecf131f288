package eventstoretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// appending makes a harness whose Append is another one.
func appending(
	hook func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error),
) func() Harness {
	return alter(func(eventstore.Store) altered { return altered{append: hook} })
}

// giving makes a harness whose store is given other events than the caller's.
func giving(change func(e *eventstore.EventData)) func() Harness {
	return appending(func(
		ctx context.Context, writes []eventstore.Write, next appendFunc,
	) (eventstore.AppendResult, error) {
		return next(ctx, changed(writes, func(w *eventstore.Write) {
			for i := range w.Events {
				change(&w.Events[i])
			}
		})...)
	})
}

func changed(writes []eventstore.Write, change func(w *eventstore.Write)) []eventstore.Write {
	writes = slices.Clone(writes)
	for i := range writes {
		writes[i].Events = slices.Clone(writes[i].Events)
		change(&writes[i])
	}
	return writes
}

// TestAppendingFlawsAreNoticed breaks Append, guarantee by guarantee.
func TestAppendingFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticed(t, []flawed{
		{"each stream is written by itself", appending(streamByStream), []string{
			"S1 atomic/one conflict leaves nothing of the others",
			"S1 atomic/one failed check leaves nothing of the others",
			"S1 atomic/readers see whole appends",
			"S2 one winner/one of many racing appends to several streams wins",
			"S11 faithful/what is beyond a limit or malformed is refused",
		}},
		{"conflicts are not noticed", appending(expectingAnything), []string{
			"S2 one winner/every expectation of every version",
			"S2 one winner/one of many racing appends wins",
			"S3 no holes/versions after conflicts",
		}},
		{"a loser is told that it won", appending(losersAreTold(nil)), []string{
			"S2 one winner/one of many racing appends wins",
			"S9 alone in failure/failing appends among racing neighbors",
		}},
		{"a loser gets a driver's error", appending(losersAreTold(errors.New("duplicate key value"))), []string{
			"S2 one winner/one of many racing appends wins",
			"S2 one winner/the conflict names the stream that conflicts",
		}},
		{"checks do not hold at the commit", appending(checkingBefore), []string{
			"S2 one winner/no write skew between two",
			"S2 one winner/no write skew round a ring",
			"S2 one winner/random appends with checks are serializable",
		}},
		{"any version can conflict", appending(optimisticAnyVersion()), []string{
			"S2 one winner/any version never conflicts",
		}},
		{"streams are sorted", appending(sorted), []string{
			"S5 one order/positions follow the order of the arguments",
			"S5 one order/positions follow the order of the arguments while appends race",
		}},
		{"IDs are not looked for", giving(func(e *eventstore.EventData) { e.ID = uuid.Nil }), []string{
			"S7 idempotent/a repeat with each expectation",
			"S7 idempotent/the same append racing itself",
			"S10 honest in doubt/canceled at any moment and repeated",
		}},
		{"expectations go before IDs", appending(judgedFirst), []string{
			"S7 idempotent/a repeat with each expectation",
			"S7 idempotent/a repeat whose checks fail by now",
		}},
		{"one ID is enough for a repeat", appending(oneIDIsEnough()), []string{
			"S7 idempotent/some of the IDs are refused",
			"S7 idempotent/other data or another type is refused",
			"S7 idempotent/the same IDs in another stream are new",
		}},
		{"one failure fails the next", appending(failingTheNext()), []string{
			"S9 alone in failure/failing appends among racing neighbors",
			"S9 alone in failure/failing appends on the same stream",
		}},
		{"a canceled append is written", appending(canceledButWritten), []string{
			"S10 honest in doubt/an ended context writes nothing",
			"S10 honest in doubt/canceled at any moment",
		}},
		{"JSON is compacted", giving(compacted), []string{"S11 faithful/JSON comes back byte for byte"}},
		{"metadata is dropped", giving(func(e *eventstore.EventData) { e.Metadata = eventstore.Metadata{} }), []string{
			"S11 faithful/metadata comes back equal",
			"S11 faithful/every field comes back",
		}},
		{"the caller's slice is kept", alter(keepingSlices), []string{
			"S11 faithful/what the caller changes afterwards is not stored",
		}},
		{"names are cut off", appending(cutOff), []string{
			"S11 faithful/odd keys are distinct",
			"S11 faithful/limits are accepted",
		}},
	})
}

func streamByStream(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	var all eventstore.AppendResult
	for _, w := range writes {
		one, err := next(ctx, w)
		if err != nil {
			return eventstore.AppendResult{}, err
		}
		all.Writes = append(all.Writes, one.Writes...)
		all.Position = max(all.Position, one.Position)
		runtime.Gosched()
	}
	return all, nil
}

func expectingAnything(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	return next(ctx, changed(writes, func(w *eventstore.Write) { w.Expected = eventstore.AnyVersion })...)
}

func losersAreTold(
	what error,
) func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
	return func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
		result, err := next(ctx, writes...)
		if isConflict(err) {
			return eventstore.AppendResult{Writes: make([]eventstore.WriteResult, len(writes))}, what
		}
		return result, err
	}
}

// checkingBefore makes the checks, and then writes without them.
func checkingBefore(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	var checks, rest []eventstore.Write
	for _, w := range writes {
		if len(w.Events) == 0 {
			checks = append(checks, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(checks) == 0 || len(rest) == 0 {
		return next(ctx, writes...)
	}
	if _, err := next(ctx, checks...); err != nil {
		return eventstore.AppendResult{}, err
	}
	runtime.Gosched()
	return next(ctx, rest...)
}

// optimisticAnyVersion reads the version itself, and does not try again.
func optimisticAnyVersion() func(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	var versions sync.Map
	return func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
		guessed := changed(writes, func(w *eventstore.Write) {
			if known, found := versions.Load(w.Stream); found && w.Expected == eventstore.AnyVersion {
				w.Expected = eventstore.Exactly(known.(eventstore.Version))
			}
		})
		runtime.Gosched()
		result, err := next(ctx, guessed...)
		for i, w := range result.Writes {
			versions.Store(writes[i].Stream, w.Version)
		}
		return result, err
	}
}

func sorted(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
	order := make([]int, len(writes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return bytes.Compare([]byte(writes[a].Stream.String()), []byte(writes[b].Stream.String()))
	})
	inOrder := make([]eventstore.Write, len(writes))
	for to, from := range order {
		inOrder[to] = writes[from]
	}
	result, err := next(ctx, inOrder...)
	if err != nil {
		return result, err
	}
	back := make([]eventstore.WriteResult, len(writes))
	for to, from := range order {
		back[from] = result.Writes[to]
	}
	return eventstore.AppendResult{Writes: back, Position: result.Position}, nil
}

// judgedFirst refuses a repeat that expects what was true the first time.
func judgedFirst(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
	checks := changed(writes, func(w *eventstore.Write) { w.Events = nil })
	if _, err := next(ctx, checks...); err != nil {
		if _, invalid := eventstore.Prepare(ctx, writes); invalid != nil {
			return eventstore.AppendResult{}, invalid
		}
		return eventstore.AppendResult{}, err
	}
	return next(ctx, writes...)
}

// oneIDIsEnough takes an append for a repeat when its first ID was seen anywhere.
func oneIDIsEnough() func(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	var results sync.Map
	return func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
		var id uuid.UUID
		if len(writes) > 0 && len(writes[0].Events) > 0 {
			id = writes[0].Events[0].ID
		}
		if first, seen := results.Load(id); seen {
			return first.(eventstore.AppendResult), nil
		}
		result, err := next(ctx, writes...)
		if err == nil && id != uuid.Nil {
			results.Store(id, result)
		}
		return result, err
	}
}

func failingTheNext() func(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	var poisoned atomic.Bool
	return func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
		if poisoned.Swap(false) {
			return eventstore.AppendResult{}, errors.New("current transaction is aborted")
		}
		result, err := next(ctx, writes...)
		poisoned.Store(isConflict(err))
		return result, err
	}
}

func canceledButWritten(
	ctx context.Context, writes []eventstore.Write, next appendFunc,
) (eventstore.AppendResult, error) {
	result, err := next(context.WithoutCancel(ctx), writes...)
	time.Sleep(50 * time.Microsecond) // the commit
	if ctx.Err() != nil {
		return eventstore.AppendResult{}, ctx.Err()
	}
	return result, err
}

func compacted(e *eventstore.EventData) {
	var to bytes.Buffer
	if json.Valid(e.Data) && json.Compact(&to, e.Data) == nil {
		e.Data = to.Bytes()
	}
}

// keepingSlices gives readers the data that is in the caller's slice by then.
func keepingSlices(eventstore.Store) altered {
	var mu sync.Mutex
	given := make(map[eventstore.Position][]byte)
	return altered{
		append: func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
			result, err := next(ctx, writes...)
			mu.Lock()
			defer mu.Unlock()
			for i, w := range result.Writes {
				events := writes[i].Events
				for j := range events {
					given[w.Position-eventstore.Position(len(events)-1-j)] = events[j].Data
				}
			}
			return result, err
		},
		event: func(e *eventstore.RecordedEvent) {
			mu.Lock()
			defer mu.Unlock()
			e.Data = given[e.Position]
		},
	}
}

func cutOff(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error) {
	return next(ctx, changed(writes, func(w *eventstore.Write) {
		if len(w.Stream.Key) > 255 {
			w.Stream.Key = w.Stream.Key[:255]
		}
	})...)
}
