// Package ordering carries out what clients want done with orders: it asks the product service what the rules of
// package order need to know, and lets them decide.
package ordering

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/examples/ecommerce/product"
)

// Service carries out what clients want done with orders. It is safe for concurrent use, also by several processes.
// Its errors are those of package order, [*product.UnknownError], [product.ErrUnavailable], and the store's.
type Service struct {
	orders   *aggregate.Repository[order.Order, order.Event]
	products *product.Client
}

// New returns the service for the orders in a store.
func New(store eventstore.Store, products *product.Client) *Service {
	return &Service{orders: aggregate.New[order.Order](store, order.Events, nil), products: products}
}

// AddItem puts a product on an order, and creates the order with the first one. It records nothing for a product that is
// there already.
func (s *Service) AddItem(ctx context.Context, orderID, itemID uuid.UUID) (aggregate.Result[order.Order], error) {
	name, err := s.products.Name(ctx, itemID)
	if err != nil {
		return aggregate.Result[order.Order]{}, err
	}
	return s.orders.Execute(ctx, orderID.String(), order.AddItem{ItemID: itemID, Name: name})
}

// Checkout closes an order at the sum of its items' prices.
func (s *Service) Checkout(ctx context.Context, orderID uuid.UUID) error {
	for {
		loaded, err := s.orders.Load(ctx, orderID.String())
		if err != nil {
			return err
		}
		var checkout order.Checkout
		if loaded.State.Status == order.StatusInProgress { // else it is refused, whatever the prices are
			if checkout.Prices, err = s.products.Prices(ctx, loaded.State.ItemIDs()); err != nil {
				return err
			}
		}
		_, err = s.orders.Execute(ctx, orderID.String(), checkout)
		if !errors.Is(err, order.ErrUnpriced) {
			return err
		}
		// Another device has added an item since the order was loaded. That ends, as each product is added but once.
	}
}
