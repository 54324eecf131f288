package pgstore_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// S10, S7: the connection is lost at the commit, in each of the ways in which that can happen. The caller gets the true
// outcome, and the event is there once, although the caller gave no ID.
func TestCommitWithoutAnswerIsResolved(t *testing.T) {
	t.Parallel()
	for _, lost := range []lostCommit{
		{"before the database gets it", func(*testing.T, <-chan struct{}) appendHook {
			return func(client, server net.Conn, _ []byte) bool {
				_, _ = client.Close(), server.Close()
				return false
			}
		}},
		{"after the database has committed", func(*testing.T, <-chan struct{}) appendHook {
			return func(client, _ net.Conn, _ []byte) bool {
				_ = client.Close()
				return true
			}
		}},
		{"and the database gets it later", func(t *testing.T, later <-chan struct{}) appendHook {
			t.Helper()
			return func(client, server net.Conn, message []byte) bool {
				_ = client.Close()
				<-later
				_, _ = server.Write(message) // unless the server has closed the connection
				return false
			}
		}},
	} {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			t.Run("direct", func(t *testing.T) {
				t.Parallel()
				lost.test(t, (*proxy).expose)
			})
			t.Run("behind a pooler", func(t *testing.T) {
				t.Parallel()
				lost.test(t, (*proxy).hideBackends)
			})
		})
	}
}

type lostCommit struct {
	name string
	hook func(t *testing.T, later <-chan struct{}) appendHook
}

func (lost lostCommit) test(t *testing.T, prepare func(*proxy)) {
	t.Helper()
	url := migrated.Database(t)
	proxy, proxied := newProxy(t, url)
	prepare(proxy)
	store := open(t, proxied, pgstore.Options{})
	later := make(chan struct{})
	proxy.atNextAppend(lost.hook(t, later))

	outcome := make(chan error, 1)
	var result eventstore.AppendResult
	go func() {
		var err error
		result, err = store.Append(t.Context(), added(order42, 1)) // whose version protects nothing
		outcome <- err
	}()
	select {
	case err := <-outcome:
		require.NoError(t, err)
		close(later)
	case <-time.After(300 * time.Millisecond): // it must not answer while the old transaction is open
		close(later)
		require.NoError(t, <-outcome)
	}
	events := stream(t, open(t, url, pgstore.Options{}), order42)
	require.Len(t, events, 1)
	assert.Equal(t, events[0].Position, result.Position)
	assert.EqualValues(t, 1, result.Writes[0].Version)
}

// When the caller's context ends while the outcome is open, the error says so, and repeating the append tells.
func TestCommitWithoutAnswerInTimeIsInDoubt(t *testing.T) {
	t.Parallel()
	proxy, proxied := newProxy(t, migrated.Database(t))
	store := open(t, proxied, pgstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	proxy.atNextAppend(func(_, _ net.Conn, _ []byte) bool {
		cancel()
		return false
	})
	write := withIDs(expecting(eventstore.NoStream, added(order42, 2)))

	_, err := store.Append(ctx, write)
	require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)

	_, err = store.Append(t.Context(), write)
	require.NoError(t, err)
	require.Len(t, stream(t, store, order42), 2)
}
