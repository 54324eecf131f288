package eventstoretest

import (
	"context"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Harness is a store to be tested and what the suite may do to it. A clause has one to itself.
//
// The fields that are functions, Store aside, are features: what only some backends can do. Where one is nil the
// clauses that need it are left out, and listed in the log of the test. All of a backend's harnesses have the same
// features. The functions are called from several goroutines at once.
type Harness struct {
	// Store has no events and is used by nobody else. The suite closes it when the clause ends.
	Store eventstore.Store

	// Open opens another handle on the same store, as another process would. The suite closes it when the clause ends.
	// A store that lives in one process has no such thing.
	Open func(ctx context.Context) (eventstore.Store, error)

	// Hold executes an append and holds it back from being committed. Its errors are those of Append; after one nothing
	// is held. It may wait for another held append, and gives up when ctx ends. A clause holds up to eight at once.
	// A store whose appends are never in flight has no such thing.
	Hold func(ctx context.Context, writes ...eventstore.Write) (Held, error)

	// OpenUnrelated opens a transaction that has written something which is not of this store, in the same database.
	OpenUnrelated func(ctx context.Context) (Held, error)

	// Kill breaks all connections of the store, of all handles and held appends, while they are at work. The store
	// must recover by itself.
	Kill func(ctx context.Context) error

	// Crash ends what is under the store without any chance to tidy up, starts it again and returns when it takes
	// connections. Clauses that crash never run in parallel with others of the same call of Run.
	Crash func(ctx context.Context) error

	// Parallel lets clauses run at the same time, each with a harness of its own.
	Parallel bool

	// PollInterval is how often the store looks for new events when nothing wakes it, 0 if it never does. A store is
	// best tested with a long one, a minute or more: then what comes has not come by polling.
	PollInterval time.Duration

	// Patience is how long a clause may take before what it waits for is missing; 0 is two minutes.
	Patience time.Duration

	// Appends is how many appends a randomized clause makes; 0 is 240, and 60 with -short.
	Appends int

	// Seed repeats the random choices of a run that failed, which logged it; 0 takes a new one. How goroutines
	// interleave is not repeated.
	Seed uint64
}

// Held is something executed and not yet committed: an append, or an unrelated transaction. A pgx.Tx is one.
// The suite calls one of the two, once.
type Held interface {
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// feature is what only some backends have, by the name of its field in Harness.
type feature string

const (
	needsOpen      feature = "Open"
	needsHold      feature = "Hold"
	needsUnrelated feature = "OpenUnrelated"
	needsKill      feature = "Kill"
	needsCrash     feature = "Crash"

	// These are no fields: they are a store that implements the interface of eventstore.
	needsCounter   feature = "a Store that is a Counter"
	needsSnapshots feature = "a Store that keeps Snapshots"
	needsFinder    feature = "a Store that is a Finder"
)

func (h Harness) has(f feature) bool {
	switch f {
	case needsOpen:
		return h.Open != nil
	case needsHold:
		return h.Hold != nil
	case needsUnrelated:
		return h.OpenUnrelated != nil
	case needsKill:
		return h.Kill != nil
	case needsCrash:
		return h.Crash != nil
	case needsCounter:
		_, counts := h.Store.(eventstore.Counter)
		return counts
	case needsSnapshots:
		_, keeps := h.Store.(eventstore.Snapshots)
		return keeps
	case needsFinder:
		_, finds := h.Store.(eventstore.Finder)
		return finds
	default:
		return false
	}
}
