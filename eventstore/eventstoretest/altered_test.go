package eventstoretest

import (
	"context"
	"iter"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

type appendFunc = func(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error)

// altered is a store that keeps all guarantees, but for what its hooks change. Nil hooks change nothing.
type altered struct {
	eventstore.Store

	append  func(ctx context.Context, writes []eventstore.Write, next appendFunc) (eventstore.AppendResult, error)
	event   func(e *eventstore.RecordedEvent)
	options func(id *eventstore.StreamID, opts *eventstore.ReadOptions)
	reading func(after *eventstore.Position, filter *eventstore.Filter)
	// batch returns false for a batch that is not yielded.
	batch func(b *eventstore.Batch) bool
	// around is given each loop body.
	around func(body func() bool) bool
	// failure changes the error that ends a sequence or a call.
	failure func(err error) error
}

// alter returns a function that makes harnesses with such a store.
func alter(with func(store eventstore.Store) altered) func() Harness {
	return func() Harness {
		store := memstore.New(nil)
		changed := with(store)
		changed.Store = store
		return Harness{Store: changed}
	}
}

func (a altered) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	if a.append == nil {
		return a.Store.Append(ctx, writes...)
	}
	return a.append(ctx, writes, a.Store.Append)
}

func (a altered) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	if a.options != nil {
		a.options(&id, &opts)
	}
	return a.events(a.Store.ReadStream(ctx, id, opts))
}

func (a altered) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	if a.reading != nil {
		a.reading(&after, &filter)
	}
	return a.events(a.Store.ReadAll(ctx, after, filter))
}

func (a altered) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	if a.reading != nil {
		a.reading(&after, &filter)
	}
	return a.batches(a.Store.Subscribe(ctx, after, filter))
}

func (a altered) events(
	sequence iter.Seq2[eventstore.RecordedEvent, error],
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		for e, err := range sequence {
			if a.event != nil {
				a.event(&e)
			}
			if !a.run(func() bool { return yield(e, a.fail(err)) }) {
				return
			}
		}
	}
}

func (a altered) batches(sequence iter.Seq2[eventstore.Batch, error]) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		for b, err := range sequence {
			for i := range b.Events {
				if a.event != nil {
					a.event(&b.Events[i])
				}
			}
			if err == nil && a.batch != nil && !a.batch(&b) {
				continue
			}
			if !a.run(func() bool { return yield(b, a.fail(err)) }) {
				return
			}
		}
	}
}

func (a altered) run(body func() bool) bool {
	if a.around == nil {
		return body()
	}
	return a.around(body)
}

func (a altered) fail(err error) error {
	if err == nil || a.failure == nil {
		return err
	}
	return a.failure(err)
}
