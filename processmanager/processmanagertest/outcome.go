package processmanagertest

import (
	"reflect"
	"testing"

	"github.com/pasttense/pasttense/processmanager"
)

// Outcome is what a process decided on an input. Its methods that begin with Then report failures and let the test go
// on.
type Outcome[S, C any] struct {
	t         testing.TB
	decisions []processmanager.Decision[S, C]
}

// Then expects exactly these effects, in this order. The zero value expects that nothing is sent and the instance goes
// on; that is so too for an input that is ignored. Commands are compared by [reflect.DeepEqual].
func (o *Outcome[S, C]) Then(expected processmanager.Effects[C]) *Outcome[S, C] {
	o.t.Helper()
	effects := o.only().Effects
	if want, got := effectLines(expected), effectLines(effects); !sameEffects(expected, effects) {
		o.t.Errorf("the process decided other effects (- expected, + decided):\n%s", compare(want, got))
	}
	return o
}

// ThenState expects the state that the instance then has. States are compared by [reflect.DeepEqual].
func (o *Outcome[S, C]) ThenState(expected S) *Outcome[S, C] {
	o.t.Helper()
	if len(o.decisions) == 0 {
		o.t.Errorf("expected a state, but the process ignores the input")
		return o
	}
	if state := o.only().State; !reflect.DeepEqual(expected, state) {
		o.t.Errorf("the state is another (- expected, + actual):\n%s", compare(stateLines(expected), stateLines(state)))
	}
	return o
}

// ThenIgnored expects that no instance decides anything: the event is not for this process, the instance is complete,
// or refusals are not reacted to.
func (o *Outcome[S, C]) ThenIgnored() *Outcome[S, C] {
	o.t.Helper()
	for _, decision := range o.decisions {
		o.t.Errorf("expected the input to be ignored, but instance %q decided:\n%s",
			decision.Instance, compare(effectLines(decision.Effects), effectLines(decision.Effects)))
	}
	return o
}

// Decisions returns what each instance decided, for what the other methods cannot express.
func (o *Outcome[S, C]) Decisions() []processmanager.Decision[S, C] { return o.decisions }

// only returns the one decision there is, and a zero one where there is none.
func (o *Outcome[S, C]) only() processmanager.Decision[S, C] {
	o.t.Helper()
	switch len(o.decisions) {
	case 0:
		return processmanager.Decision[S, C]{}
	case 1:
		return o.decisions[0]
	default:
		o.t.Fatalf("the input is for %d instances: use Decisions to look at them", len(o.decisions))
		return processmanager.Decision[S, C]{}
	}
}

func sameEffects[C any](a, b processmanager.Effects[C]) bool {
	if a.Complete != b.Complete || len(a.Send) != len(b.Send) {
		return false
	}
	for n := range a.Send {
		if !reflect.DeepEqual(a.Send[n], b.Send[n]) {
			return false
		}
	}
	return true
}
