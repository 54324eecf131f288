package aggregate_test

import (
	"errors"

	"github.com/pasttense/pasttense/eventstore"
)

// The accounts of these tests keep a slice and a map in their state, and change both in place.
type (
	movement interface{ account() }

	deposited struct {
		Amount  int    `json:"amount"`
		Purpose string `json:"purpose"`
	}
	withdrawn struct {
		Amount int `json:"amount"`
	}
	audited struct {
		History []int `json:"history"`
	}
)

func (deposited) account() {}
func (withdrawn) account() {}
func (audited) account()   {}

var movements = eventstore.JSON("account", map[string]movement{
	"account.deposited": deposited{},
	"account.withdrawn": withdrawn{},
	"account.audited":   audited{},
})

type account struct {
	Balance   int
	History   []int
	ByPurpose map[string]int
	Audits    int
}

func (a account) Evolve(event movement) account {
	switch event := event.(type) {
	case deposited:
		a.Balance += event.Amount
		a.History = append(a.History, event.Amount)
		if a.ByPurpose == nil {
			a.ByPurpose = make(map[string]int)
		}
		a.ByPurpose[event.Purpose] += event.Amount
	case withdrawn:
		a.Balance -= event.Amount
		a.History = append(a.History, -event.Amount)
	case audited:
		a.Audits++
		for i := range a.History {
			a.History[i] = 0
		}
	}
	return a
}

var errOverdrawn = errors.New("the account has not enough")

type deposit struct {
	Amount  int
	Purpose string
}

func (c deposit) Decide(account) ([]movement, error) {
	if c.Amount == 0 {
		return nil, nil
	}
	return []movement{deposited(c)}, nil
}

type withdraw struct{ Amount int }

func (c withdraw) Decide(a account) ([]movement, error) {
	if c.Amount > a.Balance {
		return nil, errOverdrawn
	}
	return []movement{withdrawn(c)}, nil
}

// withdrawAll is refused by the state that it brings about.
type withdrawAll struct{}

func (withdrawAll) Decide(a account) ([]movement, error) {
	if a.Balance == 0 {
		return nil, errOverdrawn
	}
	return []movement{withdrawn{Amount: a.Balance}}, nil
}

// decideFunc is a command for one test.
type decideFunc func(account) ([]movement, error)

func (f decideFunc) Decide(a account) ([]movement, error) { return f(a) }

func accountStream(key string) eventstore.StreamID {
	return eventstore.StreamID{Category: "account", Key: key}
}
