package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/examples/ecommerce/order"
)

// atOnce makes n calls at the same moment, by turns through the order service and another copy of it, and returns how
// often each status was answered.
func (s *shop) atOnce(n int, call func(s *shop, i int) answer) map[int]int {
	s.Helper()
	copies := []*shop{s, s.through(s.copy())}

	start := make(chan struct{})
	statuses := make([]int, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-start
			statuses[i] = call(copies[i%2], i).status
		})
	}
	close(start)
	calls.Wait()
	counts := make(map[int]int)
	for _, status := range statuses {
		counts[status]++
	}
	return counts
}

func TestAddsAtOnceOfDifferentItems(t *testing.T) {
	onEach(t, func(s *shop) {
		const n = 15
		var products []string
		items := make([]string, n)
		for i := range n {
			items[i] = uuid.NewString()
			products = append(products, fmt.Sprintf(`{"id": %q, "name": "Product %d", "price": 0.01}`, items[i], i))
		}
		s.products.edit(`{"products": [` + strings.Join(products, ",") + `]}`)

		id := uuid.NewString()
		counts := s.atOnce(n, func(s *shop, i int) answer { return s.add(id, items[i]) })
		assert.Equal(s, map[int]int{http.StatusCreated: 1, http.StatusOK: n - 1}, counts)
		assert.Len(s, s.items(id), n)
		s.checkout(id)
		assert.Contains(s, s.order(id).body, `"totalPrice":0.15,`)
	})
}

func TestAddsAtOnceOfTheSameItems(t *testing.T) {
	onEach(t, func(s *shop) {
		one := uuid.NewString()
		counts := s.atOnce(15, func(s *shop, _ int) answer { return s.add(one, socks) })
		assert.Equal(s, map[int]int{http.StatusCreated: 1, http.StatusAccepted: 14}, counts)
		assert.Len(s, s.items(one), 1)

		three, items := uuid.NewString(), []string{socks, shorts, tshirt}
		counts = s.atOnce(15, func(s *shop, i int) answer { return s.add(three, items[i%len(items)]) })
		assert.Equal(s, map[int]int{http.StatusCreated: 1, http.StatusOK: 2, http.StatusAccepted: 12}, counts)
		assert.Len(s, s.items(three), 3)
	})
}

func TestCheckoutsAtOnce(t *testing.T) {
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		counts := s.atOnce(10, func(s *shop, _ int) answer { return s.checkout(id) })
		assert.Equal(s, map[int]int{http.StatusOK: 1, http.StatusForbidden: 9}, counts)
		s.historyIs(id, fmt.Sprintf(`{"version": 1, "type": "order.item-added", "itemId": %q, "name": "Socks"},
			{"version": 2, "type": "order.checked-out", "totalPrice": 9.99}`, socks))
	})
}

// However adds and a checkout race, the total is that of the items which are on the order.
func TestAddsAndACheckoutAtOnce(t *testing.T) {
	cents := map[string]int{socks: 999, shorts: 5000, tshirt: 2499, sneakers: 15000, graphic: 7500}
	onEach(t, func(s *shop) {
		for range 10 {
			id, items := uuid.NewString(), []string{socks, shorts, tshirt, sneakers, graphic}
			s.add(id, items[0])
			counts := s.atOnce(5, func(s *shop, i int) answer {
				if i == 0 {
					return s.checkout(id)
				}
				return s.add(id, items[i])
			})
			require.Equal(s, 5, counts[http.StatusOK]+counts[http.StatusForbidden])

			total, added := 0, s.items(id)
			for _, item := range added {
				total += cents[item]
			}
			assert.Len(s, added, counts[http.StatusOK])
			assert.Contains(s, s.order(id).body, fmt.Sprintf(`"totalPrice":%d.%02d,`, total/100, total%100))
		}
	})
}

func TestAnItemAddedWhileTheOrderIsPricedIsPricedToo(t *testing.T) {
	onEach(t, func(s *shop) {
		id := uuid.NewString()
		s.add(id, socks)
		var pricings atomic.Int32
		s.products.fail(func(w http.ResponseWriter, r *http.Request) {
			s.products.fail(nil)
			if r.URL.Path == "/v1/product" && pricings.Add(1) == 1 {
				s.add(id, sneakers)
			}
			fmt.Fprintf(w, `{"products": [{"id": %q, "name": "Socks", "price": 9.99}]}`, socks)
		})
		s.checkout(id).is(s, http.StatusOK, fmt.Sprintf(`{"orderId": %q}`, id))
		assert.EqualValues(s, 1, pricings.Load())
		assert.Contains(s, s.order(id).body, `"totalPrice":159.99,`)
	})
}

func TestAClientReadsItsOwnWritesThroughAnyCopy(t *testing.T) {
	onEach(t, func(s *shop) {
		other := s.through(s.copy())
		s.atOnce(16, func(s *shop, _ int) answer {
			id := uuid.NewString()
			for n, item := range []string{socks, shorts, tshirt, sneakers} {
				assert.Less(s, s.add(id, item).status, http.StatusAccepted)
				assert.Len(s, other.items(id), n+1)
			}
			assert.Equal(s, http.StatusOK, s.checkout(id).status)
			assert.Contains(s, other.orders("").body, id)
			return answer{}
		})
	})
}

func TestEventsBearTheRequestThatLedToThem(t *testing.T) {
	onEachStill(t, func(s *shop) {
		id := uuid.New()
		requestID := s.add(id.String(), socks).header.Get("X-Request-ID")
		require.NotEmpty(s, requestID)
		for event, err := range s.backend.Store.ReadStream(s.Context(), order.Stream(id), everything) {
			require.NoError(s, err)
			assert.Equal(s, requestID, event.Metadata.CorrelationID)
		}
	})
}

// items returns the IDs of the items on an order.
func (s *shop) items(id string) (ids []string) {
	s.Helper()
	var body struct{ Items []struct{ ID string } }
	assert.NoError(s, json.Unmarshal([]byte(s.order(id).body), &body))
	for _, item := range body.Items {
		ids = append(ids, item.ID)
	}
	return ids
}
