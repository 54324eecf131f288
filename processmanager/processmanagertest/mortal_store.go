package processmanagertest

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// mortalStore is a store as one process has it. Each call is a step.
type mortalStore struct {
	store eventstore.Store
	life  *life
}

func (s mortalStore) Append(
	ctx context.Context, writes ...eventstore.Write,
) (result eventstore.AppendResult, err error) {
	streams := make([]string, len(writes))
	for n, write := range writes {
		streams[n] = fmt.Sprintf("%q", write.Stream)
	}
	called := step{name: "Store.Append to " + strings.Join(streams, ", "), changes: true, append: true}
	err = s.life.do(called, func() error {
		result, err = s.store.Append(ctx, writes...)
		return err
	})
	return result, err
}

func (s mortalStore) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return reading(s.life, fmt.Sprintf("Store.ReadStream of %q", id), s.store.ReadStream(ctx, id, opts))
}

func (s mortalStore) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return reading(s.life, fmt.Sprintf("Store.ReadAll after %d", after), s.store.ReadAll(ctx, after, filter))
}

func (s mortalStore) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return reading(s.life, fmt.Sprintf("Store.Subscribe after %d", after), s.store.Subscribe(ctx, after, filter))
}

func (s mortalStore) Head(ctx context.Context) (head eventstore.Position, err error) {
	err = s.life.do(step{name: "Store.Head"}, func() error {
		head, err = s.store.Head(ctx)
		return err
	})
	return head, err
}

func (s mortalStore) Close(ctx context.Context) error { return s.store.Close(ctx) }

// reading is a sequence whose beginning is a step.
func reading[T any](l *life, name string, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err := l.do(step{name: name}, func() error { return nil }); err != nil {
			yield(none, err)
			return
		}
		for one, err := range all {
			if l.isOver() {
				yield(none, errCrashed)
				return
			}
			if !yield(one, err) {
				return
			}
		}
	}
}
