// Package email sends mail: a client of a mail service, and a mock of the service that shows what was "sent".
package email

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/examples/ecommerce/httpjson"
)

// keyHeader carries the key by which the service knows a mail that it has taken before.
const keyHeader = "Idempotency-Key"

const maxMailBytes = 1 << 20

// Mail is a mail to the customer of an order.
type Mail struct {
	OrderID string `json:"orderId"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Client sends mail through the mail service. It is safe for concurrent use.
type Client struct {
	url  string
	http *http.Client
}

// NewClient returns a client of the mail service at a URL.
func NewClient(url string, client *http.Client) *Client { return &Client{url: url, http: client} }

// Send sends a mail, once for each key: after an error it may be repeated with the same key.
func (c *Client) Send(ctx context.Context, key uuid.UUID, mail Mail) error {
	body, err := json.Marshal(mail)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/v1/email", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(keyHeader, key.String())
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return errors.New("the mail service answered with " + response.Status)
	}
	return nil
}

// Mock stands in for the mail service. It takes mail and keeps it in memory, once for each key.
type Mock struct {
	mu   sync.Mutex
	keys map[uuid.UUID]bool
	sent []Mail
}

// NewMock returns a mock that was sent nothing yet.
func NewMock() *Mock { return &Mock{keys: make(map[uuid.UUID]bool), sent: []Mail{}} }

// Handler serves POST /v1/email, which takes a mail, and GET /v1/email, which shows all that were taken.
func (m *Mock) Handler(log *slog.Logger) http.Handler {
	router := httpjson.NewRouter(log)
	router.Post("/v1/email", m.take)
	router.Get("/v1/email", m.list)
	return router
}

func (m *Mock) take(w http.ResponseWriter, r *http.Request) {
	var mail Mail
	key, err := uuid.Parse(r.Header.Get(keyHeader))
	if err != nil || json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMailBytes)).Decode(&mail) != nil {
		httpjson.Fail(w, http.StatusBadRequest, "The body is not a mail, or "+keyHeader+" is not a UUID")
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	status := http.StatusOK // it was sent before, and once is enough
	if !m.keys[key] {
		m.keys[key] = true
		m.sent = append(m.sent, mail)
		status = http.StatusCreated
	}
	httpjson.Write(w, status, mail)
}

func (m *Mock) list(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	httpjson.Write(w, http.StatusOK, map[string][]Mail{"emails": m.sent})
}
