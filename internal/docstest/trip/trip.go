package trip

import "errors"

// Trip is what commands need to know of a trip.
type Trip struct {
	Requested, Confirmed, Rejected bool
}

// Evolve returns the trip after an event.
func (t Trip) Evolve(event Event) Trip {
	switch event.(type) {
	case Requested:
		t.Requested = true
	case Confirmed:
		t.Confirmed = true
	case Rejected:
		t.Rejected = true
	}
	return t
}

// The reasons for which commands are refused.
var (
	ErrNotOpen = errors.New("the trip is not open")
	ErrKnown   = errors.New("the trip was requested before")
)

func (t Trip) isOpen() bool { return t.Requested && !t.Confirmed && !t.Rejected }

type Request struct{ To string }

func (r Request) Decide(t Trip) ([]Event, error) {
	if t.Requested {
		return nil, ErrKnown
	}
	return []Event{Requested(r)}, nil
}

type Confirm struct{}

func (Confirm) Decide(t Trip) ([]Event, error) {
	if !t.isOpen() {
		return nil, ErrNotOpen
	}
	return []Event{Confirmed{}}, nil
}

type Reject struct{ Reason string }

func (r Reject) Decide(t Trip) ([]Event, error) {
	if !t.isOpen() {
		return nil, ErrNotOpen
	}
	return []Event{Rejected(r)}, nil
}
