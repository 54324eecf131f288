// Package checkout is the process that follows a checkout: the customer gets a mail, and then the order is confirmed.
package checkout

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/processmanager"
)

// State is what the process of one order has to remember from one event to the next: nothing so far.
type State struct{}

// Command is something that the process wants done.
type Command interface{ checkout() }

// SendMail tells the customer that the order has arrived.
type SendMail struct {
	OrderID    uuid.UUID    `json:"order_id"`
	TotalPrice money.Amount `json:"total_price"` // in minor units
}

// ConfirmOrder completes the checkout.
type ConfirmOrder struct {
	OrderID uuid.UUID `json:"order_id"`
}

func (SendMail) checkout()     {}
func (ConfirmOrder) checkout() {}

// Commands names the commands as they are stored until they are carried out.
var Commands = eventstore.JSON("checkout", map[string]Command{
	"checkout.send-mail":     SendMail{},
	"checkout.confirm-order": ConfirmOrder{},
})

// NewManager returns the process manager. It may run in as many processes as you like.
func NewManager(
	store eventstore.Store, agenda eventstore.Agenda, mail *email.Client, opts *processmanager.Options,
) *processmanager.Manager[State, Command] {
	d := dispatcher{orders: aggregate.New[order.Order](store, order.Events, nil), mail: mail}
	manager := processmanager.New[State]("checkout", store, agenda, Commands, d.dispatch, opts)
	processmanager.On(manager, order.Events, route, react)
	return manager
}

// route gives each order a process of its own, which begins with the checkout.
func route(e eventstore.Envelope[order.Event]) string {
	if _, added := e.Event.(order.ItemAdded); added {
		return ""
	}
	return e.Stream.Key
}

// react decides what is to be done when something has happened to an order. It does not do it: the commands are
// recorded first, and then dispatched one after the other, each until it has succeeded.
func react(state State, e eventstore.Envelope[order.Event]) (State, processmanager.Effects[Command]) {
	var effects processmanager.Effects[Command]
	switch event := e.Event.(type) {
	case order.CheckedOut:
		orderID := uuid.MustParse(e.Stream.Key)
		effects.Send = []Command{
			SendMail{OrderID: orderID, TotalPrice: event.TotalPrice},
			ConfirmOrder{OrderID: orderID},
		}
	case order.Confirmed:
		effects.Complete = true
	}
	return state, effects
}

// dispatcher carries out commands. A command may come more than once, so each receiver gets the command's ID, and
// does nothing when it has seen that before.
type dispatcher struct {
	orders *aggregate.Repository[order.Order, order.Event]
	mail   *email.Client
}

func (d dispatcher) dispatch(ctx context.Context, c processmanager.Command[Command]) error {
	switch command := c.Command.(type) {
	case SendMail:
		// Without the mail there is no confirmation, so this is tried until it works.
		return d.mail.Send(ctx, c.ID, email.Mail{
			OrderID: command.OrderID,
			Subject: "Your order " + command.OrderID.String(),
			Text:    fmt.Sprintf("Thank you for your order. It comes to %s.", command.TotalPrice),
		})
	case ConfirmOrder:
		_, err := d.orders.ExecuteOnce(ctx, c.ID, command.OrderID.String(), order.Confirm{})
		var refused *aggregate.RefusedError
		if errors.As(err, &refused) { // by the order's own rules: to try again is no use
			return processmanager.Refuse(err)
		}
		return err
	default:
		return fmt.Errorf("command %T has nobody to carry it out", command)
	}
}
