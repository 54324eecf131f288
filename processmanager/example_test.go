package processmanager_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
	"github.com/pasttense/pasttense/processmanager"
)

// The events of a purchase, and what they add up to.

type PurchaseEvent interface{ purchase() }

type CheckedOut struct{ Total int }

func (CheckedOut) purchase() {}

type Confirmed struct{}

func (Confirmed) purchase() {}

var purchaseEvents = eventstore.JSON("purchase", map[string]PurchaseEvent{
	"purchase.checked-out": CheckedOut{},
	"purchase.confirmed":   Confirmed{},
})

type Purchase struct{ Status string }

func (p Purchase) Evolve(e PurchaseEvent) Purchase {
	switch e.(type) {
	case CheckedOut:
		p.Status = "checked out"
	case Confirmed:
		p.Status = "confirmed"
	}
	return p
}

type CheckOut struct{ Total int }

func (c CheckOut) Decide(Purchase) ([]PurchaseEvent, error) {
	return []PurchaseEvent{CheckedOut(c)}, nil
}

type Confirm struct{}

func (Confirm) Decide(p Purchase) ([]PurchaseEvent, error) {
	if p.Status != "checked out" {
		return nil, errors.New("the purchase is " + p.Status)
	}
	return []PurchaseEvent{Confirmed{}}, nil
}

// The process: its state, its commands, and its reactions.

type Checkout struct{ Total int }

type CheckoutCommand interface{ checkout() }

type SendEmail struct{ Text string }

func (SendEmail) checkout() {}

type ConfirmPurchase struct{}

func (ConfirmPurchase) checkout() {}

var checkoutCommands = eventstore.JSON("checkout", map[string]CheckoutCommand{
	"checkout.send-email":       SendEmail{},
	"checkout.confirm-purchase": ConfirmPurchase{},
})

func reactToPurchase(
	s Checkout, e eventstore.Envelope[PurchaseEvent],
) (Checkout, processmanager.Effects[CheckoutCommand]) {
	switch e := e.Event.(type) {
	case CheckedOut:
		s.Total = e.Total
		email := SendEmail{Text: fmt.Sprintf("You have bought goods for %d.", e.Total)}
		return s, processmanager.Effects[CheckoutCommand]{Send: []CheckoutCommand{email, ConfirmPurchase{}}}
	case Confirmed:
		return s, processmanager.Effects[CheckoutCommand]{Complete: true}
	default:
		return s, processmanager.Effects[CheckoutCommand]{}
	}
}

func Example() {
	ctx := context.Background()
	store, agenda := memstore.New(nil), memstore.NewTarget(nil)
	purchases := aggregate.New[Purchase](store, purchaseEvents, nil)

	dispatch := func(ctx context.Context, c processmanager.Command[CheckoutCommand]) error {
		switch command := c.Command.(type) {
		case SendEmail:
			fmt.Printf("email about purchase %s: %s\n", c.Instance, command.Text) // with c.ID as idempotency key
			return nil
		case ConfirmPurchase:
			_, err := purchases.ExecuteOnce(ctx, c.ID, c.Instance, Confirm{})
			var refused *aggregate.RefusedError
			if errors.As(err, &refused) {
				return processmanager.Refuse(refused)
			}
			return err // nil, or to be tried again
		default:
			return fmt.Errorf("unknown command %T", command)
		}
	}
	checkout := processmanager.New[Checkout]("checkout", store, agenda, checkoutCommands, dispatch, nil)
	processmanager.On(checkout, purchaseEvents, processmanager.ByStream, reactToPurchase)

	if _, err := purchases.Execute(ctx, "42", CheckOut{Total: 50}); err != nil {
		fmt.Println(err)
	}
	if err := checkout.CatchUp(ctx); err != nil { // a program that goes on calls Run instead
		fmt.Println(err)
	}

	purchase, err := purchases.Load(ctx, "42")
	fmt.Println("the purchase is", purchase.State.Status, err)
	// Output:
	// email about purchase 42: You have bought goods for 50.
	// the purchase is confirmed <nil>
}

// A command that is refused comes back to the process, which then does something else.
func ExampleOnRefused() {
	ctx := context.Background()
	store, agenda := memstore.New(nil), memstore.NewTarget(nil)
	purchases := aggregate.New[Purchase](store, purchaseEvents, nil)

	errNoAddress := errors.New("no email address")
	dispatch := func(_ context.Context, c processmanager.Command[CheckoutCommand]) error {
		if email, isEmail := c.Command.(SendEmail); isEmail && email.Text != "" {
			return processmanager.Refuse(errNoAddress)
		}
		fmt.Printf("dispatched %T\n", c.Command)
		return nil
	}
	checkout := processmanager.New[Checkout]("checkout", store, agenda, checkoutCommands, dispatch, nil)
	processmanager.On(checkout, purchaseEvents, processmanager.ByStream, reactToPurchase)
	processmanager.OnRefused(checkout, func(
		s Checkout, refused processmanager.Refused[CheckoutCommand],
	) (Checkout, processmanager.Effects[CheckoutCommand]) {
		fmt.Println("refused:", errors.Is(refused.Err, errNoAddress))
		return s, processmanager.Effects[CheckoutCommand]{Send: []CheckoutCommand{SendEmail{}}}
	})

	if _, err := purchases.Execute(ctx, "42", CheckOut{Total: 50}); err != nil {
		fmt.Println(err)
	}
	if err := checkout.CatchUp(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// refused: true
	// dispatched processmanager_test.ConfirmPurchase
	// dispatched processmanager_test.SendEmail
}

// An instance shows what it has sent, and what became of it.
func ExampleManager_Instance() {
	ctx := context.Background()
	store, agenda := memstore.New(nil), memstore.NewTarget(nil)
	purchases := aggregate.New[Purchase](store, purchaseEvents, nil)

	dispatch := func(_ context.Context, c processmanager.Command[CheckoutCommand]) error {
		if _, isEmail := c.Command.(SendEmail); isEmail {
			return nil
		}
		return errors.New("purchases are away")
	}
	checkout := processmanager.New[Checkout]("checkout", store, agenda, checkoutCommands, dispatch, nil)
	processmanager.On(checkout, purchaseEvents, processmanager.ByStream, reactToPurchase)

	if _, err := purchases.Execute(ctx, "42", CheckOut{Total: 50}); err != nil {
		fmt.Println(err)
	}
	if err := checkout.CatchUp(ctx); err == nil {
		fmt.Println("a command that fails is an error of CatchUp")
	}
	instance, err := checkout.Instance(ctx, "42")
	if err != nil {
		fmt.Println(err)
	}
	for _, sent := range instance.Commands {
		fmt.Printf("%T: %s\n", sent.Command, sent.Outcome)
	}
	pending, err := checkout.Entries(ctx, eventstore.EntryQuery{Pending: true})
	fmt.Println(len(pending), "pending,", pending[0].Attempts, "attempt,", err)
	// Output:
	// processmanager_test.SendEmail: dispatched
	// processmanager_test.ConfirmPurchase: pending
	// 1 pending, 1 attempt, <nil>
}
