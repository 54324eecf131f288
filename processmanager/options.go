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
	DefaultAttempts        = 7
	DefaultMinBackoff      = 100 * time.Millisecond
	DefaultMaxBackoff      = time.Minute
)

// Options changes how a [Manager] works. The zero value of each field stands for its default.
type Options struct {
	// Concurrency is how many instances have a command dispatched at the same time by one Run; the default is
	// DefaultConcurrency.
	Concurrency int

	// DispatchTimeout is how long one dispatch may take: its context ends then. The default is DefaultDispatchTimeout.
	DispatchTimeout time.Duration

	// Lease is how long an instance with commands to dispatch belongs to the process that took it up, and so how long
	// its commands wait when that process is killed. It must be longer than DispatchTimeout; a dispatch begins only
	// while there is time left for it. The default is three times DispatchTimeout.
	Lease time.Duration

	// PollInterval is how often an idle Run looks for commands that another process has decided on, and for those that
	// are to be tried again. The default is DefaultPollInterval.
	PollInterval time.Duration

	// Attempts is how often an event is tried whose reaction fails, before the manager is paused; the default is
	// DefaultAttempts. Commands are tried without end.
	Attempts int

	// MinBackoff is the longest delay before the second attempt, of an event or a command. It doubles with each failure
	// up to MaxBackoff; the actual delay is random between a half and all of it. The defaults are DefaultMinBackoff and
	// DefaultMaxBackoff.
	MinBackoff time.Duration
	MaxBackoff time.Duration

	// IgnoreTypes are stored event types that are passed over when their codec does not know them. Any other unknown type
	// pauses the manager.
	IgnoreTypes []string

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
	options.Lease = cmp.Or(options.Lease, 3*options.DispatchTimeout)
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
	case o.Lease <= o.DispatchTimeout:
		return fmt.Errorf("%w: Lease is %s, it must be longer than the DispatchTimeout of %s",
			eventstore.ErrInvalid, o.Lease, o.DispatchTimeout)
	case o.PollInterval < 0:
		return fmt.Errorf("%w: PollInterval %s is negative", eventstore.ErrInvalid, o.PollInterval)
	case o.MinBackoff < 0 || o.MaxBackoff < o.MinBackoff:
		return fmt.Errorf("%w: MinBackoff is %s and MaxBackoff %s, they must not be negative nor the wrong way round",
			eventstore.ErrInvalid, o.MinBackoff, o.MaxBackoff)
	}
	return nil
}

// retry is how often and how soon something that fails is tried again.
func (o Options) retry() consumer.Retry {
	return consumer.Retry{Attempts: o.Attempts, MinBackoff: o.MinBackoff, MaxBackoff: o.MaxBackoff}
}

// reserve is the part of a lease that no dispatch may use: in it the outcome is recorded and the task finished.
func (o Options) reserve() time.Duration { return (o.Lease - o.DispatchTimeout) / 2 }
