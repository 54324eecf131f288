// Package customer has what happens to customers.
package customer

import (
	"errors"

	"github.com/pasttense/pasttense/eventstore"
)

// Event is something that has happened to a customer.
type Event interface{ customer() }

type Registered struct {
	Email string `json:"email"`
}

type EmailChanged struct {
	Email string `json:"email"`
}

func (Registered) customer()   {}
func (EmailChanged) customer() {}

// Events names the events as they are stored.
var Events = eventstore.JSON("customer", map[string]Event{
	"customer.registered":    Registered{},
	"customer.email-changed": EmailChanged{},
})

// Customer is what commands need to know of a customer.
type Customer struct{ Email string }

// Evolve returns the customer after an event.
func (c Customer) Evolve(event Event) Customer {
	switch e := event.(type) {
	case Registered:
		c.Email = e.Email
	case EmailChanged:
		c.Email = e.Email
	}
	return c
}

var (
	ErrRegistered = errors.New("the customer is registered already")
	ErrChanged    = errors.New("the address was changed meanwhile")
)

type Register struct{ Email string }

func (r Register) Decide(c Customer) ([]Event, error) {
	switch c.Email {
	case r.Email:
		return nil, nil
	case "":
		return []Event{Registered(r)}, nil
	default:
		return nil, ErrRegistered
	}
}

type ChangeEmail struct{ From, To string }

func (r ChangeEmail) Decide(c Customer) ([]Event, error) {
	if c.Email != r.From {
		return nil, ErrChanged
	}
	return []Event{EmailChanged{Email: r.To}}, nil
}
