// Package address has who uses which email address.
package address

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// Event is something that has happened to an address.
type Event interface{ address() }

// Claimed means that the address belongs to a customer from now on.
type Claimed struct {
	By string `json:"by"`
}

// Released means that it belongs to nobody.
type Released struct{}

func (Claimed) address()  {}
func (Released) address() {}

// Events names the events as they are stored.
var Events = eventstore.JSON("address", map[string]Event{
	"address.claimed":  Claimed{},
	"address.released": Released{},
})

// Key is the same for all spellings of an address that are to count as one. It does not show the address.
func Key(email string) string {
	hash := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email))))
	return hex.EncodeToString(hash[:])
}

// Address is whose an address is, empty for nobody's.
type Address struct{ Owner string }

// Evolve returns the address after an event.
func (a Address) Evolve(event Event) Address {
	switch e := event.(type) {
	case Claimed:
		a.Owner = e.By
	case Released:
		a.Owner = ""
	}
	return a
}

var (
	ErrTaken = errors.New("the address is in use")
	ErrOther = errors.New("the address is another customer's")
)

type Claim struct{ By string }

// Decide lets the owner claim an address again, so that a request can be repeated.
func (c Claim) Decide(a Address) ([]Event, error) {
	switch a.Owner {
	case c.By:
		return nil, nil
	case "":
		return []Event{Claimed(c)}, nil
	default:
		return nil, ErrTaken
	}
}

type Release struct{ By string }

func (c Release) Decide(a Address) ([]Event, error) {
	if a.Owner != c.By {
		return nil, ErrOther
	}
	return []Event{Released{}}, nil
}
