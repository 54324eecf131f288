package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// DefaultLease is how long a process may be silent before others take over its partitions.
const DefaultLease = 10 * time.Second

// Keeper is what keeps a consumer's checkpoints.
type Keeper interface {
	eventstore.Checkpoints
	eventstore.Leases
}

// Config says what a [Runner] runs.
type Config struct {
	// ID is the consumer's name and version. See [eventstore.ConsumerID].Validate.
	ID eventstore.ConsumerID
	// Definition is what the consumer says of itself; its Kind is what messages call it.
	eventstore.Definition
	Store  eventstore.Store
	Keeper Keeper
	// Parking keeps what was parked. It may be nil where Policy is Pause.
	Parking eventstore.Parking
	Filter  eventstore.Filter
	// Sequence names the sequence that an event belongs to: the events of one are handled by one partition, in the order
	// of their positions, and are parked together under that name. Nil means the stream of the event. The zero StreamID
	// says that the event is for nobody. An error, a panic or a name that no stream can have says that nobody can tell;
	// then Unrouted applies, or [NotHere].
	//
	// Sequence is called for each event by each partition, and several calls may run at once. It looks at nothing but the
	// event, so that all processes agree. A program that names other sequences than the one before is safe to start where
	// nothing is parked and all partitions are at one position: else what changed its sequence may be handled twice, or
	// by nobody.
	Sequence func(event eventstore.RecordedEvent) (eventstore.StreamID, error)
	// Prepare is called before the consumer is run, after it was defined. It may be nil.
	Prepare func(ctx context.Context) error
	// Handle does the work for some events of one partition, in order, and makes the move, through
	// [eventstore.Target].Advance or [eventstore.Agenda].Plan; it returns what they return. There may be no events, where
	// the checkpoint has to move past others. Calls for one partition do not overlap within one Run or CatchUp, those for
	// several do. A panic is an error like any other.
	Handle func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error
	// Retry is how often and how soon an event that fails is tried again, Policy what becomes of it then. Zero fields
	// have their defaults.
	Retry  Retry
	Policy Policy
	// Unrouted is what becomes of an event whose Sequence cannot be told. It may be for any partition, so each stops
	// there, or passes it over. With Pause none handles what follows until it is resumed, so nothing is lost; with Skip it
	// is recorded once. Park means Pause.
	Unrouted Policy
	// Lease is how long a process may be silent before others take over its partitions; 0 is DefaultLease.
	Lease time.Duration
	// Logger is told what an operator must know; nil is slog.Default().
	Logger *slog.Logger
}

// Policy is what becomes of an event that was tried in vain.
type Policy int

const (
	// Pause stops the partition right before the event until it is resumed.
	Pause Policy = iota
	// Park sets the event aside, and with it whatever comes later in its sequence.
	Park
	// Skip passes the event over.
	Skip
)

// Permanent marks an error as one that trying again does not cure.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// IsPermanent reports whether [Permanent] has marked an error.
func IsPermanent(err error) bool {
	var permanent permanentError
	return errors.As(err, &permanent)
}

// NotHere marks an error as the fault of this process and not of the event: another one, a newer program say, could
// handle it. Nothing is given up. Run tries again for ever, and CatchUp returns the error.
func NotHere(err error) error {
	if err == nil {
		return nil
	}
	return notHereError{err}
}

type notHereError struct{ error }

func (e notHereError) Unwrap() error { return e.error }

func isNotHere(err error) bool {
	var notHere notHereError
	return errors.As(err, &notHere)
}

type live struct{}

// IsLive reports whether what is handled under ctx is handled for the version that readers see.
func IsLive(ctx context.Context) bool {
	is, _ := ctx.Value(live{}).(bool)
	return is
}

// WithLive returns a context under which IsLive returns what is given.
func WithLive(ctx context.Context, is bool) context.Context {
	return context.WithValue(ctx, live{}, is)
}
