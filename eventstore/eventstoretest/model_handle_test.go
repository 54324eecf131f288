package eventstoretest

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// modelHandle is one handle on a model.
type modelHandle struct {
	*model

	once   sync.Once
	closed chan struct{}
}

func (m *model) handle() *modelHandle { return &modelHandle{model: m, closed: make(chan struct{})} }

func (h *modelHandle) usable(ctx context.Context) error {
	select {
	case <-h.closed:
		return eventstore.ErrClosed
	default:
		return ctx.Err()
	}
}

func (h *modelHandle) Append(ctx context.Context, writes ...eventstore.Write) (eventstore.AppendResult, error) {
	if err := h.usable(ctx); err != nil {
		return eventstore.AppendResult{}, err
	}
	f, result, err := h.execute(ctx, writes, false)
	if err != nil || len(f.events) == 0 {
		if f != nil {
			_ = f.end(false)
		}
		return result, err
	}
	if err := f.end(true); err != nil {
		return eventstore.AppendResult{}, fmt.Errorf("append: %w: %w", eventstore.ErrOutcomeUnknown, err)
	}
	return result, nil
}

func (h *modelHandle) ReadStream(
	ctx context.Context, id eventstore.StreamID, opts eventstore.ReadOptions,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		if err := cmp.Or(id.Validate(), opts.Validate(), h.usable(ctx)); err != nil {
			yield(eventstore.RecordedEvent{}, err)
			return
		}
		s := h.stream(id)
		h.mu.Lock()
		events := part(s.events, opts)
		h.mu.Unlock()
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (h *modelHandle) ReadAll(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.RecordedEvent, error] {
	return func(yield func(eventstore.RecordedEvent, error) bool) {
		batch, _, err := h.batch(ctx, after, filter)
		if err != nil {
			yield(eventstore.RecordedEvent{}, err)
			return
		}
		for _, e := range batch.Events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// batch returns everything that is stable after a position, and what is closed when there is more.
func (h *modelHandle) batch(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) (eventstore.Batch, <-chan struct{}, error) {
	if err := cmp.Or(filter.Validate(), h.usable(ctx)); err != nil {
		return eventstore.Batch{}, nil, err
	}
	if after < 0 {
		return eventstore.Batch{}, nil, eventstore.ErrInvalid
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	stable, through, head := h.look()
	if after > head && !h.faults.throughIsDrawn {
		return eventstore.Batch{}, nil, eventstore.ErrBeyondHead
	}
	batch := eventstore.Batch{Through: max(after, through), CaughtUp: max(after, through) >= head}
	for _, e := range stable {
		if e.Position > after && filter.Matches(e.Stream.Category, e.Type) {
			batch.Events = append(batch.Events, e)
		}
	}
	return batch, h.changed, nil
}

func (h *modelHandle) Subscribe(
	ctx context.Context, after eventstore.Position, filter eventstore.Filter,
) iter.Seq2[eventstore.Batch, error] {
	return func(yield func(eventstore.Batch, error) bool) {
		through, caughtUp, first := after, false, true
		for {
			batch, changed, err := h.batch(ctx, through, filter)
			if err != nil {
				yield(eventstore.Batch{}, err)
				return
			}
			if first || batch.Through > through || batch.CaughtUp && !caughtUp {
				if !yield(batch, nil) {
					return
				}
			}
			through, caughtUp, first = batch.Through, batch.CaughtUp, false
			select {
			case <-changed:
			case <-ctx.Done():
			case <-h.closed:
			}
		}
	}
}

func (h *modelHandle) Head(ctx context.Context) (eventstore.Position, error) {
	if err := h.usable(ctx); err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	_, through, head := h.look()
	if h.faults.headIsStable {
		return through, nil
	}
	return head, nil
}

func (h *modelHandle) Count(
	ctx context.Context, after, through eventstore.Position, filter eventstore.Filter, limit int,
) (int, error) {
	if limit < 0 {
		return 0, eventstore.ErrInvalid
	}
	batch, _, err := h.batch(ctx, after, filter)
	counted := 0
	for _, e := range batch.Events {
		if e.Position <= through && (limit == 0 || counted < limit) {
			counted++
		}
	}
	return counted, err
}

func (h *modelHandle) Close(context.Context) error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// look returns what is stable at the moment, how far that goes, and the head. It is called with mu held.
func (m *model) look() (stable []eventstore.RecordedEvent, through, head eventstore.Position) {
	bound := m.drawn
	for f := range m.open {
		if !m.faults.showsInFlight {
			bound = min(bound, f.floor)
		}
	}
	stable = m.log
	for len(stable) > 0 && stable[len(stable)-1].Position > bound {
		stable = stable[:len(stable)-1]
	}
	if len(stable) > 0 {
		through = stable[len(stable)-1].Position
	}
	if m.faults.throughIsDrawn {
		through = bound
	}
	return stable, through, m.head()
}
