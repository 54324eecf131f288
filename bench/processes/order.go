package main

import (
	"errors"
	"time"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
)

const orderCategory = "order"

type orderEvent interface{ isOrderEvent() }

type (
	// placed says what is to become of the order, too.
	placed struct {
		RemindAfter time.Duration `json:"remind_after"`
		// Keeps says that the checkout does not cancel the reminder.
		Keeps bool `json:"keeps,omitempty"`
		// Refuses says that the order cannot be confirmed.
		Refuses bool `json:"refuses,omitempty"`
	}
	checkedOut struct{}
	confirmed  struct{}
)

func (placed) isOrderEvent()     {}
func (checkedOut) isOrderEvent() {}
func (confirmed) isOrderEvent()  {}

const (
	placedType     = "order.placed"
	checkedOutType = "order.checked-out"
	confirmedType  = "order.confirmed"
)

var orderEvents = eventstore.JSON(orderCategory, map[string]orderEvent{
	placedType:     placed{},
	checkedOutType: checkedOut{},
	confirmedType:  confirmed{},
})

// order is what confirmations are decided on. One that comes with another ID is refused.
type order struct {
	Refuses     bool
	CheckedOut  bool
	IsConfirmed bool
}

// Evolve implements [aggregate.State].
func (o order) Evolve(event orderEvent) order {
	switch event := event.(type) {
	case placed:
		o.Refuses = event.Refuses
	case checkedOut:
		o.CheckedOut = true
	case confirmed:
		o.IsConfirmed = true
	}
	return o
}

var (
	errRefuses   = errors.New("the order cannot be confirmed")
	errConfirmed = errors.New("the order is confirmed already")
	errTooEarly  = errors.New("the order was not checked out")
)

type confirmation struct{}

// Decide implements [aggregate.Command].
func (confirmation) Decide(o order) ([]orderEvent, error) {
	switch {
	case o.IsConfirmed:
		return nil, errConfirmed
	case !o.CheckedOut:
		return nil, errTooEarly
	case o.Refuses:
		return nil, errRefuses
	}
	return []orderEvent{confirmed{}}, nil
}

func newOrders(store eventstore.Store) *aggregate.Repository[order, orderEvent] {
	return aggregate.New[order](store, orderEvents, nil)
}

func orderStream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: orderCategory, Key: key}
}
