package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/backend"
	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/config"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/httpapi"
	"github.com/pasttense/pasttense/examples/ecommerce/lifecycle"
	"github.com/pasttense/pasttense/examples/ecommerce/ordering"
	"github.com/pasttense/pasttense/examples/ecommerce/product"
	"github.com/pasttense/pasttense/processmanager"
)

// How long somebody waits for an answer before it is told that there is none.
const (
	databaseTimeout = 5 * time.Second
	productTimeout  = 2 * time.Second
	emailTimeout    = 5 * time.Second
)

// shop is what has to be there before the parts can run.
type shop struct {
	settings
	log       *slog.Logger
	backend   *backend.Backend
	catalog   product.Catalog
	listeners [3]net.Listener // of the order service, the product service mock and the email mock, which close them
	urls      [3]string       // where this machine reaches them
}

func open(ctx context.Context, settings settings, log *slog.Logger) (s *shop, err error) {
	s = &shop{settings: settings, log: log}
	if s.catalog, err = (product.Mock{Path: s.products}).Catalog(); err != nil {
		return nil, config.Wrong("PRODUCTS_FILE", s.products, "a file like product/products.json", err)
	}
	for i, variable := range ports {
		port := strconv.Itoa(s.ports[i])
		if s.listeners[i], err = new(net.ListenConfig).Listen(ctx, "tcp", ":"+port); err != nil {
			return nil, config.Wrong(variable, port, "a port that is free, or 0 for any that is", err)
		}
		s.urls[i] = fmt.Sprintf("http://localhost:%d", s.listeners[i].Addr().(*net.TCPAddr).Port)
	}
	if s.database == "" {
		s.backend = backend.Memory(log)
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	if err = backend.Migrate(ctx, s.database, log); err == nil {
		s.backend, err = backend.Postgres(ctx, s.database, log)
	}
	if err != nil {
		return nil, config.Wrong("DATABASE_URL", s.database, "the URL of a Postgres that answers, such as "+exampleDatabase, err)
	}
	return s, nil
}

// parts returns the programs that make up the shop, each after those that it uses.
func (s *shop) parts() []lifecycle.Part {
	products := product.NewClient(cmp.Or(s.productURL, s.urls[1]), &http.Client{Timeout: productTimeout})
	mail := email.NewClient(cmp.Or(s.emailURL, s.urls[2]), &http.Client{Timeout: emailTimeout})
	store, agenda := s.backend.Store, s.backend.Agenda
	process := checkout.NewManager(store, agenda, mail, &processmanager.Options{Logger: s.log})
	orders := httpapi.New(httpapi.Config{
		Store:   store,
		Orders:  ordering.New(store, products),
		Views:   s.backend.Query(),
		Origins: s.origins,
		Log:     s.log.With("part", "orders"),
	})
	productMock := product.Mock{Path: s.products}.Handler(s.log.With("part", "products"))
	emailMock := email.NewMock().Handler(s.log.With("part", "email"))
	return []lifecycle.Part{
		lifecycle.HTTP("product service mock", s.listeners[1], productMock, s.log),
		lifecycle.HTTP("email mock", s.listeners[2], emailMock, s.log),
		{Name: "populator", Run: s.backend.Populator.Run},
		{Name: "checkout process", Run: process.Run},
		lifecycle.HTTP("order service", s.listeners[0], orders, s.log),
	}
}

const introduction = `The shop is open, and keeps its events and its read model in %[1]s. Ctrl+C closes it.

  order service         %[2]s
  product service mock  %[3]s
  email mock            %[4]s

To try it, paste these one after the other:

  curl -i %[3]s/v1/product
  curl -i %[2]s/v1/orders/%[5]s/add -d '{"itemId": "%[6]s"}'
  curl -i %[2]s/v1/orders/%[5]s/add -d '{"itemId": "%[7]s"}'
  curl -i %[2]s/v1/orders/%[5]s
  curl -i -X POST %[2]s/v1/orders/%[5]s/checkout
  curl -i %[4]s/v1/email
  curl -i '%[2]s/v1/orders?limit=10'
  curl -i %[2]s/v1/orders/%[5]s/history
  curl -i %[2]s/healthcheck

`

// introduce says where the shop is, and how to try it with an order of one's own.
func (s *shop) introduce(out io.Writer) {
	keeper := "memory"
	if s.database != "" {
		keeper = "Postgres"
	}
	var examples [2]uuid.UUID
	for i := range min(len(examples), len(s.catalog.Products)) {
		examples[i] = s.catalog.Products[i].ID
	}
	fmt.Fprintf(out, introduction, keeper, s.urls[0], s.urls[1], s.urls[2], uuid.New(), examples[0], examples[1])
}
