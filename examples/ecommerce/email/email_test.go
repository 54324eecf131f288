package email_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/examples/ecommerce/email"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func sent(t *testing.T, service http.Handler) string {
	t.Helper()
	answer := httptest.NewRecorder()
	service.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/email", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	return answer.Body.String()
}

func TestAMailIsSentOnceForItsKey(t *testing.T) {
	service := email.NewMock().Handler(quiet)
	server := httptest.NewServer(service)
	defer server.Close()
	client := email.NewClient(server.URL, server.Client())
	assert.JSONEq(t, `{"emails": []}`, sent(t, service))

	mail := email.Mail{OrderID: uuid.Nil.String(), Subject: "Hello", Text: "World"}
	key := uuid.New()
	for range 3 {
		require.NoError(t, client.Send(t.Context(), key, mail))
	}
	const once = `{"orderId": "00000000-0000-0000-0000-000000000000", "subject": "Hello", "text": "World"}`
	assert.JSONEq(t, `{"emails": [`+once+`]}`, sent(t, service))

	require.NoError(t, client.Send(t.Context(), uuid.New(), mail))
	assert.JSONEq(t, `{"emails": [`+once+`, `+once+`]}`, sent(t, service))
}

func TestWhatTheMockRefuses(t *testing.T) {
	service := email.NewMock().Handler(quiet)
	for _, test := range []struct{ key, body string }{{"", "{}"}, {"42", "{}"}, {uuid.NewString(), "Hello"}} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/email", strings.NewReader(test.body))
		request.Header.Set("Idempotency-Key", test.key)
		answer := httptest.NewRecorder()
		service.ServeHTTP(answer, request)
		assert.Equal(t, http.StatusBadRequest, answer.Code)
	}
	assert.JSONEq(t, `{"emails": []}`, sent(t, service))
}

func TestSendFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	client := email.NewClient(server.URL, server.Client())
	require.ErrorContains(t, client.Send(t.Context(), uuid.New(), email.Mail{}), "502 Bad Gateway")
	server.Close()
	require.ErrorContains(t, client.Send(t.Context(), uuid.New(), email.Mail{}), "connection refused")
}
