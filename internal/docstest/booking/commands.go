// Package booking is the process of the guide as it is in the end: a trip is requested, a flight, a hotel and a car are
// booked for it, and when that is not possible it is all undone.
package booking

import (
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

// Command is something that the process wants done for a trip.
type Command interface{ booking() }

type BookFlight struct {
	To string `json:"to"`
}

type BookHotel struct {
	In string `json:"in"`
}

type BookCar struct {
	In string `json:"in"`
}

// Cancel undoes one of the three.
type Cancel struct {
	What string `json:"what"`
}

type ConfirmTrip struct{}

type RejectTrip struct {
	Reason string `json:"reason"`
}

func (BookFlight) booking()  {}
func (BookHotel) booking()   {}
func (BookCar) booking()     {}
func (Cancel) booking()      {}
func (ConfirmTrip) booking() {}
func (RejectTrip) booking()  {}

var Commands = eventstore.JSON("booking", map[string]Command{
	"booking.book-flight":  BookFlight{},
	"booking.book-hotel":   BookHotel{},
	"booking.book-car":     BookCar{},
	"booking.cancel":       Cancel{},
	"booking.confirm-trip": ConfirmTrip{},
	"booking.reject-trip":  RejectTrip{},
})

func (BookFlight) Undo() Command { return Cancel{What: "flight"} }
func (BookHotel) Undo() Command  { return Cancel{What: "hotel"} }
func (BookCar) Undo() Command    { return Cancel{What: "car"} }

var _ = []processmanager.Undoable[Command]{BookFlight{}, BookHotel{}, BookCar{}}
