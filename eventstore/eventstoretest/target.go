package eventstoretest

import (
	"context"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// TargetHarness is a target to be tested and what the suite may do to it. A clause has one to itself. Fields that may be
// nil are features, as in Harness.
type TargetHarness[Tx any] struct {
	// Target has no checkpoints and is used by nobody else.
	Target eventstore.Target[Tx]

	// Mark counts, in the transaction, how often it was called with this name.
	Mark func(ctx context.Context, tx Tx, name string) error

	// Marks returns the count of a name as others than the transaction see it, 0 for one that was never marked. It must
	// not wait for a transaction.
	Marks func(ctx context.Context, name string) (int, error)

	// Open returns the target as another process would have it. May be nil.
	Open func(ctx context.Context) (eventstore.Target[Tx], error)

	// PassTime moves the target's clock. Where it is nil the suite lets a little time pass in earnest.
	PassTime func(d time.Duration)

	// Kill breaks all connections of the target while they are at work. It must recover by itself. May be nil.
	Kill func(ctx context.Context) error

	// Parallel lets clauses run at the same time, each with a harness of its own.
	Parallel bool

	// Patience is how long a clause may take before what it waits for is missing; 0 is two minutes.
	Patience time.Duration

	// Moves is how many moves a randomized clause makes; 0 is 240, and 60 with -short.
	Moves int

	// Seed repeats the random choices of a run that failed, which logged it; 0 takes a new one.
	Seed uint64
}

func (h TargetHarness[Tx]) has(f feature) bool {
	switch f {
	case needsOpen:
		return h.Open != nil
	case needsKill:
		return h.Kill != nil
	default:
		return false
	}
}

// RunTarget tests a target, clause by clause. The factory makes a harness for each of them; it uses its *testing.T to
// fail and to clean up.
func RunTarget[Tx any](t *testing.T, factory func(t *testing.T) TargetHarness[Tx]) {
	t.Helper()
	conformance[TargetHarness[Tx], *targetTrial[Tx]]{
		guarantees: targetGuarantees[Tx](),
		harness:    factory,
		parallel:   func(h TargetHarness[Tx]) bool { return h.Parallel },
		run:        runTargetTrial[Tx],
	}.test(t)
}

func targetGuarantees[Tx any]() []guarantee[*targetTrial[Tx]] {
	parking := func(c *targetTrial[Tx]) *parkingTrial { return c.parking() }
	return append(consumerGuarantees(func(c *targetTrial[Tx]) *consumerTrial { return c.consumerTrial }),
		guarantee[*targetTrial[Tx]]{"advance", advanceClauses[Tx]()},
		guarantee[*targetTrial[Tx]]{"moving", movingClauses[Tx]()},
		guarantee[*targetTrial[Tx]]{"parking", clausesOf(parkingClauses(), parking)},
		guarantee[*targetTrial[Tx]]{"retry and discard", clausesOf(retryClauses(), parking)},
	)
}

// targetTrial is one run of a clause of RunTarget.
type targetTrial[Tx any] struct {
	*consumerTrial
	TargetHarness[Tx]

	// targets are the target, and the same as another process has it where the backend has such.
	targets []eventstore.Target[Tx]
}

func runTargetTrial[Tx any](t reporter, h TargetHarness[Tx], check func(c *targetTrial[Tx])) {
	t.Helper()
	c := &targetTrial[Tx]{
		consumerTrial: &consumerTrial{run: newRun(t, h.Patience, h.Moves, h.Seed), passTime: h.PassTime},
		TargetHarness: h,
	}
	defer c.finish()
	c.open()
	check(c)
}

func (c *targetTrial[Tx]) open() {
	c.Helper()
	c.targets = []eventstore.Target[Tx]{c.Target}
	if c.Open != nil {
		other, err := c.Open(c.ctx)
		c.ok(err, "open another handle")
		c.targets = append(c.targets, other)
	}
	for _, target := range c.targets {
		c.handles = append(c.handles, consumerHandle{
			keeper: target,
			move: func(ctx context.Context, move eventstore.Move) error {
				return target.Advance(ctx, move, nil)
			},
		})
	}
}

// parking makes the trial one of what is parked.
func (c *targetTrial[Tx]) parking() *parkingTrial {
	trial := &parkingTrial{
		consumerTrial: c.consumerTrial,
		failing: func(ctx context.Context, move eventstore.Move) error {
			return c.Target.Advance(ctx, move, func(context.Context, Tx) error { return errWork })
		},
	}
	for _, target := range c.targets {
		trial.parking = append(trial.parking, target)
	}
	return trial
}
