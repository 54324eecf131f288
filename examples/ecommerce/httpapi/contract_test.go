package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/examples/ecommerce/order"
)

func TestTheLifeOfAnOrder(t *testing.T) {
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		ofOrder := fmt.Sprintf(`{"orderId": %q}`, id)

		created := s.add(id, socks)
		created.is(s, http.StatusCreated, ofOrder)
		assert.Equal(s, "/v1/orders/"+id, created.header.Get("Location"))
		s.add(id, shorts).is(s, http.StatusOK, ofOrder)
		s.add(id, socks).is(s, http.StatusAccepted, ofOrder)
		s.order(id).is(s, http.StatusOK, fmt.Sprintf(`{"id": %q, "status": "IN_PROGRESS", "items": [
			{"id": %q, "name": "Socks"}, {"id": %q, "name": "Cargo Shorts"}]}`, id, socks, shorts))
		s.orders("").is(s, http.StatusOK, `[]`)

		before := time.Now()
		s.checkout(id).is(s, http.StatusOK, ofOrder)
		checkedOut := s.order(id)
		date := orderDate(s, checkedOut)
		assert.WithinRange(s, date, before.Add(-time.Minute), time.Now().Add(time.Minute))
		inJSON, err := json.Marshal(date)
		require.NoError(s, err)
		body := func(status string) string {
			return fmt.Sprintf(`{"id": %q, "status": %q, "totalPrice": 59.99, "orderDate": %s, "items": [
				{"id": %q, "name": "Socks"}, {"id": %q, "name": "Cargo Shorts"}]}`, id, status, inJSON, socks, shorts)
		}
		checkedOut.is(s, http.StatusOK, body("CHECKED_OUT"))
		s.orders("").is(s, http.StatusOK, `[`+body("CHECKED_OUT")+`]`)

		refused := fmt.Sprintf(`{"message": "Cannot complete action on checked out order", "orderId": %q}`, id)
		s.add(id, sneakers).is(s, http.StatusForbidden, refused)
		s.add(id, socks).is(s, http.StatusForbidden, refused)
		s.checkout(id).is(s, http.StatusForbidden, refused)

		s.startCheckoutProcess()
		require.Eventually(s, func() bool { return strings.Contains(s.order(id).body, `"CONFIRMED"`) },
			10*time.Second, time.Millisecond)
		s.order(id).is(s, http.StatusOK, body("CONFIRMED"))
		s.orders("").is(s, http.StatusOK, `[`+body("CONFIRMED")+`]`)
		s.add(id, sneakers).is(s, http.StatusForbidden, refused)
		s.checkout(id).is(s, http.StatusForbidden, refused)
		s.historyIs(id, `
			{"version": 1, "type": "order.item-added", "itemId": "36176af9-a04f-40f3-805e-7fb9487f91d0", "name": "Socks"},
			{"version": 2, "type": "order.item-added", "itemId": "8151c2fc-6e3c-4285-a1b0-a00c194cd5ac", "name": "Cargo Shorts"},
			{"version": 3, "type": "order.checked-out", "totalPrice": 59.99},
			{"version": 4, "type": "order.confirmed"}`)
	})
}

func orderDate(t testing.TB, a answer) time.Time {
	t.Helper()
	var body struct{ OrderDate time.Time }
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	require.False(t, body.OrderDate.IsZero(), a.body)
	require.Equal(t, time.UTC, body.OrderDate.Location())
	return body.OrderDate
}

// historyIs requires these events, each with a time.
func (s *shop) historyIs(id, events string) {
	s.Helper()
	history := s.get("/v1/orders/" + id + "/history")
	require.Equal(s, http.StatusOK, history.status, history.body)
	var got []map[string]any
	require.NoError(s, json.Unmarshal([]byte(history.body), &got))
	for _, event := range got {
		_, err := time.Parse(time.RFC3339, event["time"].(string))
		require.NoError(s, err)
		delete(event, "time")
	}
	timeless, err := json.Marshal(got)
	require.NoError(s, err)
	require.JSONEq(s, `[`+events+`]`, string(timeless))
}

