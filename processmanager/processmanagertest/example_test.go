package processmanagertest_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
	"github.com/pasttense/pasttense/processmanager/processmanagertest"
)

// printer stands for the *testing.T of a test.
type printer struct{ testing.TB }

func (printer) Helper() {}

func (printer) Context() context.Context { return context.Background() }

func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func (p printer) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

func Example() {
	t := printer{} // in a test: the t of its argument

	order42 := processmanagertest.Stream(events, "42")
	placed := order42.Event(Placed{Amount: 10}).At(noon)
	paid := order42.Event(Paid{})

	processmanagertest.Given(t, shipping()).
		When(placed).
		Then(effects{
			Send: []Command{Reserve{Amount: 10}, Charge{Amount: 10}},
			Schedule: []processmanager.Timer{
				{Name: "reminder", DueAt: noon.Add(8 * time.Hour)}, {Name: "deadline", DueAt: noon.Add(24 * time.Hour)},
			},
		}).
		ThenState(State{Amount: 10})

	processmanagertest.Given(t, shipping(), placed).
		When(paid).
		Then(effects{Complete: true}) // wrong: the test fails, and says how

	// Output:
	// the process decided other effects (- expected, + decided):
	//     + send processmanagertest_test.Ship {Address:[]}
	//       complete
}

// When a command is refused, those before it count as dispatched.
func ExampleRefused() {
	t := printer{}
	placed := processmanagertest.Stream(events, "42").Event(Placed{Amount: 10})

	processmanagertest.Given(t, shipping(), placed).
		When(processmanagertest.Refused(Charge{Amount: 10}, errDeclined)).
		Then(effects{Fail: "card was declined"}).
		ThenUndone(Release{Amount: 10}).
		ThenTimers()

	// Output:
}

// Time moves when it is told to.
func ExampleElapsed() {
	t := printer{}
	placed := processmanagertest.Stream(events, "42").Event(Placed{Amount: 10}).At(noon)

	process := processmanagertest.Given(t, shipping(), placed,
		processmanagertest.Dispatched(Charge{Amount: 10}))

	process.When(processmanagertest.Elapsed(23 * time.Hour)).
		Then(effects{Send: []Command{Remind{}}}).
		ThenTimers(processmanager.Timer{Name: "deadline", DueAt: noon.Add(24 * time.Hour)})

	process.When(processmanagertest.TimerFired("deadline")).
		Then(effects{Fail: "nobody has paid"}).
		ThenUndone(Refund{Amount: 10}, Release{Amount: 10})

	// Output:
}

// mail sends mails, and does not look whether it has sent one before.
type mail struct{ sent []string }

func (m *mail) Send(text string) { m.sent = append(m.sent, text) }

func ExampleSurvives() {
	t := printer{}

	// The program: it remembers in memory which commands it has seen, which is wrong.
	newShipping := func(store eventstore.Store, agenda eventstore.Agenda, m *mail) *manager {
		seen := make(map[uuid.UUID]bool)
		return shippingIn(store, agenda, func(_ context.Context, c command) error {
			if !seen[c.ID] {
				m.Send(fmt.Sprintf("%T", c.Command))
			}
			seen[c.ID] = true
			return nil
		})
	}

	// The test.
	begin := func() processmanagertest.Setup[State, Command] {
		m := &mail{}
		return processmanagertest.Setup[State, Command]{
			Manager: func(store eventstore.Store, agenda eventstore.Agenda) *manager {
				return newShipping(store, agenda, m)
			},
			Received: func() any { return m.sent },
		}
	}
	processmanagertest.Survives(t, begin,
		processmanagertest.Stream(events, "42").Event(Placed{Amount: 10}),
		processmanagertest.Elapsed(24*time.Hour),
	)

	// Output:
	// the process crashes right after dispatch of processmanagertest_test.Reserve, instance "42"; then the outcome is another (- undisturbed, + disturbed):
	//     + received: processmanagertest_test.Reserve
}
