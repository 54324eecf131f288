package aggregate_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/internal/docstest/address"
	"github.com/pasttense/pasttense/internal/docstest/customer"
	"github.com/pasttense/pasttense/memstore"
)

// Customers sees to it that an email address is used by one customer at most.
type Customers struct {
	customers *aggregate.Repository[customer.Customer, customer.Event]
	addresses *aggregate.Repository[address.Address, address.Event]
}

func (c Customers) Register(ctx context.Context, id, email string) error {
	return aggregate.ExecuteTogether(ctx,
		c.customers.Plan(id, customer.Register{Email: email}),
		c.addresses.Plan(address.Key(email), address.Claim{By: id}),
	)
}

func (c Customers) ChangeEmail(ctx context.Context, id, email string) error {
	current, err := c.customers.Load(ctx, id)
	if err != nil {
		return err
	}
	from := current.State.Email
	if address.Key(from) == address.Key(email) {
		_, err := c.customers.Execute(ctx, id, customer.ChangeEmail{From: from, To: email})
		return err
	}
	return aggregate.ExecuteTogether(ctx,
		c.customers.Plan(id, customer.ChangeEmail{From: from, To: email}),
		c.addresses.Plan(address.Key(from), address.Release{By: id}),
		c.addresses.Plan(address.Key(email), address.Claim{By: id}),
	)
}

func ExampleExecuteTogether() {
	ctx := context.Background()
	store := memstore.New(nil)
	customers := Customers{
		customers: aggregate.New[customer.Customer](store, customer.Events, nil),
		addresses: aggregate.New[address.Address](store, address.Events, nil),
	}

	fmt.Println(customers.Register(ctx, "1", "ann@example.org"))

	err := customers.Register(ctx, "2", "Ann@Example.org")
	fmt.Println(errors.Is(err, address.ErrTaken))

	fmt.Println(customers.ChangeEmail(ctx, "1", "ann@example.com"))
	fmt.Println(customers.Register(ctx, "2", "ann@example.org"))

	// Output:
	// <nil>
	// true
	// <nil>
	// <nil>
}