func TestMoneyIsExact(t *testing.T) {
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		for _, item := range []string{socks, shorts, tshirt, sneakers, graphic} {
			s.add(id, item)
		}
		s.checkout(id)
		assert.Contains(s, s.order(id).body, `"totalPrice":309.98,`)

		round, dear := uuid.NewString(), uuid.NewString()
		s.add(round, shorts)
		s.checkout(round)
		assert.Contains(s, s.order(round).body, `"totalPrice":50.00,`)

		// Sums that binary floating point has not got.
		s.products.edit(`{"products": [
			{"id": "36176af9-a04f-40f3-805e-7fb9487f91d0", "name": "Socks", "price": 9007199254.01},
			{"id": "8151c2fc-6e3c-4285-a1b0-a00c194cd5ac", "name": "Cargo Shorts", "price": 0.1},
			{"id": "fc7b8b76-27bd-41d3-aea6-47f1d1793c45", "name": "Plain T-Shirt", "price": 0.2}]}`)
		for _, item := range []string{socks, shorts, tshirt} {
			s.add(dear, item)
		}
		s.checkout(dear)
		assert.Contains(s, s.order(dear).body, `"totalPrice":9007199254.31,`)
	})
}

func TestUUIDs(t *testing.T) {
	onEach(t, func(s *shop) {
		id := "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"
		s.add(id, strings.ToUpper(socks)).is(s, http.StatusCreated,
			`{"orderId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`)
		s.add(strings.ToLower(id), socks).is(s, http.StatusAccepted,
			`{"orderId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}`)

		for _, bad := range []string{
			"42", "%7B" + id + "%7D", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + "0", "%20" + id[1:],
			strings.Replace(id, "6", "g", 1), strings.Repeat("é", 18),
		} {
			of := "/v1/orders/" + bad
			s.get(of).is(s, http.StatusBadRequest, `{"message": "orderId is not a UUID"}`)
			s.get(of+"/history").is(s, http.StatusBadRequest, `{"message": "orderId is not a UUID"}`)
			s.checkout(bad).is(s, http.StatusBadRequest, `{"message": "orderId is not a UUID"}`)
			s.add(bad, socks).is(s, http.StatusBadRequest, `{"message": "orderId is not a UUID"}`)
		}
		for _, bad := range []string{
			"", "42", "{" + socks + "}", "urn:uuid:" + socks, strings.ReplaceAll(socks, "-", ""),
		} {
			s.add(id, bad).is(s, http.StatusBadRequest, `{"message": "itemId is not a UUID"}`)
		}
	})
}

func TestBodies(t *testing.T) {
	onEachStill(t, func(s *shop) {
		path := "/v1/orders/" + uuid.NewString() + "/add"
		good := fmt.Sprintf(`{"itemId": %q}`, socks)
		for name, body := range map[string]string{
			"empty":            "",
			"not JSON":         "itemId=" + socks,
			"cut off":          good[:len(good)-1],
			"trailing garbage": good + "}",
			"two values":       good + good,
			"an array":         "[" + good + "]",
			"a string":         `"` + socks + `"`,
			"a number":         `{"itemId": 42}`,
			"null":             "null",
			"without an item":  "{}",
			"a null item":      `{"itemId": null}`,
		} {
			s.Run(name, func(t *testing.T) { s.post(path, body).saysWhy(t, http.StatusBadRequest) })
		}
		s.post(path, strings.Repeat(" ", 1<<20)+good).saysWhy(s, http.StatusRequestEntityTooLarge)
		s.post(path, good+strings.Repeat(" ", 1<<20)).saysWhy(s, http.StatusRequestEntityTooLarge)
		s.get(strings.TrimSuffix(path, "/add")).saysWhy(s, http.StatusNotFound) // nothing was recorded

		// What a newer client adds is no error, nor what curl calls the body when it is not told.
		added := s.do(http.MethodPost, path, fmt.Sprintf(`{"quantity": 2, "itemId": %q} `, socks),
			"Content-Type", "application/x-www-form-urlencoded")
		require.Equal(s, http.StatusCreated, added.status)
	})
}

