package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/docstest/order"
	"github.com/pasttense/pasttense/memstore"
)

func TestWhatTheGuideExecutes(t *testing.T) {
	ctx, store := t.Context(), memstore.New(nil)

	orders := aggregate.New[order.Order](store, order.Events, nil)

	result, err := orders.Execute(ctx, "42", order.AddItem{Name: "Socks"}, order.Checkout{Total: 999})

	require.NoError(t, err)
	assert.EqualValues(t, 2, result.Version)
	assert.NoError(t, addHat(ctx, orders))
}

func addHat(ctx context.Context, orders *aggregate.Repository[order.Order, order.Event]) error {
	_, err := orders.Execute(ctx, "42", order.AddItem{Name: "Hat"})
	var refused *aggregate.RefusedError
	switch {
	case errors.Is(err, order.ErrCheckedOut):
		fmt.Println("too late")
	case errors.As(err, &refused):
		fmt.Println("refused:", refused.Err)
	case err != nil:
		return err // the store, the network, the context
	}
	return nil
}

func TestWhatTheGuideExecutesOnce(t *testing.T) {
	ctx, messageID := t.Context(), uuid.New()
	orders := aggregate.New[order.Order](memstore.New(nil), order.Events, nil)
	_, err := orders.Execute(ctx, "42", order.AddItem{Name: "Socks"})
	require.NoError(t, err)
	for _, repeated := range []bool{false, true} {
		result, err := orders.ExecuteOnce(ctx, messageID, "42", order.Checkout{Total: 999})

		require.NoError(t, err)
		assert.Equal(t, repeated, result.Repeated)
	}
}

//nolint:ineffassign,staticcheck,wastedassign // the guide shows the calls, and one error stands for all
func TestWhatTheGuideLooksBackAt(t *testing.T) {
	ctx, store := t.Context(), memstore.New(nil)
	orders := aggregate.New[order.Order](store, order.Events, nil)
	payment, err := orders.Execute(ctx, "42", order.AddItem{Name: "Socks"}, order.AddItem{Name: "Shirt"})
	require.NoError(t, err)
	_, err = orders.Execute(ctx, "42", order.Checkout{Total: 999})
	require.NoError(t, err)

	now, err := orders.Load(ctx, "42")
	third, err := orders.LoadAt(ctx, "42", aggregate.AtVersion(3))
	yesterday, err := orders.LoadAt(ctx, "42", aggregate.AtTime(time.Now().AddDate(0, 0, -1)))
	when, err := orders.LoadAt(ctx, "42", aggregate.AtPosition(payment.Position))

	require.NoError(t, err)
	assert.Equal(t, now, third)
	assert.Zero(t, yesterday)
	assert.Equal(t, eventstore.Version(2), when.Version)
}

func ExampleRepository_Difference() {
	ctx := context.Background()
	orders := aggregate.New[order.Order](memstore.New(nil), order.Events, nil)
	_, err := orders.Execute(ctx, "42",
		order.AddItem{Name: "Socks"}, order.AddItem{Name: "Shirt"}, order.Checkout{Total: 1999})
	if err != nil {
		fmt.Println(err)
		return
	}

	d, err := orders.Difference(ctx, "42", aggregate.AtVersion(1), aggregate.AtVersion(3))
	for _, event := range d.Events {
		fmt.Printf("%d %T\n", event.Version, event.Event)
	}
	for _, change := range d.Changes {
		fmt.Println(change)
	}

	fmt.Println(err)

	// Output:
	// 2 order.ItemAdded
	// 3 order.CheckedOut
	// Items[1]: none → "Shirt"
	// CheckedOut: false → true
	// <nil>
}
