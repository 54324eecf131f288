package processmanager

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// Definer is what [On], [OnTimer] and [OnRefused] define: the present version of a process, which is the [Manager]
// itself, or a [Former] one.
type Definer[S, C any] interface {
	// define changes a definition for a function, which panics under its name once the manager was started.
	define(function string, change func(d *definition[C], options Options))
	// zero tells the type of the state.
	zero() S
}

// On makes the process react to the events of a family. Route says which instance an event is for, see [Route] and
// [ByStream].
//
// React gets the state of the instance and the event, and returns the new state and what to do. It is pure: it asks
// neither the clock nor a database nor chance, since it may be run again when another process has changed the instance
// meanwhile. What it needs to know is in the event: [eventstore.Envelope].RecordedAt is the time. The state it gets is
// its own to change.
//
// An event whose reaction panics, or decides what cannot be stored, is parked, with whatever comes later for its
// instance; see [Manager.Parked]. One that cannot be decoded, or whose route panics, is for nobody knows whom: the
// manager is paused there.
//
// Adding a family to a process that has run already does not bring up what lies before its checkpoint.
//
// On panics when the process reacts to the category already, when the category is invalid, and when the manager was
// started: mistakes in the program.
func On[S, C, E any](
	d Definer[S, C],
	codec eventstore.Codec[E],
	route func(e eventstore.Envelope[E]) Route,
	react func(state S, e eventstore.Envelope[E]) (S, Effects[C]),
) {
	category := codec.Category()
	d.define("On", func(d *definition[C], options Options) {
		if err := eventstore.ValidateCategory(category); err != nil {
			panic(err)
		}
		if _, taken := d.families[category]; taken {
			panic(fmt.Errorf("it reacts to category %q twice", category))
		}
		if route == nil || react == nil {
			panic(fmt.Errorf("category %q: route or react is nil", category))
		}
		d.families[category] = func(recorded eventstore.RecordedEvent) ([]routed[C], error) {
			envelopes, err := eventstore.Open(codec, recorded)
			if errors.Is(err, eventstore.ErrUnknownType) && slices.Contains(options.IgnoreTypes, recorded.Type) {
				return nil, nil
			}
			return routes(envelopes, route, react), err
		}
	})
}

// OnTimer makes the process react when a timer of a name fires, which [Effects].Schedule has set. React is pure, as that
// of [On] is: the time is in what it gets. A timer fires once, soon after its time; it is not set any more then, and
// react may set it again, for a later time: one that sets itself at a time that has passed never rests. Those of one
// instance fire in the order of their times, also after a downtime. None fires after it was canceled or moved to a later
// time, or its instance has come to its end. When react fails, the instance is parked; see [Manager.Parked].
//
// OnTimer panics when the name is empty or begins with '$', when it was called for the name before, and when the manager
// was started: mistakes in the program.
func OnTimer[S, C any](d Definer[S, C], name string, react func(state S, fired Fired) (S, Effects[C])) {
	d.define("OnTimer", func(d *definition[C], _ Options) {
		if err := validateTimerName(name); err != nil {
			panic(err)
		}
		if _, taken := d.timers[name]; taken || react == nil {
			panic(fmt.Errorf("timer %q: react is nil or given twice", name))
		}
		d.timers[name] = func(fired Fired) reaction[C] {
			return reactionOf(func(s S) (S, Effects[C]) { return react(s, fired) })
		}
	})
}

// OnRefused makes the process react to commands that were refused, see [Refuse]. React is pure, as that of [On] is. An
// instance that has come to its end does not react any more. When react fails, the instance is parked, and
// [Manager.Retry] dispatches the command once more. Without OnRefused a refusal is logged and recorded, and the
// instance goes on as if the command had been dispatched.
//
// OnRefused panics when it was called before and when the manager was started: mistakes in the program.
func OnRefused[S, C any](d Definer[S, C], react func(state S, refused Refused[C]) (S, Effects[C])) {
	d.define("OnRefused", func(d *definition[C], _ Options) {
		if d.refused != nil || react == nil {
			panic(errors.New("react is nil or given twice"))
		}
		d.refused = func(refused Refused[C]) reaction[C] {
			return reactionOf(func(s S) (S, Effects[C]) { return react(s, refused) })
		}
	})
}