func TestUnknownOrders(t *testing.T) {
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		unknown := fmt.Sprintf(`{"message": "Unknown order", "orderId": %q}`, id)
		s.order(id).is(s, http.StatusNotFound, unknown)
		s.get("/v1/orders/"+id+"/history").is(s, http.StatusNotFound, unknown)
		s.checkout(id).is(s, http.StatusNotFound,
			fmt.Sprintf(`{"message": "Cannot complete action on unknown order", "orderId": %q}`, id))
	})
}

func TestUnknownProducts(t *testing.T) {
	onEach(t, func(s *shop) {
		id, unknown := uuid.NewString(), uuid.NewString()
		s.add(id, unknown).is(s, http.StatusBadRequest,
			fmt.Sprintf(`{"message": "Invalid order item", "itemIds": [%q]}`, unknown))
		s.order(id).saysWhy(s, http.StatusNotFound)

		for _, item := range []string{socks, shorts, tshirt} {
			s.add(id, item)
		}
		s.products.edit(fmt.Sprintf(`{"products": [{"id": %q, "name": "Cargo Shorts", "price": 50.00}]}`, shorts))
		s.checkout(id).is(s, http.StatusBadRequest,
			fmt.Sprintf(`{"message": "Invalid order item", "itemIds": [%q, %q]}`, socks, tshirt))
		assert.Contains(s, s.order(id).body, "IN_PROGRESS")
	})
}

func TestTheProductServiceFails(t *testing.T) {
	faults := map[string]http.HandlerFunc{
		"down": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"slow": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"slow body": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "{")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
		"ill":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"drunken": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
	}
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		hasty := s.through(s.copyOf(s.backend, 100*time.Millisecond))
		for name, fault := range faults {
			s.Run(name, func(t *testing.T) {
				s.products.fail(fault)
				for _, refused := range []answer{hasty.add(id, shorts), hasty.checkout(id)} {
					refused.is(t, http.StatusServiceUnavailable, `{"message": "The product service is unavailable"}`)
					assert.Equal(t, "1", refused.header.Get("Retry-After"))
				}
				s.historyIs(id, fmt.Sprintf(
					`{"version": 1, "type": "order.item-added", "itemId": %q, "name": "Socks"}`, socks))
			})
		}
		s.products.fail(nil)
		s.add(id, shorts).is(s, http.StatusOK, fmt.Sprintf(`{"orderId": %q}`, id))
		s.products.edit(fmt.Sprintf(`{"products": [{"id": %q, "name": "Socks", "price": -1},
			{"id": %q, "name": "Cargo Shorts", "price": 50}]}`, socks, shorts))
		s.checkout(id).saysWhy(s, http.StatusServiceUnavailable)
	})
}

func TestPages(t *testing.T) {
	onEach(t, func(s *shop) {
		var checkedOut []string // latest first
		for range 5 {
			id := uuid.NewString()
			s.add(id, socks)
			s.add(uuid.NewString(), socks) // never checked out, never listed
			s.checkout(id)
			checkedOut = append([]string{id}, checkedOut...)
		}
		assert.Equal(s, checkedOut, s.list(""))
		assert.Equal(s, checkedOut, s.list("?limit=1000"))
		assert.Equal(s, checkedOut[:2], s.list("?limit=2"))
		assert.Equal(s, checkedOut[2:4], s.list("?limit=2&cursor="+checkedOut[1]))
		assert.Equal(s, checkedOut[4:], s.list("?limit=2&cursor="+strings.ToUpper(checkedOut[3])))
		s.orders("?cursor="+checkedOut[4]).is(s, http.StatusOK, `[]`)

		inProgress := uuid.NewString()
		s.add(inProgress, socks)
		for _, query := range []string{
			"limit=0", "limit=-1", "limit=1001", "limit=ten", "limit=1e2", "cursor=42", "cursor=" + uuid.NewString(),
			"cursor=" + inProgress,
		} {
			s.orders("?"+query).saysWhy(s, http.StatusBadRequest)
		}
	})
}

