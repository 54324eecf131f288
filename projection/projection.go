package projection

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Projection keeps a read model in a target whose transactions are of type Tx. Its methods are safe for concurrent use.
type Projection[Tx any] struct {
	id      eventstore.ConsumerID
	store   eventstore.Store
	target  eventstore.Target[Tx]
	options Options

	mu       sync.Mutex
	started  bool
	families map[string]family[Tx] // by category; not changed any more once started
	version  *version[Tx]          // nil where there is only one; as above
}

// family applies one stored event of a category.
type family[Tx any] func(ctx context.Context, tx Tx, recorded eventstore.RecordedEvent) error

// New returns a projection of the events in store, which listens to nothing until [On] has told it to. Its checkpoints
// are kept in target under name: a new name begins with the first event.
//
// New panics when the name is empty, longer than 256 bytes, invalid UTF-8 or contains NUL, and when opts has a number of
// partitions that is out of range, or a lease of less than 100 ms.
func New[Tx any](name string, store eventstore.Store, target eventstore.Target[Tx], opts *Options) *Projection[Tx] {
	p := &Projection[Tx]{
		id:       eventstore.ConsumerID{Name: name, Version: 1},
		store:    store,
		target:   target,
		options:  opts.orDefaults(),
		families: make(map[string]family[Tx]),
	}
	err := errors.Join(p.id.Validate(), eventstore.ValidatePartitions(p.options.Partitions), p.options.validateLease())
	if err != nil {
		panic(fmt.Sprintf("projection.New: %v", err))
	}
	return p
}

// Name returns the name that the projection's checkpoints are kept under.
func (p *Projection[Tx]) Name() string { return p.id.Name }

// ID returns the name and the version of the read model that the projection keeps.
func (p *Projection[Tx]) ID() eventstore.ConsumerID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// Run applies all events after the checkpoints of its share of the partitions, and then each new one, until ctx ends;
// then it returns nil. Any number of processes may run the projection at once: each partition is worked on by one of
// them, and when one stops or dies the others take over. A batch in hand is rolled back when ctx ends, unless its commit
// was under way, and is applied by whoever takes over. Run waits for a handler that ignores its ctx.
//
// When a batch fails it is halved until the event that fails stands alone, so that everything before it is committed.
// That event is tried again as [Options] say, and then their Policy decides. What it has decided is in
// [Projection.Status] and in the log.
//
// While the store or the target cannot be reached Run tries again for ever. It returns an error only where that is
// hopeless, such as [eventstore.ErrBeyondHead] and [eventstore.ErrClosed], and [eventstore.ErrInvalid] for a projection
// that listens to nothing.
func (p *Projection[Tx]) Run(ctx context.Context) error {
	config, err := p.start()
	if err != nil {
		return fmt.Errorf("run projection %q: %w", p.id, err)
	}
	if p.version == nil {
		return consumer.New(config).Run(ctx)
	}
	return p.runVersion(ctx, config)
}

// CatchUp applies all events up to the head as it was when CatchUp began, and returns. It is for tests and for jobs: it
// waits for appends that were in flight, works on the partitions one after the other, whoever owns them, and leaves
// failures to its caller.
//
// An event is tried once. When it fails and the policy is [Pause], everything before it is committed, nothing is paused,
// and the error names the event and wraps the handler's; by the other policies it is parked or skipped. For a paused
// projection the error wraps [eventstore.ErrPaused] and tells the reason; when ctx ends first it wraps the error of ctx;
// other errors are those of the store and the target. CatchUp may run beside Run and other CatchUps.
func (p *Projection[Tx]) CatchUp(ctx context.Context) error {
	config, err := p.start()
	if err != nil {
		return fmt.Errorf("catch up projection %q: %w", p.id, err)
	}
	return consumer.New(config).CatchUp(ctx)
}

// start fixes what the projection listens to, and returns how it is run.
func (p *Projection[Tx]) start() (consumer.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.families) == 0 {
		return consumer.Config{}, fmt.Errorf("%w: it listens to nothing, call projection.On first", eventstore.ErrInvalid)
	}
	p.started = true
	config := consumer.Config{
		ID: p.id,
		Definition: eventstore.Definition{
			Kind:       "projection",
			Categories: p.filter().Categories,
			Partitions: p.options.Partitions,
		},
		Store:   p.store,
		Keeper:  p.target,
		Parking: p.target,
		Filter:  p.filter(),
		Handle:  p.apply,
		Retry: consumer.Retry{
			Attempts:   p.options.Attempts,
			MinBackoff: p.options.MinBackoff,
			MaxBackoff: p.options.MaxBackoff,
		},
		Policy: consumer.Policy(p.options.Policy),
		Lease:  p.options.Lease,
		Logger: p.options.Logger,
	}
	if p.version != nil {
		config.Prepare = p.prepare
	}
	return config, nil
}

// filter selects what the projection listens to. The caller knows that this does not change meanwhile.
func (p *Projection[Tx]) filter() eventstore.Filter {
	return eventstore.Filter{Categories: slices.Sorted(maps.Keys(p.families))}
}

// apply makes one transaction of the events and the move.
func (p *Projection[Tx]) apply(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error {
	if len(events) == 0 {
		return p.target.Advance(ctx, move, nil)
	}
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
		family := p.families[recorded.Stream.Category]
		if family == nil { // of a sequence that was parked by a program that did
			return Permanent(fmt.Errorf("projection %q does not listen to category %q", p.id, recorded.Stream.Category))
		}
		if err := family(ctx, tx, recorded); err != nil {
			return err
		}
	}
	return nil
}
