package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
)

// prepareContext limits how long a request may take, and has its ID recorded with every event that it leads to.
func prepareContext(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		ctx = eventstore.WithMetadata(ctx, eventstore.Metadata{CorrelationID: httpjson.RequestID(ctx)})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// allowOrigins lets web pages from other origins call the API (CORS), and answers their browsers' preflight requests.
func allowOrigins(origins []string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			origin, header := r.Header.Get("Origin"), w.Header()
			header.Add("Vary", "Origin")
			if origin == "" || !slices.Contains(origins, origin) && !slices.Contains(origins, "*") {
				next.ServeHTTP(w, r)
				return
			}
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Expose-Headers", "Location, Retry-After, X-Request-ID")
			if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
				next.ServeHTTP(w, r)
				return
			}
			header.Set("Access-Control-Allow-Methods", "GET, POST")
			header.Set("Access-Control-Allow-Headers", "Content-Type")
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// ofOrder reads the order's ID from the path.
func ofOrder(serve func(w http.ResponseWriter, r *http.Request, orderID uuid.UUID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		orderID, err := parseUUID(chi.URLParam(r, "orderId"))
		if err != nil {
			httpjson.Fail(w, http.StatusBadRequest, "orderId is not a UUID")
			return
		}
		serve(w, r, orderID)
	}
}

// parseUUID reads a UUID in its usual form, in lower or upper case. Package uuid reads others too, such as urn:uuid:…
func parseUUID(text string) (uuid.UUID, error) {
	if len(text) != len(uuid.Nil.String()) {
		return uuid.Nil, errors.New("not in the usual form")
	}
	return uuid.Parse(text)
}
