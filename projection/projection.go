package projection

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Options change how a projection runs. The zero value, and nil, are the defaults.
type Options struct {
	// Attempts is how often an event that fails is tried by itself before the projection is paused. The default is 7,
	// which takes three to six seconds.
	Attempts int
	// MinBackoff is the greatest delay before the second attempt. It doubles with each one up to MaxBackoff, and is
	// shortened at random by up to a half. The same delays are used while the store cannot be reached. The default is
	// 100 ms.
	MinBackoff time.Duration
	// MaxBackoff is the greatest delay of all. The default is 10 s.
	MaxBackoff time.Duration
	// IgnoreTypes are stored event types that are passed over when the codec does not know them, or not their schema
	// version. Any other unknown type pauses the projection.
	IgnoreTypes []string
	// Logger is told of failures, pauses and resumptions. The default is slog.Default().
	Logger *slog.Logger
}

// Projection keeps a read model in a target whose transactions are of type Tx. Its methods are safe for concurrent use.
type Projection[Tx any] struct {
	name    string
	store   eventstore.Store
	target  eventstore.Target[Tx]
	options Options

	mu       sync.Mutex
	started  bool
	families map[string]family[Tx] // by category; not changed any more once started
}

// family applies one stored event of a category.
type family[Tx any] func(ctx context.Context, tx Tx, recorded eventstore.RecordedEvent) error

// New returns a projection of the events in store, which listens to nothing until [On] has told it to. Its checkpoint
// is kept in target under name: a new name begins with the first event.
//
// New panics when the name is empty, longer than 256 bytes, invalid UTF-8 or contains NUL.
func New[Tx any](name string, store eventstore.Store, target eventstore.Target[Tx], opts *Options) *Projection[Tx] {
	if err := eventstore.ValidateConsumer(name); err != nil {
		panic(fmt.Sprintf("projection.New: %v", err))
	}
	p := &Projection[Tx]{name: name, store: store, target: target, families: make(map[string]family[Tx])}
	if opts != nil {
		p.options = *opts
		p.options.IgnoreTypes = slices.Clone(opts.IgnoreTypes)
	}
	return p
}

// Name returns the name that the projection's checkpoint is kept under.
func (p *Projection[Tx]) Name() string { return p.name }

// Run applies all events after the checkpoint, and then each new one, until ctx ends; then it returns nil. A batch in
// hand is rolled back, unless its commit was under way, and is applied by the next Run. Run waits for a handler that
// ignores its ctx.
//
// When a batch fails it is halved until the event that fails stands alone, so that everything before it is committed.
// That event is tried again as [Options] say, and then the projection is paused right before it, in every process. The
// reason is in [Projection.Status] and in the log. Once the cause is removed, resume it with the target's Resume: Run
// notices within a second.
//
// While the store or the target cannot be reached Run tries again for ever. It returns an error only where that is
// hopeless, such as [eventstore.ErrBeyondHead] and [eventstore.ErrClosed], and [eventstore.ErrInvalid] for a projection
// that listens to nothing.
func (p *Projection[Tx]) Run(ctx context.Context) error {
	runner, err := p.runner()
	if err != nil {
		return fmt.Errorf("run projection %q: %w", p.name, err)
	}
	return runner.Run(ctx)
}

// CatchUp applies all events up to the head as it was when CatchUp began, and returns. It is for tests and for jobs: it
// waits for appends that were in flight, and leaves failures to its caller, neither trying again nor pausing.
//
// When an event fails, everything before it is committed, and the error names the event and wraps the handler's. For a
// paused projection it wraps [eventstore.ErrPaused] and tells the reason; when ctx ends first it wraps the error of
// ctx; other errors are those of the store and the target. CatchUp may run beside Run and other CatchUps.
func (p *Projection[Tx]) CatchUp(ctx context.Context) error {
	runner, err := p.runner()
	if err != nil {
		return fmt.Errorf("catch up projection %q: %w", p.name, err)
	}
	return runner.CatchUp(ctx)
}

// runner fixes what the projection listens to, and returns what runs it.
func (p *Projection[Tx]) runner() (*consumer.Runner, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.families) == 0 {
		return nil, fmt.Errorf("%w: it listens to nothing, call projection.On first", eventstore.ErrInvalid)
	}
	p.started = true
	return consumer.New(consumer.Config{
		Kind:        "projection",
		Name:        p.name,
		Store:       p.store,
		Checkpoints: p.target,
		Filter:      eventstore.Filter{Categories: slices.Sorted(maps.Keys(p.families))},
		Handle:      p.apply,
		Retry: consumer.Retry{
			Attempts:   p.options.Attempts,
			MinBackoff: p.options.MinBackoff,
			MaxBackoff: p.options.MaxBackoff,
		},
		Logger: p.options.Logger,
	}), nil
}

// apply makes one transaction of the events and the move.
func (p *Projection[Tx]) apply(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	var failed error
	err := p.target.Advance(ctx, move, func(ctx context.Context, tx Tx) error {
		failed = p.applyTo(ctx, tx, events)
		return failed
	})
	if failed != nil {
		return failed // without what the target says about its transaction
	}
	return err
}

func (p *Projection[Tx]) applyTo(ctx context.Context, tx Tx, events []eventstore.RecordedEvent) (err error) {
	defer consumer.Recover(&err)
	for _, recorded := range events {
		if err := p.families[recorded.Stream.Category](ctx, tx, recorded); err != nil {
			return err
		}
	}
	return nil
}
