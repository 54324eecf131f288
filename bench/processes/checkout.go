package main

import (
	"context"

	"github.com/pasttense/pasttense/bench/internal/client"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	processName = "checkout"
	// reminderName is the timer of the reminder, and closingName that of the end of an order, which comes later.
	reminderName = "reminder"
	closingName  = "closing"
)

// checkout is the state of an instance.
type checkout struct {
	Keeps     bool `json:"keeps,omitempty"` // its reminder, also when it was checked out
	Closed    bool `json:"closed,omitempty"`
	Confirmed bool `json:"confirmed,omitempty"`
}

type command interface{ isCommand() }

type (
	reserveStock struct{}
	releaseStock struct{}
	sendMail     struct {
		Kind mailKind `json:"kind"`
	}
	confirmOrder struct{}
)

func (reserveStock) isCommand() {}
func (releaseStock) isCommand() {}
func (sendMail) isCommand()     {}
func (confirmOrder) isCommand() {}

// Undo implements [processmanager.Undoable].
func (reserveStock) Undo() command { return releaseStock{} }

var commands = eventstore.JSON("checkout", map[string]command{
	"checkout.reserve-stock": reserveStock{},
	"checkout.release-stock": releaseStock{},
	"checkout.send-mail":     sendMail{},
	"checkout.confirm-order": confirmOrder{},
})

type (
	effects = processmanager.Effects[command]
	manager = processmanager.Manager[checkout, command]
	sent    = processmanager.Sent[command]
)

// newManager returns the manager that all processes run, and that the main process looks at.
func newManager(
	db *client.Client,
	dispatch func(ctx context.Context, c processmanager.Command[command]) error,
	options *processmanager.Options,
) *manager {
	m := processmanager.New[checkout](processName, db.Store, db.Target, commands, dispatch, options)
	processmanager.On(m, orderEvents, processmanager.ByStream, reactToOrder)
	processmanager.OnTimer(m, reminderName, func(s checkout, _ processmanager.Fired) (checkout, effects) {
		return s, effects{Send: []command{sendMail{Kind: reminder}}}
	})
	processmanager.OnTimer(m, closingName, func(s checkout, _ processmanager.Fired) (checkout, effects) {
		s.Closed = true
		return s, effects{Complete: s.Confirmed}
	})
	processmanager.OnRefused(m, func(s checkout, refused processmanager.Refused[command]) (checkout, effects) {
		return s, effects{Fail: refused.Err.Error()}
	})
	return m
}

func reactToOrder(before checkout, e eventstore.Envelope[orderEvent]) (s checkout, do effects) {
	s = before
	switch event := e.Event.(type) {
	case placed:
		s.Keeps = event.Keeps
		do.Schedule = []processmanager.Timer{{Name: reminderName, DueAt: e.RecordedAt.Add(event.RemindAfter)}}
	case checkedOut:
		do.Schedule = []processmanager.Timer{{Name: closingName, DueAt: e.RecordedAt.Add(mostLate)}}
		do.Send = []command{reserveStock{}, sendMail{Kind: confirmationMail}, confirmOrder{}}
		if !s.Keeps {
			do.Cancel = []string{reminderName}
		}
	case confirmed:
		s.Confirmed = true
		do.Complete = s.Closed
	}
	return s, do
}
