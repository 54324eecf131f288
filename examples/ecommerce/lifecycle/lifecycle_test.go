package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/examples/ecommerce/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes who has stopped, in order.
type diary chan string

func (d diary) part(name string, ending error) lifecycle.Part {
	return lifecycle.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		d <- name
		return ending
	}}
}

func (d diary) read() (names []string) {
	close(d)
	for name := range d {
		names = append(names, name)
	}
	return names
}

func TestPartsAreStoppedInReverse(t *testing.T) {
	stopped := make(diary, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := lifecycle.Run(ctx, stopped.part("first", nil), stopped.part("second", nil), stopped.part("third", nil))
	require.NoError(t, err)
	assert.Equal(t, []string{"third", "second", "first"}, stopped.read())
}

func TestAPartThatFailsStopsAll(t *testing.T) {
	stopped := make(diary, 2)
	broken, slow := errors.New("broken"), errors.New("slow")
	failing := lifecycle.Part{Name: "failing", Run: func(context.Context) error { return broken }}
	err := lifecycle.Run(t.Context(), stopped.part("first", nil), failing, stopped.part("last", slow))
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, err, slow)
	require.ErrorContains(t, err, "failing: broken")
	assert.Equal(t, []string{"last", "first"}, stopped.read())
}

func TestAPartThatEndsByItselfStopsAll(t *testing.T) {
	done := lifecycle.Part{Name: "done", Run: func(context.Context) error { return nil }}
	require.ErrorContains(t, lifecycle.Run(t.Context(), done), "done: ended by itself")
}

func TestHTTPFinishesRequestsInHand(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:0")
	require.NoError(t, err)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		assert.NoError(t, r.Context().Err())
		w.WriteHeader(http.StatusTeapot)
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- lifecycle.Run(ctx, lifecycle.HTTP("teapot", listener, handler, slog.New(slog.DiscardHandler)))
	}()
	status := make(chan int)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), http.NoBody)
		assert.NoError(t, err)
		response, err := http.DefaultClient.Do(request)
		if assert.NoError(t, err) {
			_ = response.Body.Close()
			status <- response.StatusCode
		}
	}()
	<-arrived
	cancel()
	close(goOn)
	assert.Equal(t, http.StatusTeapot, <-status)
	require.NoError(t, <-ended)
	http.DefaultClient.CloseIdleConnections()
}
