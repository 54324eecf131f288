package product_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/examples/ecommerce/money"
	"github.com/pasttense/pasttense/examples/ecommerce/product"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	quiet  = slog.New(slog.DiscardHandler)
	socks  = uuid.MustParse("36176af9-a04f-40f3-805e-7fb9487f91d0")
	shorts = uuid.MustParse("8151c2fc-6e3c-4285-a1b0-a00c194cd5ac")
)

func get(t *testing.T, handler http.Handler, path string) (status int, body string) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer.Code, answer.Body.String()
}

func TestTheMockServesTheCatalog(t *testing.T) {
	handler := product.Mock{}.Handler(quiet)
	status, body := get(t, handler, "/v1/product")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"products": [
		{"id": "36176af9-a04f-40f3-805e-7fb9487f91d0", "name": "Socks", "price": 9.99},
		{"id": "8151c2fc-6e3c-4285-a1b0-a00c194cd5ac", "name": "Cargo Shorts", "price": 50.00},
		{"id": "fc7b8b76-27bd-41d3-aea6-47f1d1793c45", "name": "Plain T-Shirt", "price": 24.99},
		{"id": "64b8240a-1737-4714-9c78-03ab9f7f0507", "name": "White Sneakers", "price": 150.00},
		{"id": "e24b5420-3ebf-4996-8e8e-3b336366a1a2", "name": "Graphic T-Shirt", "price": 75.00}]}`, body)

	status, body = get(t, handler, "/v1/product/8151C2FC-6e3c-4285-a1b0-a00c194cd5ac")
	assert.Equal(t, http.StatusOK, status)
	assert.JSONEq(t, `{"name": "Cargo Shorts", "price": 50.00}`, body)
	assert.Contains(t, body, "50.00", "as the file has it")

	for _, unknown := range []string{uuid.NewString(), "42"} {
		status, body = get(t, handler, "/v1/product/"+unknown)
		assert.Equal(t, http.StatusNotFound, status)
		assert.JSONEq(t, `{"message": "No such product"}`, body)
	}
}

func TestTheMocksFileMayBeEdited(t *testing.T) {
	file := filepath.Join(t.TempDir(), "products.json")
	handler := product.Mock{Path: file}.Handler(quiet)
	status, _ := get(t, handler, "/v1/product")
	assert.Equal(t, http.StatusInternalServerError, status)

	for _, price := range []string{"1.50", "2.50"} {
		content := fmt.Sprintf(`{"products":[{"id":%q,"name":"Socks","price":%s}]}`, socks, price)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		status, body := get(t, handler, "/v1/product")
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, content+"\n", body)
	}
}

// answering returns a client of a service that always gives this answer.
func answering(t *testing.T, status int, body string) *product.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return product.NewClient(server.URL, server.Client())
}

func TestClient(t *testing.T) {
	server := httptest.NewServer(product.Mock{}.Handler(quiet))
	defer server.Close()
	client := product.NewClient(server.URL, server.Client())

	name, err := client.Name(t.Context(), socks)
	require.NoError(t, err)
	assert.Equal(t, "Socks", name)

	prices, err := client.Prices(t.Context(), []uuid.UUID{shorts, socks})
	require.NoError(t, err)
	assert.Equal(t, map[uuid.UUID]money.Amount{socks: 999, shorts: 5000}, prices)

	one, other := uuid.New(), uuid.New()
	var unknown *product.UnknownError
	_, err = client.Name(t.Context(), one)
	require.ErrorAs(t, err, &unknown)
	assert.Equal(t, []uuid.UUID{one}, unknown.IDs)
	_, err = client.Prices(t.Context(), []uuid.UUID{one, socks, other})
	require.ErrorAs(t, err, &unknown)
	assert.Equal(t, []uuid.UUID{one, other}, unknown.IDs)
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for _, body := range []string{
		``, `<html>`, `{}`, `{"name": "", "price": 1}`, `{"name": "Socks"}`, `{"name": "Socks", "price": "dear"}`,
		`{"name": "Socks", "price": 1.999}`, `{"name": "Socks", "price": -1}`, `{"name": "Socks", "price": 1e3}`,
	} {
		_, err := answering(t, http.StatusOK, body).Name(t.Context(), socks)
		assert.ErrorIs(t, err, product.ErrUnavailable, body)
		list := fmt.Sprintf(`{"products": [%s]}`, body)
		if len(body) > 2 {
			list = fmt.Sprintf(`{"products": [{"id": %q, %s]}`, socks, body[1:])
		}
		_, err = answering(t, http.StatusOK, list).Prices(t.Context(), []uuid.UUID{socks})
		assert.Error(t, err, list)
	}
	for _, status := range []int{http.StatusInternalServerError, http.StatusTooManyRequests, http.StatusNotFound} {
		_, err := answering(t, status, "").Prices(t.Context(), []uuid.UUID{socks})
		assert.ErrorIs(t, err, product.ErrUnavailable)
	}
}
