package main

import (
	"errors"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

const (
	stockCategory = "stock"
	reservedType  = "stock.reserved"
	releasedType  = "stock.released"
)

type stockEvent interface{ isStockEvent() }

type (
	reserved struct{}
	released struct {
		// Undoes is the command of the reservation that is undone.
		Undoes uuid.UUID `json:"undoes"`
	}
)

func (reserved) isStockEvent() {}
func (released) isStockEvent() {}

var stockEvents = eventstore.JSON(stockCategory, map[string]stockEvent{
	reservedType: reserved{},
	releasedType: released{},
})

// stock is that of one order. It knows what was undone, as the command that was undone may come later.
type stock struct {
	undone map[uuid.UUID]bool
}

// Evolve implements [aggregate.State].
func (s stock) Evolve(event stockEvent) stock {
	if event, isReleased := event.(released); isReleased {
		if s.undone == nil {
			s.undone = make(map[uuid.UUID]bool)
		}
		s.undone[event.Undoes] = true
	}
	return s
}

var errUndone = errors.New("the reservation was undone before it came")

type reservation struct{ command uuid.UUID }

// Decide implements [aggregate.Command].
func (r reservation) Decide(s stock) ([]stockEvent, error) {
	if s.undone[r.command] {
		return nil, errUndone
	}
	return []stockEvent{reserved{}}, nil
}

// giveBack is decided again as often as it comes with another ID.
type giveBack struct{ undoes uuid.UUID }

// Decide implements [aggregate.Command].
func (g giveBack) Decide(stock) ([]stockEvent, error) {
	return []stockEvent{released{Undoes: g.undoes}}, nil
}

func newStock(store eventstore.Store) *aggregate.Repository[stock, stockEvent] {
	return aggregate.New[stock](store, stockEvents, nil)
}

func stockStream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: stockCategory, Key: key}
}
