// Package httpapi is the web API of the order service. It reads requests, hands them to package ordering (what clients
// do) and package readmodel (what they look at), and writes answers.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
	"github.com/pasttense/pasttense/examples/ecommerce/ordering"
	"github.com/pasttense/pasttense/examples/ecommerce/readmodel"
)

const (
	requestTimeout = 10 * time.Second
	healthTimeout  = 2 * time.Second
)

// Config is what the API needs.
type Config struct {
	Store   eventstore.Store
	Orders  *ordering.Service
	Views   *readmodel.Query
	Origins []string // whose web pages may call the API; "*" is all
	Log     *slog.Logger
}

type api struct{ Config }

// New returns the handler of the API.
func New(config Config) http.Handler {
	a := api{config}
	router := httpjson.NewRouter(config.Log)
	router.Use(allowOrigins(config.Origins), prepareContext)
	router.Get("/healthcheck", a.health)
	router.Get("/v1/orders", a.list)
	router.Get("/v1/orders/{orderId}", ofOrder(a.order))
	router.Get("/v1/orders/{orderId}/history", ofOrder(a.history))
	router.Post("/v1/orders/{orderId}/add", ofOrder(a.add))
	router.Post("/v1/orders/{orderId}/checkout", ofOrder(a.checkout))
	return router
}

func (a api) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	if _, err := a.Store.Head(ctx); err != nil {
		httpjson.Write(w, http.StatusServiceUnavailable,
			map[string]string{"status": "unhealthy", "message": err.Error()})
		return
	}
	httpjson.Write(w, http.StatusOK, map[string]string{"status": "healthy"})
}
