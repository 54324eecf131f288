package projection

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Options change how a projection runs. The zero value, and nil, are the defaults.
type Options struct {
	// Policy says what becomes of an event that could not be applied; the default is Pause.
	Policy Policy
	// Attempts is how often an event that fails is tried by itself before the policy decides. The default is 7, which
	// takes three to six seconds. An error that [Permanent] has marked is not tried again.
	Attempts int
	// MinBackoff is the greatest delay before the second attempt. It doubles with each one up to MaxBackoff, and is
	// shortened at random by up to a half. The same delays are used while the store cannot be reached. The default is
	// 100 ms.
	MinBackoff time.Duration
	// MaxBackoff is the greatest delay of all. The default is 10 s.
	MaxBackoff time.Duration
	// Partitions is how many partitions a new projection begins with, from 1 to [eventstore.MaxPartitions]. The default
	// is 1. One that has run before keeps the number it has: see [Repartition].
	Partitions int
	// Lease is how long a process may be silent, because it was killed or cannot reach the database, before others take
	// over its partitions. It renews its lease four times as often. All processes should agree on it. The default is 10 s.
	// A transaction that stands still for three quarters of it is ended, so that a process that was stopped in the middle
	// does not stand in the way: no handler may do anything else for so long between two statements. A target may have a
	// shorter limit; pgstore's is 10 s.
	Lease time.Duration
	// IgnoreTypes are stored event types that are passed over when the codec does not know them, or not their schema
	// version. For any other unknown type the policy decides.
	IgnoreTypes []string
	// SwitchWhenTold keeps a new version of the projection from becoming the live one by itself once it has caught up:
	// [Switch] does it then. See [Projection.Versioned].
	SwitchWhenTold bool
	// Logger is told of failures, pauses and resumptions, and of the progress of a new version. The default is
	// slog.Default().
	Logger *slog.Logger
}

func (o *Options) orDefaults() Options {
	var options Options
	if o != nil {
		options = *o
		options.IgnoreTypes = slices.Clone(o.IgnoreTypes)
	}
	options.Partitions = max(options.Partitions, 1)
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return options
}

// minLease is the shortest lease that leaves time to renew it.
const minLease = 100 * time.Millisecond

func (o *Options) validateLease() error {
	if o.Lease != 0 && o.Lease < minLease {
		return fmt.Errorf("%w: a lease of %s is too short, the least is %s", eventstore.ErrInvalid, o.Lease, minLease)
	}
	return nil
}

// Policy says what becomes of an event that could not be applied after all attempts.
type Policy int

const (
	// Pause stops the partition that the event belongs to, in every process, right before the event, until it is resumed.
	// Nothing of it that comes later is applied. It is the policy for a read model that must not be wrong.
	Pause Policy = iota
	// Park sets aside the event and whatever comes later in its stream, in order, and goes on with all other streams. See
	// [Projection.Parked].
	Park
	// Skip passes the event over, with a record of it, and goes on. See [Projection.Skipped].
	Skip
)

// Permanent marks an error of a handler as one that trying again does not cure: the policy decides at once. It returns
// nil for nil. The error's text and what it wraps stay as they are.
func Permanent(err error) error { return consumer.Permanent(err) }
