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
	for _, lost := range []struct {
		name string
		hook func(t *testing.T, later <-chan struct{}) commitHook
	}{
		{"before the database gets it", func(*testing.T, <-chan struct{}) commitHook {
			return func(client, server net.Conn, _ []byte) bool {
				_, _ = client.Close(), server.Close()
				return false
			}
		}},
		{"after the database has committed", func(*testing.T, <-chan struct{}) commitHook {
			return func(client, _ net.Conn, _ []byte) bool {
				_ = client.Close()
				return true
			}
		}},
		{"and the database gets it later", func(t *testing.T, later <-chan struct{}) commitHook {
			t.Helper()
			return func(client, server net.Conn, message []byte) bool {
				_ = client.Close()
				<-later
				_, err := server.Write(message)
				assert.NoError(t, err)
				return false
			}
		}},
	} {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			url := migrated.Database(t)
			proxy, proxied := newProxy(t, url)
			store := open(t, proxied, pgstore.Options{})
			later := make(chan struct{})
			proxy.atNextCommit(lost.hook(t, later))

			outcome := make(chan error, 1)
			var result eventstore.AppendResult
			go func() {
				var err error
				result, err = store.Append(t.Context(), expecting(eventstore.NoStream, added(order42, 1)))
				outcome <- err
			}()
			select {
			case err := <-outcome:
				require.NoError(t, err)
			case <-time.After(300 * time.Millisecond): // it must not answer while the old transaction is open
				close(later)
				require.NoError(t, <-outcome)
			}
			events := stream(t, store, order42)
			require.Len(t, events, 1)
			assert.Equal(t, events[0].Position, result.Position)
			assert.EqualValues(t, 1, result.Writes[0].Version)
		})
	}
}

// When the caller's context ends while the outcome is open, the error says so, and repeating the append tells.
func TestCommitWithoutAnswerInTimeIsInDoubt(t *testing.T) {
	t.Parallel()
	proxy, proxied := newProxy(t, migrated.Database(t))
	store := open(t, proxied, pgstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	proxy.atNextCommit(func(_, _ net.Conn, _ []byte) bool {
		cancel()
		return true
	})
	write := withIDs(expecting(eventstore.NoStream, added(order42, 2)))

	_, err := store.Append(ctx, write)
	require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.Canceled)

	_, err = store.Append(t.Context(), write)
	require.NoError(t, err)
	require.Len(t, stream(t, store, order42), 2)
}
