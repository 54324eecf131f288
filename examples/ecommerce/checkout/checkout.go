// Package checkout is the process that follows an order. On the checkout the customer gets a mail, and then the order is
// confirmed. The customer of an order that is left alone for a day gets a reminder.
package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	// RemindAfter is how long nothing has happened to an order in progress when its customer is reminded of it.
	RemindAfter = 24 * time.Hour

	reminder       = "reminder" // the name of the timer for that
	remindAttempts = 5
)

// State is what the process of one order has to remember from one event to the next.
type State struct {
	Reminded bool `json:"reminded"` // once in the life of an order
}

// Command is something that the process wants done for its order.
type Command interface{ checkout() }

// Remind tells the customer that the order is waiting.
type Remind struct{}

// SendMail tells the customer that the order has arrived.
type SendMail struct {
	TotalPrice money.Amount `json:"total_price"` // in minor units
}

// ConfirmOrder completes the checkout.
type ConfirmOrder struct{}

func (Remind) checkout()       {}
func (SendMail) checkout()     {}
func (ConfirmOrder) checkout() {}

// Commands names the commands as they are stored until they are carried out.
var Commands = eventstore.JSON("checkout", map[string]Command{
	"checkout.remind":        Remind{},
	"checkout.send-mail":     SendMail{},
	"checkout.confirm-order": ConfirmOrder{},
})

// NewManager returns the process manager. It may run in as many processes as you like.
func NewManager(
	store eventstore.Store, agenda eventstore.Agenda, mail *email.Client, opts *processmanager.Options,
) *processmanager.Manager[State, Command] {
	d := dispatcher{orders: aggregate.New[order.Order](store, order.Events, nil), mail: mail}
	manager := processmanager.New[State]("checkout", store, agenda, Commands, d.dispatch, opts)
	processmanager.On(manager, order.Events, processmanager.ByStream, react) // each order has a process of its own
	processmanager.OnTimer(manager, reminder, remind)
	return manager
}

type effects = processmanager.Effects[Command]

// react decides what is to be done when something has happened to an order. It does not do it: the commands are
// recorded first, and then dispatched one after the other, each until it has succeeded.
func react(state State, e eventstore.Envelope[order.Event]) (next State, todo effects) {
	switch event := e.Event.(type) {
	case order.ItemAdded:
		if state.Reminded {
			return state, effects{}
		}
		timer := processmanager.Timer{Name: reminder, DueAt: e.RecordedAt.Add(RemindAfter)}
		return state, effects{Schedule: []processmanager.Timer{timer}} // or move it, when it is set already
	case order.CheckedOut:
		return state, effects{
			Cancel: []string{reminder},
			Send:   []Command{SendMail{TotalPrice: event.TotalPrice}, ConfirmOrder{}},
		}
	case order.Confirmed:
		return state, effects{Complete: true}
	default:
		return state, effects{}
	}
}

// remind decides what is to be done when an order was left alone.
func remind(State, processmanager.Fired) (next State, todo effects) {
	return State{Reminded: true}, effects{Send: []Command{Remind{}}}
}

// dispatcher carries out commands. A command may come more than once, so each receiver gets the command's ID, and
// does nothing when it has seen that before.
type dispatcher struct {
	orders *aggregate.Repository[order.Order, order.Event]
	mail   *email.Client
}

func (d dispatcher) dispatch(ctx context.Context, c processmanager.Command[Command]) error {
	switch command := c.Command.(type) {
	case Remind:
		return d.remind(ctx, c)
	case SendMail:
		// Without the mail there is no confirmation, so no answer of the mail service is a refusal. It is tried again, and
		// when that is in vain the order is parked, until somebody has seen to it.
		text := fmt.Sprintf("Thank you for your order. It comes to %s.", command.TotalPrice)
		return d.mail.Send(ctx, c.ID, email.Mail{OrderID: c.Instance, Subject: "Your order " + c.Instance, Text: text})
	case ConfirmOrder:
		_, err := d.orders.ExecuteOnce(ctx, c.ID, c.Instance, order.Confirm{})
		var refused *aggregate.RefusedError
		if errors.As(err, &refused) { // by the order's own rules: to try again is no use
			return processmanager.Refuse(err)
		}
		return err
	default:
		return fmt.Errorf("command %T has nobody to carry it out", command)
	}
}

// remind sends a reminder, unless the order was checked out since it was decided on. It soon gives up: whatever comes
// next for the order has to wait for it, and a reminder is not worth that.
func (d dispatcher) remind(ctx context.Context, c processmanager.Command[Command]) error {
	loaded, err := d.orders.Load(ctx, c.Instance)
	if err != nil || loaded.State.Status != order.StatusInProgress {
		return err
	}
	const text = "You have not checked out your order yet. We keep it for you."
	err = d.mail.Send(ctx, c.ID, email.Mail{OrderID: c.Instance, Subject: "Your order is waiting", Text: text})
	if c.Attempt >= remindAttempts {
		return processmanager.Refuse(err)
	}
	return err
}
