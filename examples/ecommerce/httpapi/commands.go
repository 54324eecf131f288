package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
)

const maxBodyBytes = 16 << 10

// accepted is the answer to a command.
type accepted struct {
	OrderID uuid.UUID `json:"orderId"`
}

// add serves POST /v1/orders/{orderId}/add.
func (a api) add(w http.ResponseWriter, r *http.Request, orderID uuid.UUID) {
	itemID, ok := readItemID(w, r)
	if !ok {
		return
	}
	result, err := a.Orders.AddItem(r.Context(), orderID, itemID)
	if err != nil {
		a.fail(w, r, orderID, err)
		return
	}
	status := http.StatusOK
	switch {
	case result.Recorded == 0: // it was there already
		status = http.StatusAccepted
	case result.Version == 1: // the order's first event
		status = http.StatusCreated
		w.Header().Set("Location", "/v1/orders/"+orderID.String())
	}
	httpjson.Write(w, status, accepted{orderID})
}

// checkout serves POST /v1/orders/{orderId}/checkout.
func (a api) checkout(w http.ResponseWriter, r *http.Request, orderID uuid.UUID) {
	if err := a.Orders.Checkout(r.Context(), orderID); err != nil {
		a.fail(w, r, orderID, err)
		return
	}
	httpjson.Write(w, http.StatusOK, accepted{orderID})
}

// readItemID reads {"itemId": UUID}. It judges the body by itself, whatever type the request declares, and lets other
// fields be. When it returns false, it has answered.
func readItemID(w http.ResponseWriter, r *http.Request) (itemID uuid.UUID, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		httpjson.Fail(w, http.StatusRequestEntityTooLarge, "The body is too large")
		return uuid.Nil, false
	}
	var request struct {
		ItemID string `json:"itemId"`
	}
	if err != nil || json.Unmarshal(body, &request) != nil {
		httpjson.Fail(w, http.StatusBadRequest, `The body is not JSON of the form {"itemId": UUID}`)
		return uuid.Nil, false
	}
	if itemID, err = parseUUID(request.ItemID); err != nil {
		httpjson.Fail(w, http.StatusBadRequest, "itemId is not a UUID")
		return uuid.Nil, false
	}
	return itemID, true
}
