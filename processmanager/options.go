package processmanager

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Defaults of [Options].
const (
	DefaultConcurrency     = 16
	DefaultDispatchTimeout = 10 * time.Second
	DefaultPollInterval    = 250 * time.Millisecond
	DefaultAttempts        = 20
	DefaultMinBackoff      = 100 * time.Millisecond
	DefaultMaxBackoff      = time.Minute
)

// DefaultLease is how long a process that was killed keeps its partitions.
const DefaultLease = consumer.DefaultLease

// Policy is what becomes of an event that cannot be decoded or routed.
type Policy int

const (
	// Pause stops the manager, in every process, right before the event, until it is resumed: nobody knows which
	// instance the event is for, so none goes past it.
	Pause Policy = iota
	// Skip passes the event over. It is listed by [eventstore.Parking].Skipped.
	Skip
)

// Options changes how a [Manager] works. The zero value of each field stands for its default.
type Options struct {
	// Concurrency is how many instances have a command dispatched at the same time by one Run; the default is
	// DefaultConcurrency.
	Concurrency int

	// DispatchTimeout is how long one dispatch may take: its context ends then. The default is DefaultDispatchTimeout.
	DispatchTimeout time.Duration

	// DispatchLease is how long an instance with something to do belongs to the process that took it up, and so how long
	// it waits when that process is killed. It must be longer than DispatchTimeout; a dispatch begins only while there is
	// time left for it. The default is three times DispatchTimeout.
	DispatchLease time.Duration

	// PollInterval is how often an idle Run looks for commands that another process has decided on, for those that are
	// to be tried again, and for timers, which fire no later than that. The default is DefaultPollInterval.
	PollInterval time.Duration

	// Attempts is how often a command is tried before its instance is parked; the default is DefaultAttempts, which with
	// the other defaults takes about ten minutes.
	Attempts int

	// MinBackoff is the longest delay before the second attempt. It doubles with each failure
	// up to MaxBackoff; the actual delay is random between a half and all of it. The defaults are DefaultMinBackoff and
	// DefaultMaxBackoff.
	MinBackoff time.Duration
	MaxBackoff time.Duration

	// Version is that of the definition; the default is 1. See [Former] and [Migrate] for what becomes of the instances
	// that have started by an older one.
	Version int

	// Partitions is how many parts the events are handled in, by instance, when the manager is first run; the default
	// is 1. They are spread over all processes that run the manager. [Manager.Repartition] changes the number. Commands
	// and timers are shared out by themselves, whatever it is.
	Partitions int

	// Lease is how long a process that was killed keeps its partitions; the default is DefaultLease.
	Lease time.Duration

	// IgnoreTypes are stored event types that are passed over when their codec does not know them.
	IgnoreTypes []string

	// Unrouted says what becomes of an event that cannot be decoded or routed: [Pause], the default, or [Skip].
	Unrouted Policy

	// Now is the clock of timers. The default is that of the agenda, which all processes share: Now is for tests that
	// move time.
	Now func() time.Time

	// Strict runs every reaction twice, and makes it an error when it decides otherwise the second time: it is not pure.
	// It is for tests.
	Strict bool

	// Logger is told what an operator must know; the default is slog.Default().
	Logger *slog.Logger
}

// complete returns options with their defaults.
func complete(o *Options) (Options, error) {
	var options Options
	if o != nil {
		options = *o
	}
	options.Concurrency = cmp.Or(options.Concurrency, DefaultConcurrency)
	options.DispatchTimeout = cmp.Or(options.DispatchTimeout, DefaultDispatchTimeout)
	options.DispatchLease = cmp.Or(options.DispatchLease, 3*options.DispatchTimeout)
	options.Version = cmp.Or(options.Version, 1)
	options.Partitions = cmp.Or(options.Partitions, 1)
	options.Lease = cmp.Or(options.Lease, DefaultLease)
	options.PollInterval = cmp.Or(options.PollInterval, DefaultPollInterval)
	options.Attempts = cmp.Or(options.Attempts, DefaultAttempts)
	options.MinBackoff = cmp.Or(options.MinBackoff, DefaultMinBackoff)
	options.MaxBackoff = cmp.Or(options.MaxBackoff, max(DefaultMaxBackoff, options.MinBackoff))
	options.IgnoreTypes = slices.Clone(options.IgnoreTypes)
	options.Logger = cmp.Or(options.Logger, slog.Default())
	return options, options.validate()
}

func (o Options) validate() error {
	switch {
	case o.Concurrency < 0:
		return fmt.Errorf("%w: Concurrency is %d, the least is 1", eventstore.ErrInvalid, o.Concurrency)
	case o.Attempts < 0:
		return fmt.Errorf("%w: Attempts is %d, the least is 1", eventstore.ErrInvalid, o.Attempts)
	case o.DispatchTimeout < 0:
		return fmt.Errorf("%w: DispatchTimeout %s is negative", eventstore.ErrInvalid, o.DispatchTimeout)
	case o.DispatchLease <= o.DispatchTimeout:
		return fmt.Errorf("%w: DispatchLease is %s, it must be longer than the DispatchTimeout of %s",
			eventstore.ErrInvalid, o.DispatchLease, o.DispatchTimeout)
	case o.Version < 0:
		return fmt.Errorf("%w: Version is %d, the least is 1", eventstore.ErrInvalid, o.Version)
	case o.Lease < 0:
		return fmt.Errorf("%w: Lease %s is negative", eventstore.ErrInvalid, o.Lease)
	case o.Unrouted != Pause && o.Unrouted != Skip:
		return fmt.Errorf("%w: Unrouted is %d, it is Pause or Skip", eventstore.ErrInvalid, o.Unrouted)
	case o.PollInterval < 0:
		return fmt.Errorf("%w: PollInterval %s is negative", eventstore.ErrInvalid, o.PollInterval)
	case o.MinBackoff < 0 || o.MaxBackoff < o.MinBackoff:
		return fmt.Errorf("%w: MinBackoff is %s and MaxBackoff %s, they must not be negative nor the wrong way round",
			eventstore.ErrInvalid, o.MinBackoff, o.MaxBackoff)
	}
	return eventstore.ValidatePartitions(o.Partitions)
}

// retry is how often and how soon something that fails is tried again.
func (o Options) retry() consumer.Retry {
	return consumer.Retry{MinBackoff: o.MinBackoff, MaxBackoff: o.MaxBackoff}
}

// reserve is the part of a lease that no dispatch may use: in it the outcome is recorded and the task finished.
func (o Options) reserve() time.Duration { return (o.DispatchLease - o.DispatchTimeout) / 2 }

// now returns the time by the clock of timers, zero for that of the agenda.
func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Time{}
	}
	return o.Now()
}

// of returns the policy as the runner of consumers knows it.
func (p Policy) of() consumer.Policy {
	if p == Skip {
		return consumer.Skip
	}
	return consumer.Pause
}
