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
	return []guarantee[*agendaTrial]{
		{"checkpoints", checkpointClauses(func(c *agendaTrial) *checkpointTrial { return c.checkpoints() })},
		{"plan", planClauses()},
		{"claim", claimClauses()},
		{"done and postpone", doneClauses()},
	}
}

// agendaTrial is one run of a clause of RunAgenda.
type agendaTrial struct {
	*run
	AgendaHarness
}

func runAgendaTrial(t reporter, h AgendaHarness, check func(c *agendaTrial)) {
	t.Helper()
	c := &agendaTrial{run: newRun(t, h.Patience, h.Tasks, h.Seed), AgendaHarness: h}
	defer c.finish()
	check(c)
}

// handles returns the agenda, and the same as another process has it where the backend has such.
func (c *agendaTrial) handles() []eventstore.Agenda {
	c.Helper()
	handles := []eventstore.Agenda{c.Agenda}
	if c.Open != nil {
		other, err := c.Open(c.ctx)
		c.ok(err, "open another handle")
		handles = append(handles, other)
	}
	return handles
}

// checkpoints makes the trial one of checkpoints, which an agenda moves by planning nothing.
func (c *agendaTrial) checkpoints() *checkpointTrial {
	c.Helper()
	trial := &checkpointTrial{run: c.run}
	for _, agenda := range c.handles() {
		trial.handles = append(trial.handles, checkpointHandle{
			Checkpoints: agenda,
			move: func(ctx context.Context, move eventstore.Move) error {
				return agenda.Plan(ctx, move, nil)
			},
		})
	}
	return trial
}

// pass lets time pass on the agenda's clock.
func (c *agendaTrial) pass(d time.Duration) {
	if c.PassTime != nil {
		c.PassTime(d)
		return
	}
	c.pause(d)
}
