package eventstoretest

import (
	"context"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// AgendaHarness is an agenda to be tested and what the suite may do to it. A clause has one to itself. Fields that may
// be nil are features, as in Harness.
type AgendaHarness struct {
	// Agenda has no checkpoints and no tasks, and is used by nobody else.
	Agenda eventstore.Agenda

	// Open returns the agenda as another process would have it. May be nil.
	Open func(ctx context.Context) (eventstore.Agenda, error)

	// PassTime moves the agenda's clock. Where it is nil the suite lets a little time pass in earnest.
	PassTime func(d time.Duration)

	// Parallel lets clauses run at the same time, each with a harness of its own.
	Parallel bool

	// Patience is how long a clause may take before what it waits for is missing; 0 is two minutes.
	Patience time.Duration

	// Tasks is how many tasks a randomized clause plans; 0 is 240, and 60 with -short.
	Tasks int

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
	return append(consumerGuarantees(func(c *agendaTrial) *consumerTrial { return c.consumerTrial }),
		guarantee[*agendaTrial]{"plan", planClauses()},
		guarantee[*agendaTrial]{"claim", claimClauses()},
		guarantee[*agendaTrial]{"done and postpone", doneClauses()},
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
		consumerTrial: &consumerTrial{run: newRun(t, h.Patience, h.Tasks, h.Seed), passTime: h.PassTime},
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
