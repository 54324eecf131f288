// Package product is the catalog of another bounded context: a client of its HTTP service, and a mock of the service.
package product

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/money"
)

// maxAnswerBytes is far more than any catalog in sight.
const maxAnswerBytes = 8 << 20

// ErrUnavailable means that the product service gave no answer, or not in time, or one that makes no sense.
var ErrUnavailable = errors.New("the product service is unavailable")

// UnknownError says which products do not exist.
type UnknownError struct{ IDs []uuid.UUID }

func (e *UnknownError) Error() string { return fmt.Sprintf("no such products: %s", e.IDs) }

// Product is something that can be put on an order, as the service describes it.
type Product struct {
	ID    uuid.UUID   `json:"id,omitzero"`
	Name  string      `json:"name"`
	Price json.Number `json:"price"` // decimal, such as 59.99
}

// amount returns the price, or an error when the product makes no sense.
func (p Product) amount() (money.Amount, error) {
	price, err := money.Parse(p.Price.String())
	if err != nil || p.Name == "" {
		return 0, fmt.Errorf("product %q at the price %q makes no sense", p.Name, p.Price)
	}
	return price, nil
}

// Catalog is all products.
type Catalog struct {
	Products []Product `json:"products"`
}

// Client asks the product service. It is safe for concurrent use.
type Client struct {
	url  string
	http *http.Client
}

// NewClient returns a client of the product service at a URL. The timeout of the HTTP client is that of each call.
func NewClient(url string, client *http.Client) *Client { return &Client{url: url, http: client} }

// Name looks up what a product is called. It returns an [*UnknownError] when there is none with this ID, and
// [ErrUnavailable].
func (c *Client) Name(ctx context.Context, id uuid.UUID) (string, error) {
	var product Product
	status, err := c.get(ctx, "/v1/product/"+id.String(), &product)
	if status == http.StatusNotFound {
		return "", &UnknownError{IDs: []uuid.UUID{id}}
	}
	if err == nil {
		_, err = product.amount()
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return product.Name, nil
}

// Prices looks up what products cost, all at one moment. It returns an [*UnknownError] that names all those that do not
// exist, and [ErrUnavailable].
func (c *Client) Prices(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]money.Amount, error) {
	var catalog Catalog
	if _, err := c.get(ctx, "/v1/product", &catalog); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	prices := make(map[uuid.UUID]money.Amount, len(ids))
	var unknown []uuid.UUID
	for _, id := range ids {
		i := slices.IndexFunc(catalog.Products, func(p Product) bool { return p.ID == id })
		if i < 0 {
			unknown = append(unknown, id)
			continue
		}
		price, err := catalog.Products[i].amount()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		prices[id] = price
	}
	if len(unknown) > 0 {
		return nil, &UnknownError{IDs: unknown}
	}
	return prices, nil
}

// get reads an answer. The error is nil only for status 200.
func (c *Client) get(ctx context.Context, path string, answer any) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, fmt.Errorf("GET %s was answered with %s", path, response.Status)
	}
	return response.StatusCode, json.NewDecoder(io.LimitReader(response.Body, maxAnswerBytes)).Decode(answer)
}
