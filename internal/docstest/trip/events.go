// Package trip has what happens to trips.
package trip

import "github.com/pasttense/pasttense/eventstore"

// Event is something that has happened to a trip.
type Event interface{ trip() }

type Requested struct {
	To string `json:"to"`
}

type Confirmed struct{}

type Rejected struct {
	Reason string `json:"reason"`
}

func (Requested) trip() {}
func (Confirmed) trip() {}
func (Rejected) trip()  {}

var Events = eventstore.JSON("trip", map[string]Event{
	"trip.requested": Requested{},
	"trip.confirmed": Confirmed{},
	"trip.rejected":  Rejected{},
})
