package processmanagertest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// Setup is what surrounds a process in one run of [Survives].
type Setup[S, C any] struct {
	// Manager makes the manager as the program does when it starts, with the given store and agenda, a dispatch that
	// works on that store, and receivers that outlive the process. It is called again after each crash, so what dispatch
	// keeps in memory is lost then.
	Manager func(store eventstore.Store, agenda eventstore.Agenda) *processmanager.Manager[S, C]

	// Received returns what receivers outside of the store have got in the end. It is compared as package fmt prints it
	// with %+v, a slice element by element. Nil is nothing.
	Received func() any

	// Outcome returns what else is compared, as Received does, where the default will not do: the types and data of the
	// events of every stream but the process's own, and of each instance its status, state, timers and commands with what
	// became of them. IDs and times in JSON do not count in it, and a command that may have been carried out, when its
	// instance has failed, counts as dispatched.
	Outcome func(ctx context.Context, store eventstore.Store) (any, error)
}

// Survives tests that a process comes to the same outcome whatever happens to it. Begin begins a run: the receivers of its
// dispatch are new ones each time. The inputs are events, by themselves or [Together], and [Elapsed] and [TimerFired]
// between them. The process catches up after each; commands are dispatched, and may lead to further events.
//
// One run is undisturbed. The others are compared with it:
//
//   - The process crashes right before and right after each single step that it takes: each call of store and agenda,
//     also those that dispatch makes, and each dispatch. Nothing that it does then has any effect. Its leases end, and
//     another process takes over.
//   - An append is in doubt: the process learns that its outcome is unknown. For each append it is so once where it was
//     made, and once where it was not.
//   - The process crashes, its agenda is lost, and all events come again; and once they do so at the end.
//   - Processes crash one after the other, each after a few steps.
//
// It reports the first difference, with the step. It ends the test when the undisturbed run fails: when a reaction fails or
// is not pure, an event cannot be decoded, no instance begins, or two undisturbed runs differ. It takes some 100 to 1000
// runs, a second or so.
//
// A process that a race decides has several outcomes, such as one that a timer may end before or after a command was
// dispatched. Outcome should then return only what is the same for all.
func Survives[S, C any](t testing.TB, begin func() Setup[S, C], inputs ...Input) {
	t.Helper()
	s := &survival[S, C]{begin: begin, inputs: inputs}
	if err := s.undisturbed(t.Context()); err != nil {
		t.Fatalf("undisturbed: %v", err)
		return
	}
	for _, p := range s.plans() {
		if difference := s.try(t.Context(), p); difference != "" {
			t.Errorf("%s", difference)
			return
		}
	}
}

// survival is one call of Survives.
type survival[S, C any] struct {
	begin  func() Setup[S, C]
	inputs []Input
	// steps are those that the process takes when it is not disturbed, and ending how that ends.
	steps  []step
	ending []string
}

// undisturbed runs the process as it should be.
func (s *survival[S, C]) undisturbed(ctx context.Context) error {
	trial := newTrial(s.begin, plan{})
	ending, err := trial.run(ctx, s.inputs)
	if err != nil {
		return err
	}
	s.steps, s.ending = trial.first.steps, ending
	if records, err := trial.progress(ctx); err != nil || records == 0 {
		return cmp.Or(err, errors.New("no instance begins: the inputs are not for the process"))
	}
	again, err := newTrial(s.begin, plan{}).run(ctx, s.inputs)
	if err != nil {
		return err
	}
	if !slices.Equal(ending, again) {
		return fmt.Errorf("a second run has another outcome: perhaps its receivers are not new ones "+
			"(- first, + second):\n%s", indent(differences(ending, again)))
	}
	return nil
}

// plans returns what may happen to the process.
func (s *survival[S, C]) plans() []plan {
	plans := []plan{{repeats: true}}
	for n, step := range s.steps {
		at := n + 1
		plans = append(plans, plan{at: at, trouble: crashBefore})
		if step.changes {
			plans = append(plans, plan{at: at, trouble: crashAfter}, plan{at: at, forgets: true})
		}
		if step.append {
			plans = append(plans, plan{at: at, trouble: doubtNotMade}, plan{at: at, trouble: doubtMade})
		}
	}
	for one, next := 1, 2; one < len(s.steps); one, next = next, one+next {
		plans = append(plans, plan{at: one, again: true})
	}
	return plans
}

// try returns in which way a run ends otherwise than the undisturbed one, empty if it does not.
func (s *survival[S, C]) try(ctx context.Context, p plan) (difference string) {
	trial := newTrial(s.begin, p)
	ending, err := trial.run(ctx, s.inputs)
	switch {
	case err != nil:
		return fmt.Sprintf("%s; then it fails: %v", trial.story(), err)
	case !slices.Equal(s.ending, ending):
		return fmt.Sprintf("%s; then the outcome is another (- undisturbed, + disturbed):\n%s",
			trial.story(), indent(differences(s.ending, ending)))
	}
	return ""
}

// story tells what has happened to the process.
func (t *trial[S, C]) story() string {
	switch {
	case t.plan.again:
		return fmt.Sprintf("%d processes crash one after the other, each after %s or so, the first at %s",
			t.lives-1, count(t.plan.at, "step"), t.struck)
	case t.plan.repeats:
		return "the agenda is lost in the end, and all events come again"
	case t.plan.forgets:
		return fmt.Sprintf("%s %s, the agenda is lost, and all events come again", t.plan.trouble, t.struck)
	default:
		return fmt.Sprintf("%s %s", t.plan.trouble, t.struck)
	}
}
