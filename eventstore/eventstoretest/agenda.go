package eventstoretest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

const testProcess = "checkout"

const (
	// moment is a lease or delay whose end a clause waits for.
	moment = 50 * time.Millisecond
	// long is one whose end no clause sees unless it moves the clock.
	long = time.Hour
)

// AgendaHarness is an agenda to be tested and what the suite may do to it. A clause has one to itself. Fields that may
// be nil are features, as in Harness.
type AgendaHarness struct {
	// Agenda has no checkpoints and no entries, and is used by nobody else.
	Agenda eventstore.Agenda

	// Open returns the agenda as another process would have it. May be nil.
	Open func(ctx context.Context) (eventstore.Agenda, error)

	// PassTime moves the agenda's clock. Where it is nil the suite lets a little time pass in earnest.
	PassTime func(d time.Duration)

	// Parallel lets clauses run at the same time, each with a harness of its own.
	Parallel bool

	// Patience is how long a clause may take before what it waits for is missing; 0 is two minutes.
	Patience time.Duration

	// Instances is how many instances a randomized clause plans; 0 is 240, and 60 with -short.
	Instances int

	// Seed repeats the random choices of a run that failed, which logged it; 0 takes a new one.
	Seed uint64
}

func (h AgendaHarness) has(f feature) bool { return f == needsOpen && h.Open != nil }

// RunAgenda tests an agenda, clause by clause. The factory makes a harness for each of them; it uses its *testing.T to
// fail and to clean up.
func RunAgenda(t *testing.T, factory func(t *testing.T) AgendaHarness) {
	t.Helper()
	conformance[AgendaHarness, *agendaTrial]{
		guarantees: agendaGuarantees(),
		harness:    factory,
		parallel:   func(h AgendaHarness) bool { return h.Parallel },
		run:        runAgendaTrial,
	}.test(t)
}

func agendaGuarantees() []guarantee[*agendaTrial] {
	parking := func(c *agendaTrial) *parkingTrial { return c.parking() }
	return append(consumerGuarantees(func(c *agendaTrial) *consumerTrial { return c.consumerTrial }),
		guarantee[*agendaTrial]{"parking", clausesOf(parkingClauses(), parking)},
		guarantee[*agendaTrial]{"retry and discard", clausesOf(retryClauses(), parking)},
		guarantee[*agendaTrial]{"plan", planClauses()},
		guarantee[*agendaTrial]{"entries", entryClauses()},
		guarantee[*agendaTrial]{"claim", claimClauses()},
		guarantee[*agendaTrial]{"timers", timerClauses()},
		guarantee[*agendaTrial]{"release", releaseClauses()},
		guarantee[*agendaTrial]{"racing", agendaRaceClauses()},
		guarantee[*agendaTrial]{"note", noteClauses()},
		guarantee[*agendaTrial]{"refused", refusedByAgendaClauses()},
	)
}

// agendaTrial is one run of a clause of RunAgenda.
type agendaTrial struct {
	*consumerTrial
	AgendaHarness

	// agendas are the agenda, and the same as another process has it where the backend has such.
	agendas []eventstore.Agenda
}

func runAgendaTrial(t reporter, h AgendaHarness, check func(c *agendaTrial)) {
	t.Helper()
	c := &agendaTrial{
		consumerTrial: &consumerTrial{run: newRun(t, h.Patience, h.Instances, h.Seed), passTime: h.PassTime},
		AgendaHarness: h,
	}
	defer c.finish()
	c.open()
	check(c)
}

func (c *agendaTrial) open() {
	c.Helper()
	c.agendas = []eventstore.Agenda{c.Agenda}
	if c.Open != nil {
		other, err := c.Open(c.ctx)
		c.ok(err, "open another handle")
		c.agendas = append(c.agendas, other)
	}
	for _, agenda := range c.agendas {
		c.handles = append(c.handles, consumerHandle{
			keeper: agenda,
			move: func(ctx context.Context, move eventstore.Move) error {
				return agenda.Plan(ctx, move, nil)
			},
		})
	}
}

// parking makes the trial one of what is parked. Work that fails is a plan of what cannot be planned.
func (c *agendaTrial) parking() *parkingTrial {
	trial := &parkingTrial{
		consumerTrial: c.consumerTrial,
		failing: func(ctx context.Context, move eventstore.Move) error {
			err := c.Agenda.Plan(ctx, move, []eventstore.Entry{{Process: move.Consumer.Name}})
			if errors.Is(err, eventstore.ErrInvalid) {
				return errWork
			}
			return fmt.Errorf("a plan for an instance without a key: %w", err)
		},
	}
	for _, agenda := range c.agendas {
		trial.parking = append(trial.parking, agenda)
	}
	return trial
}
