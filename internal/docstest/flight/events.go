// Package flight has what airlines tell of flights.
package flight

import "github.com/pasttense/pasttense/eventstore"

// Event is something that an airline has told, by its webhook. Its stream is called by the airline's number.
type Event interface{ flight() }

// Held is that the airline keeps a seat for a trip.
type Held struct {
	Trip string `json:"trip"`
}

// Ticketed is that it has issued the ticket.
type Ticketed struct {
	Trip string `json:"trip"`
}

func (Held) flight()     {}
func (Ticketed) flight() {}

var Events = eventstore.JSON("flight", map[string]Event{
	"flight.held":     Held{},
	"flight.ticketed": Ticketed{},
})
