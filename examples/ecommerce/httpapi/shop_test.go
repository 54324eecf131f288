package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/examples/ecommerce/backend"
	"github.com/pasttense/pasttense/examples/ecommerce/checkout"
	"github.com/pasttense/pasttense/examples/ecommerce/email"
	"github.com/pasttense/pasttense/examples/ecommerce/httpapi"
	"github.com/pasttense/pasttense/examples/ecommerce/ordering"
	"github.com/pasttense/pasttense/examples/ecommerce/product"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/processmanager"
)

const (
	socks    = "36176af9-a04f-40f3-805e-7fb9487f91d0"
	shorts   = "8151c2fc-6e3c-4285-a1b0-a00c194cd5ac"
	tshirt   = "fc7b8b76-27bd-41d3-aea6-47f1d1793c45"
	sneakers = "64b8240a-1737-4714-9c78-03ab9f7f0507"
	graphic  = "e24b5420-3ebf-4996-8e8e-3b336366a1a2"
)

// productTimeout is how long the order service waits for an answer of the product service: on a machine that has other
// things to do, long enough. The tests of a slow service have their own.
const productTimeout = time.Minute

var (
	quiet    = slog.New(slog.DiscardHandler)
	migrated = pgtest.NewTemplate(func(ctx context.Context, url string) error { return backend.Migrate(ctx, url, quiet) })
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }

// shop is the test of an order service, with what the service needs. Populator and checkout process are to be started.
type shop struct {
	*testing.T
	*httptest.Server
	backend  *backend.Backend
	products *productService
	mails    *httptest.Server
}

// onEach runs a test on each backend, with populator.
func onEach(t *testing.T, test func(s *shop)) {
	t.Helper()
	onEachStill(t, func(s *shop) {
		s.start(s.backend.Populator.Run)
		test(s)
	})
}

// onEachStill runs a test on each backend, where nothing populates the read model.
func onEachStill(t *testing.T, test func(s *shop)) {
	t.Helper()
	t.Parallel()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(newShop(t, backend.Memory(quiet)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		opened, err := backend.Postgres(t.Context(), migrated.Database(t), quiet)
		require.NoError(t, err)
		test(newShop(t, opened))
	})
}

func newShop(t *testing.T, b *backend.Backend) *shop {
	t.Helper()
	t.Cleanup(func() { assert.NoError(t, b.Close(context.WithoutCancel(t.Context()))) })
	s := &shop{T: t, backend: b, products: newProductService(t), mails: serve(t, email.NewMock().Handler(quiet))}
	s.Server = s.copy()
	return s
}

// copy starts another copy of the order service.
func (s *shop) copy() *httptest.Server { return s.copyOf(s.backend, productTimeout) }

func (s *shop) copyOf(b *backend.Backend, productTimeout time.Duration) *httptest.Server {
	s.Helper()
	client := &http.Client{Timeout: productTimeout, Transport: &http.Transport{}}
	s.Cleanup(client.CloseIdleConnections)
	return serve(s.T, httpapi.New(httpapi.Config{
		Store:   b.Store,
		Orders:  ordering.New(b.Store, product.NewClient(s.products.URL, client)),
		Views:   b.Query(),
		Origins: []string{"https://shop.example"},
		Log:     quiet,
	}))
}

// through returns the same test through another copy of the order service.
func (s *shop) through(server *httptest.Server) *shop {
	other := *s
	other.Server = server
	return &other
}

func (s *shop) startCheckoutProcess() {
	s.Helper()
	manager := checkout.NewManager(s.backend.Store, s.backend.Agenda,
		email.NewClient(s.mails.URL, s.mails.Client()), &processmanager.Options{Logger: quiet})
	s.start(manager.Run)
}

// start runs a consumer until the test ends.
func (s *shop) start(run func(ctx context.Context) error) {
	s.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(s.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	s.Cleanup(func() {
		stop()
		assert.NoError(s, <-done)
	})
}

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// productService is the mock, with a file of its own, and ways to make it fail.
type productService struct {
	*httptest.Server
	t     *testing.T
	file  string
	fault atomic.Pointer[http.HandlerFunc]
}

func newProductService(t *testing.T) *productService {
	t.Helper()
	builtIn, err := os.ReadFile("../product/products.json")
	require.NoError(t, err)
	p := &productService{t: t, file: filepath.Join(t.TempDir(), "products.json")}
	p.edit(string(builtIn))
	mock := product.Mock{Path: p.file}.Handler(quiet)
	p.Server = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fault := p.fault.Load(); fault != nil {
			(*fault)(w, r)
			return
		}
		mock.ServeHTTP(w, r)
	}))
	return p
}

func (p *productService) edit(catalog string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(p.file, []byte(catalog), 0o600))
}

// fail makes the service answer with a fault, or no more with one when it is nil.
func (p *productService) fail(fault http.HandlerFunc) {
	if fault == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&fault)
}

// answer is what a client gets, zero when it gets none.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *shop) get(path string) answer { return s.do(http.MethodGet, path, "") }

func (s *shop) post(path, body string) answer { return s.do(http.MethodPost, path, body) }

func (s *shop) order(orderID string) answer { return s.look("/v1/orders/" + orderID) }

func (s *shop) orders(query string) answer { return s.look("/v1/orders" + query) }

// look gets what takes the read model. On a machine that is very busy the populator may need more than two seconds: then
// it tries again, as a client should. What it must not get is an old view.
func (s *shop) look(path string) answer {
	for {
		if got := s.get(path); got.status != http.StatusServiceUnavailable || s.Context().Err() != nil {
			return got
		}
	}
}

func (s *shop) add(orderID, itemID string) answer {
	return s.post("/v1/orders/"+orderID+"/add", `{"itemId": "`+itemID+`"}`)
}

func (s *shop) checkout(orderID string) answer { return s.post("/v1/orders/"+orderID+"/checkout", "") }

// do may be called from any goroutine.
func (s *shop) do(method, path, body string, header ...string) answer {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), method, s.URL+path, strings.NewReader(body))
	if !assert.NoError(s, err) {
		return answer{}
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := s.Server.Client().Do(request)
	if !assert.NoError(s, err) {
		return answer{}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	assert.NoError(s, err)
	return answer{status: response.StatusCode, header: response.Header, body: string(content)}
}

// is requires an answer to the letter.
func (a answer) is(t testing.TB, status int, body string) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.JSONEq(t, body, a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
}

// saysWhy requires an error with a message.
func (a answer) saysWhy(t testing.TB, status int) {
	t.Helper()
	require.Equal(t, status, a.status, a.body)
	require.Regexp(t, `^\{"message":".+"`, a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
}