func (s *shop) list(query string) (ids []string) {
	s.Helper()
	page := s.get("/v1/orders" + query)
	require.Equal(s, http.StatusOK, page.status, page.body)
	var orders []struct{ ID string }
	require.NoError(s, json.Unmarshal([]byte(page.body), &orders))
	for _, order := range orders {
		ids = append(ids, order.ID)
	}
	return ids
}

func TestRoutes(t *testing.T) {
	onEachStill(t, func(s *shop) {
		of := "/v1/orders/" + uuid.NewString()
		s.get("/healthcheck").is(s, http.StatusOK, `{"status": "healthy"}`)
		for _, path := range []string{"/", "/v1", "/v1/orders/", of + "/", of + "/add/more", "/v2/orders"} {
			s.get(path).saysWhy(s, http.StatusNotFound)
		}
		for path, allowed := range map[string]string{
			"/healthcheck": "GET", "/v1/orders": "GET", of: "GET", of + "/history": "GET",
			of + "/add": "POST", of + "/checkout": "POST",
		} {
			refused := s.do(http.MethodDelete, path, "")
			refused.saysWhy(s, http.StatusMethodNotAllowed)
			assert.Equal(s, allowed, refused.header.Get("Allow"), path)
		}
	})
}

func TestOtherOrigins(t *testing.T) {
	onEachStill(t, func(s *shop) {
		const allowed = "Access-Control-Allow-Origin"
		path := "/v1/orders/" + uuid.NewString() + "/add"
		preflight := s.do(http.MethodOptions, path, "", "Origin", "https://shop.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		assert.Equal(s, http.StatusNoContent, preflight.status)
		assert.Equal(s, "https://shop.example", preflight.header.Get(allowed))
		assert.Equal(s, "GET, POST", preflight.header.Get("Access-Control-Allow-Methods"))
		assert.Equal(s, "Content-Type", preflight.header.Get("Access-Control-Allow-Headers"))
		assert.Equal(s, "Origin", preflight.header.Get("Vary"))

		answered := s.do(http.MethodGet, "/healthcheck", "", "Origin", "https://shop.example")
		assert.Equal(s, "https://shop.example", answered.header.Get(allowed))
		failed := s.do(http.MethodPost, path, "", "Origin", "https://shop.example")
		assert.Equal(s, "https://shop.example", failed.header.Get(allowed), "errors are readable too")

		stranger := s.do(http.MethodOptions, path, "", "Origin", "https://evil.example",
			"Access-Control-Request-Method", "POST")
		assert.Empty(s, stranger.header.Get(allowed))
		assert.Empty(s, s.get("/healthcheck").header.Get(allowed))
	})
}

func TestAnEventThatNobodyKnows(t *testing.T) {
	onEachStill(t, func(s *shop) {
		id := uuid.New()
		s.add(id.String(), socks)
		_, err := s.backend.Store.Append(s.Context(), eventstore.Write{
			Stream:   order.Stream(id),
			Expected: eventstore.Exactly(1),
			Events:   []eventstore.EventData{{Type: "order.gift-wrapped", Data: []byte("{}")}},
		})
		require.NoError(s, err)
		internal := `{"message": "Internal error"}`
		s.get("/v1/orders/"+id.String()+"/history").is(s, http.StatusInternalServerError, internal)
		s.add(id.String(), shorts).is(s, http.StatusInternalServerError, internal)
	})
}
