package processmanagertest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pasttense/pasttense/processmanager"
)

// Outcome is what a process decided on an input. Its methods that begin with Then report failures and let the test go
// on.
type Outcome[S, C any] struct {
	t         testing.TB
	decisions []Decision[S, C]
}

// Decision is what an instance decided.
type Decision[S, C any] struct {
	// Effects are what the reaction wanted done.
	Effects processmanager.Effects[C]
	// Undone are the commands that undo what the instance has done, in the order in which they are dispatched. Where it
	// has not failed there are none.
	Undone []C
	// After is the instance as the decision leaves it.
	After processmanager.Instance[S, C]

	// sent are all commands that are to be dispatched, Undone too.
	sent []processmanager.Sent[C]
}

// Then expects exactly these effects, in this order; of several decisions of an instance, those of one after the other.
// The zero value expects that nothing is done and the instance goes on; that is so too for an input that is ignored.
// Commands are compared by [reflect.DeepEqual], times by [time.Time.Equal] to the microsecond.
func (o *Outcome[S, C]) Then(expected processmanager.Effects[C]) *Outcome[S, C] {
	o.t.Helper()
	var effects processmanager.Effects[C]
	for _, decision := range o.ofOne() {
		effects = joined(effects, decision.Effects)
	}
	if !sameEffects(expected, effects) {
		o.t.Errorf("the process decided other effects (- expected, + decided):\n%s",
			compare(effectLines(expected), effectLines(effects)))
	}
	return o
}

// ThenUndone expects that the instance fails and is undone by these commands, in this order. Without commands it expects
// that nothing is undone.
func (o *Outcome[S, C]) ThenUndone(expected ...C) *Outcome[S, C] {
	o.t.Helper()
	var undone []C
	for _, decision := range o.ofOne() {
		undone = append(undone, decision.Undone...)
	}
	if !slices.EqualFunc(expected, undone, sameCommand) {
		o.t.Errorf("other commands undo what was done (- expected, + decided):\n%s",
			compare(commandLines("undo by", expected), commandLines("undo by", undone)))
	}
	return o
}

// ThenTimers expects that exactly these timers of the instance are set afterwards, in any order.
func (o *Outcome[S, C]) ThenTimers(expected ...processmanager.Timer) *Outcome[S, C] {
	o.t.Helper()
	last, decided := o.last()
	if !decided {
		o.t.Errorf("expected timers, but the process ignores the input")
		return o
	}
	expected = slices.Clone(expected)
	slices.SortFunc(expected, byDueTime)
	if !slices.EqualFunc(expected, last.After.Timers, sameTimer) {
		o.t.Errorf("other timers are set (- expected, + set):\n%s",
			compare(timerLines(expected), timerLines(last.After.Timers)))
	}
	return o
}

// ThenState expects the state that the instance then has. States are compared by [reflect.DeepEqual].
func (o *Outcome[S, C]) ThenState(expected S) *Outcome[S, C] {
	o.t.Helper()
	last, decided := o.last()
	if !decided {
		o.t.Errorf("expected a state, but the process ignores the input")
		return o
	}
	if state := last.After.State; !reflect.DeepEqual(expected, state) {
		o.t.Errorf("the state is another (- expected, + actual):\n%s", compare(stateLines(expected), stateLines(state)))
	}
	return o
}

// ThenIgnored expects that no instance decides anything: the event is not for this process, or waits for an instance to
// start, the instance has come to its end, no timer is due, or refusals are not reacted to.
func (o *Outcome[S, C]) ThenIgnored() *Outcome[S, C] {
	o.t.Helper()
	for _, decision := range o.decisions {
		lines := effectLines(decision.Effects)
		o.t.Errorf("expected the input to be ignored, but instance %q decided:\n%s",
			decision.After.Key, compare(lines, lines))
	}
	return o
}

// Decisions returns what was decided, in order, for what the other methods cannot express.
func (o *Outcome[S, C]) Decisions() []Decision[S, C] { return o.decisions }

// ofOne returns the decisions, which must be those of one instance.
func (o *Outcome[S, C]) ofOne() []Decision[S, C] {
	o.t.Helper()
	for _, decision := range o.decisions {
		if one, other := o.decisions[0].After.Key, decision.After.Key; one != other {
			o.t.Fatalf("instances %q and %q have decided: use Decisions to look at them", one, other)
			return nil
		}
	}
	return o.decisions
}

// last returns the last decision of the one instance that has decided.
func (o *Outcome[S, C]) last() (last Decision[S, C], decided bool) {
	o.t.Helper()
	all := o.ofOne()
	if len(all) == 0 {
		return Decision[S, C]{}, false
	}
	return all[len(all)-1], true
}

func joined[C any](one, next processmanager.Effects[C]) processmanager.Effects[C] {
	return processmanager.Effects[C]{
		Send:     slices.Concat(one.Send, next.Send),
		Schedule: slices.Concat(one.Schedule, next.Schedule),
		Cancel:   slices.Concat(one.Cancel, next.Cancel),
		Complete: one.Complete || next.Complete,
		Fail:     one.Fail + next.Fail,
	}
}

func sameEffects[C any](a, b processmanager.Effects[C]) bool {
	return slices.EqualFunc(a.Send, b.Send, sameCommand) && slices.EqualFunc(a.Schedule, b.Schedule, sameTimer) &&
		slices.Equal(a.Cancel, b.Cancel) && a.Complete == b.Complete && a.Fail == b.Fail
}

func sameCommand[C any](a, b C) bool { return reflect.DeepEqual(a, b) }

func sameTimer(a, b processmanager.Timer) bool {
	return a.Name == b.Name && a.DueAt.Truncate(time.Microsecond).Equal(b.DueAt.Truncate(time.Microsecond))
}
