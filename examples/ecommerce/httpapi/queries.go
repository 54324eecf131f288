package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
	"github.com/pasttense/pasttense/examples/ecommerce/readmodel"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// orderBody is an order in an answer.
type orderBody struct {
	ID         uuid.UUID        `json:"id"`
	Status     order.Status     `json:"status"`
	Items      []readmodel.Item `json:"items"`
	TotalPrice json.Number      `json:"totalPrice,omitempty"`
	OrderDate  time.Time        `json:"orderDate,omitzero"`
}

func bodyOf(view readmodel.Order) orderBody {
	body := orderBody{ID: view.ID, Status: view.Status, Items: view.Items}
	if view.OrderDate != nil {
		body.TotalPrice = json.Number(view.TotalPrice.String())
		body.OrderDate = view.OrderDate.UTC()
	}
	return body
}

// order serves GET /v1/orders/{orderId}.
func (a api) order(w http.ResponseWriter, r *http.Request, orderID uuid.UUID) {
	view, err := a.Views.Order(r.Context(), orderID)
	if err != nil {
		a.fail(w, r, orderID, err)
		return
	}
	httpjson.Write(w, http.StatusOK, bodyOf(view))
}

// list serves GET /v1/orders. The cursor is the ID of the last order on the page before.
func (a api) list(w http.ResponseWriter, r *http.Request) {
	limit, cursor := defaultLimit, uuid.Nil
	var err error
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit {
			httpjson.Fail(w, http.StatusBadRequest, fmt.Sprintf("limit is not a number from 1 to %d", maxLimit))
			return
		}
	}
	if text := r.URL.Query().Get("cursor"); text != "" {
		if cursor, err = parseUUID(text); err != nil {
			httpjson.Fail(w, http.StatusBadRequest, "cursor is not a UUID")
			return
		}
	}
	page, err := a.Views.CheckedOut(r.Context(), cursor, limit)
	if err != nil {
		a.fail(w, r, cursor, err)
		return
	}
	orders := make([]orderBody, len(page))
	for i, view := range page {
		orders[i] = bodyOf(view)
	}
	httpjson.Write(w, http.StatusOK, orders)
}

// eventBody is an event in an answer. What it has after the time depends on the type.
type eventBody struct {
	Version    eventstore.Version `json:"version"`
	Type       string             `json:"type"`
	Time       time.Time          `json:"time"`
	ItemID     uuid.UUID          `json:"itemId,omitzero"`
	Name       string             `json:"name,omitempty"`
	TotalPrice json.Number        `json:"totalPrice,omitempty"`
}

// history serves GET /v1/orders/{orderId}/history: from the events themselves, so there is nothing to wait for.
func (a api) history(w http.ResponseWriter, r *http.Request, orderID uuid.UUID) {
	var events []eventBody
	for stored, err := range a.Store.ReadStream(r.Context(), order.Stream(orderID), eventstore.ReadOptions{}) {
		var opened []eventstore.Envelope[order.Event]
		if err == nil {
			opened, err = eventstore.Open(order.Events, stored)
		}
		if err != nil {
			a.fail(w, r, orderID, err)
			return
		}
		for _, e := range opened {
			events = append(events, eventBodyOf(stored.Type, e))
		}
	}
	if len(events) == 0 {
		a.fail(w, r, orderID, readmodel.ErrUnknown)
		return
	}
	httpjson.Write(w, http.StatusOK, events)
}

func eventBodyOf(eventType string, e eventstore.Envelope[order.Event]) eventBody {
	body := eventBody{Version: e.Version, Type: eventType, Time: e.RecordedAt.UTC()}
	switch event := e.Event.(type) {
	case order.ItemAdded:
		body.ItemID, body.Name = event.ItemID, event.Name
	case order.CheckedOut:
		body.TotalPrice = json.Number(event.TotalPrice.String())
	}
	return body
}
