package httpapi

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/examples/ecommerce/product"
	"github.com/pasttense/pasttense/examples/ecommerce/readmodel"
)

// retryAfter is how long a client is told to wait for a part of the system that does not answer, in seconds.
const retryAfter = "1"

// errorBody is the answer to a request that failed.
type errorBody struct {
	Message string      `json:"message"`
	OrderID uuid.UUID   `json:"orderId,omitzero"`
	ItemIDs []uuid.UUID `json:"itemIds,omitempty"`
}

// fail answers a request that failed.
func (a api) fail(w http.ResponseWriter, r *http.Request, orderID uuid.UUID, err error) {
	status, body := failure(orderID, err)
	if status >= http.StatusInternalServerError {
		a.Log.Warn("request failed", "request", httpjson.RequestID(r.Context()), "error", err)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	httpjson.Write(w, status, body)
}

// failure returns the answer to an error: 4xx when the request is at fault, 503 for what may pass.
func failure(orderID uuid.UUID, err error) (status int, body errorBody) {
	var unknown *product.UnknownError
	switch {
	case errors.As(err, &unknown):
		return http.StatusBadRequest, errorBody{Message: "Invalid order item", ItemIDs: unknown.IDs}
	case errors.Is(err, order.ErrCheckedOut):
		return http.StatusForbidden, errorBody{Message: "Cannot complete action on checked out order", OrderID: orderID}
	case errors.Is(err, order.ErrUnknown):
		return http.StatusNotFound, errorBody{Message: "Cannot complete action on unknown order", OrderID: orderID}
	case errors.Is(err, readmodel.ErrUnknown):
		return http.StatusNotFound, errorBody{Message: "Unknown order", OrderID: orderID}
	case errors.Is(err, readmodel.ErrCursor):
		return http.StatusBadRequest, errorBody{Message: "cursor is not the ID of a checked-out order"}
	case errors.Is(err, product.ErrUnavailable):
		return http.StatusServiceUnavailable, errorBody{Message: "The product service is unavailable"}
	case errors.Is(err, readmodel.ErrBehind):
		return http.StatusServiceUnavailable, errorBody{Message: "The read model is behind"}
	case errors.Is(err, eventstore.ErrOutcomeUnknown):
		return http.StatusServiceUnavailable, errorBody{Message: "The outcome is unknown: look at the order"}
	case errors.Is(err, eventstore.ErrInvalid), errors.Is(err, eventstore.ErrUnknownType): // a mistake in the program
		return http.StatusInternalServerError, errorBody{Message: "Internal error"}
	default: // the database is away, or slow
		return http.StatusServiceUnavailable, errorBody{Message: "The service is unavailable"}
	}
}
