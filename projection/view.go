package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// View is a read model in the memory of one process: a value of type S that events are folded into, and that is queried
// directly. It keeps no checkpoint: each process reads all events when it starts, and then follows. It suits what fits
// into memory and is made of as many events as are read in the time that a start may take.
//
// It is made by [NewView], told what to do by [Fold], run by [View.Run] and read by [View.Query]. Its methods are safe for
// concurrent use.
type View[S any] struct {
	name    string
	store   eventstore.Store
	options Options

	mu       sync.RWMutex
	state    *S
	position eventstore.Position
	caughtUp bool
	failed   error         // why it does not go on
	changed  chan struct{} // closed when one of these has changed

	started  bool
	families map[string]func(state *S, recorded eventstore.RecordedEvent) error // not changed any more once started
}

// NewView returns a view whose value begins as state, which nobody else uses from then on. The name is for messages. Of
// the options only the backoffs, IgnoreTypes and Logger apply.
func NewView[S any](name string, store eventstore.Store, state *S, opts *Options) *View[S] {
	return &View[S]{
		name:     name,
		store:    store,
		options:  opts.orDefaults(),
		state:    state,
		changed:  make(chan struct{}),
		families: make(map[string]func(*S, eventstore.RecordedEvent) error),
	}
}

// Fold makes a view listen to a family of events. fold changes the value; it gets the events of all families in the order
// of their positions, each once, and does nothing else. An error, or a panic, ends the view.
//
// Fold panics when the view listens to the category already, when the category is invalid, and when the view was started.
func Fold[S, E any](v *View[S], codec eventstore.Codec[E], fold func(state *S, e eventstore.Envelope[E]) error) {
	category := codec.Category()
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := eventstore.ValidateCategory(category); err != nil {
		panic(fmt.Sprintf("projection.Fold: view %q: %v", v.name, err))
	}
	if v.started || v.families[category] != nil {
		panic(fmt.Sprintf("projection.Fold: view %q was started, or listens to category %q already", v.name, category))
	}
	v.families[category] = func(state *S, recorded eventstore.RecordedEvent) error {
		envelopes, err := open(codec, recorded, v.options.IgnoreTypes)
		if err != nil {
			return err
		}
		for _, envelope := range envelopes {
			if err := fold(state, envelope); err != nil {
				return err
			}
		}
		return nil
	}
}

// Run folds all events, and then each new one, until ctx ends; then it returns nil. It is called once. While the store
// cannot be reached it tries again for ever, and queries see the value as it is. When an event cannot be folded, or the
// store is closed, it returns the error, and so does every query from then on: a value that is not kept up is not served.
func (v *View[S]) Run(ctx context.Context) error {
	filter, err := v.start()
	if err != nil {
		return fmt.Errorf("run view %q: %w", v.name, err)
	}
	retry := consumer.Retry{MinBackoff: v.options.MinBackoff, MaxBackoff: v.options.MaxBackoff}.WithDefaults()
	for failures := 1; ctx.Err() == nil; failures++ {
		before := v.position
		interrupted := v.follow(ctx, filter)
		if v.failed != nil && ctx.Err() == nil {
			return fmt.Errorf("run view %q: %w", v.name, v.failed)
		}
		if v.position > before {
			failures = 1
		}
		v.waitOut(ctx, interrupted, failures, retry.Delay(failures))
	}
	return nil
}

// waitOut waits before the store is tried again. The caller looks at ctx.
func (v *View[S]) waitOut(ctx context.Context, err error, failures int, delay time.Duration) {
	if ctx.Err() != nil {
		return
	}
	v.options.Logger.WarnContext(ctx, "view cannot go on, trying again",
		"view", v.name, "error", err, "failures", failures, "delay", delay)
	_ = consumer.Wait(ctx, delay)
}

func (v *View[S]) start() (eventstore.Filter, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.started || len(v.families) == 0 {
		return eventstore.Filter{}, fmt.Errorf("%w: it was run before, or listens to nothing", eventstore.ErrInvalid)
	}
	v.started = true
	return eventstore.Filter{Categories: slices.Sorted(maps.Keys(v.families))}, nil
}

// follow returns an error of the store, or after v.failed was set.
func (v *View[S]) follow(ctx context.Context, filter eventstore.Filter) error {
	for batch, err := range v.store.Subscribe(ctx, v.position, filter) {
		if errors.Is(err, eventstore.ErrClosed) || errors.Is(err, eventstore.ErrBeyondHead) {
			v.change(func() { v.failed = err })
		}
		if err != nil {
			return err
		}
		v.change(func() { v.fold(batch) })
		if v.failed != nil {
			return v.failed
		}
	}
	return errors.New("the subscription has ended")
}

// change makes a change that queries see as a whole, and wakes who waits for one.
func (v *View[S]) change(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *View[S]) fold(batch eventstore.Batch) {
	defer consumer.Recover(&v.failed)
	for _, event := range batch.Events {
		if err := v.families[event.Stream.Category](v.state, event); err != nil {
			v.failed = fmt.Errorf("event %q at version %d of stream %q, position %d: %w",
				event.Type, event.Version, event.Stream, event.Position, err)
			return
		}
		v.position = event.Position
	}
	v.position = max(v.position, batch.Through)
	v.caughtUp = v.caughtUp || batch.CaughtUp
}

// Query calls ask with the value, which does not change meanwhile. ask must not change it, nor keep what it finds there
// by reference, and should be quick: events wait for it. The first queries wait until the view has caught up with the
// head as it was when Run began to read.
//
// It returns an error, without calling ask, when the view has ended with one, which it wraps, and when ctx ends first.
func (v *View[S]) Query(ctx context.Context, ask func(state *S)) error {
	return v.QueryAt(ctx, 0, ask)
}

// QueryAt is a Query that first waits until the view has come to a position, such as that of an append.
func (v *View[S]) QueryAt(ctx context.Context, position eventstore.Position, ask func(state *S)) error {
	for {
		changed, err := v.tryQuery(position, ask)
		if err != nil {
			return fmt.Errorf("query view %q: %w", v.name, err)
		}
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("query view %q, which has not come to position %d: %w", v.name, position, ctx.Err())
		}
	}
}

// tryQuery returns what to wait for when it is too early.
func (v *View[S]) tryQuery(position eventstore.Position, ask func(state *S)) (changed <-chan struct{}, err error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.failed != nil {
		return nil, v.failed
	}
	if !v.caughtUp || v.position < position {
		return v.changed, nil
	}
	ask(v.state)
	return nil, nil
}
