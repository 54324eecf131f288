package pgstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

var legacy = &pgstore.ImportOptions{Name: "legacy"}

func TestImportGoesOnAfterAnErrorOfTheSource(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	writes := history(100)
	broken := errors.New("the file is broken")
	for _, n := range []int{30, 60} {
		result, err := store.Import(t.Context(), failing(source(writes[:n]...), broken), legacy)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, `import "legacy": read the source after`)
		assert.EqualValues(t, n, result.Writes)
		assert.EqualValues(t, 3*30, result.Events)
	}
	for _, skipped := range []int64{60, 100} {
		result, err := store.Import(t.Context(), source(writes...), legacy)
		require.NoError(t, err)
		assert.EqualValues(t, 100, result.Writes)
		assert.Equal(t, skipped, result.Skipped)
		assert.Equal(t, 3*(100-skipped), result.Events)
		head, err := store.Head(t.Context())
		require.NoError(t, err)
		assert.Equal(t, head, result.Position)
	}
	requireHistory(t, store, writes)
}

// A source that is not the one the import began with would be imported in part.
func TestImportRefusesAnotherSource(t *testing.T) {
	t.Parallel()
	store := open(t, migrated.Database(t), pgstore.Options{})
	writes := history(20)
	_, err := store.Import(t.Context(), source(writes...), legacy)
	require.NoError(t, err)

	swapped := slices.Clone(writes)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	edited := history(21)
	edited[19].Events[2].Data = []byte(`{}`)
	for name, other := range map[string][]eventstore.Write{
		"in another order": swapped, "with other data": edited, "with less": writes[:19], "from its middle": writes[1:], "empty": nil,
	} {
		result, err := store.Import(t.Context(), source(other...), legacy)
		require.ErrorIs(t, err, pgstore.ErrImportChanged, name)
		assert.EqualValues(t, 20, result.Writes, name)
	}
	requireHistory(t, store, writes)
}

// An import without a name begins at the beginning, and leaves no row.
func TestImportWithoutANameIsForgotten(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url, pgstore.Options{})
	_, err := store.Import(t.Context(), source(added(order42, 1)), nil)
	require.NoError(t, err)
	_, err = store.Import(t.Context(), failing(source(added(order42, 1)), errors.New("broken")), nil)
	require.Error(t, err)
	require.Len(t, stream(t, store, order42), 2)
	var rows int
	require.NoError(t, newPool(t, url).QueryRow(t.Context(), "SELECT count(*) FROM pasttense.imports").Scan(&rows))
	assert.Zero(t, rows)
}

// atCommit is a hook for events that a statement of its own commits. It forwards them, and calls another one at the
// commit that follows.
func atCommit(hook appendHook) appendHook {
	return func(client, server net.Conn, message []byte) bool {
		buffer := make([]byte, 64<<10)
		for !bytes.HasPrefix(bytes.ToUpper(message), []byte("Q\x00\x00\x00\x0bCOMMIT\x00")) {
			if _, err := server.Write(message); err != nil {
				return false
			}
			n, err := client.Read(buffer)
			if err != nil {
				return false
			}
			message = buffer[:n]
		}
		if hook(client, server, message) {
			_, _ = server.Write(message)
		}
		return false
	}
}

// S10: the connection is lost at the commit, in each of the ways in which that can happen.
func TestImportResolvesACommitWithoutAnswer(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(later <-chan struct{}) appendHook{
		"before the database gets it": func(<-chan struct{}) appendHook {
			return func(client, server net.Conn, _ []byte) bool {
				_, _ = client.Close(), server.Close()
				return false
			}
		},
		"after the database has committed": func(<-chan struct{}) appendHook {
			return func(client, _ net.Conn, _ []byte) bool {
				_ = client.Close()
				return true
			}
		},
		"and the database gets it later": func(later <-chan struct{}) appendHook {
			return func(client, server net.Conn, message []byte) bool {
				_ = client.Close()
				<-later
				_, _ = server.Write(message)
				return false
			}
		},
	} {
		for _, options := range []*pgstore.ImportOptions{nil, legacy} {
			t.Run(fmt.Sprint(name, " ", options != nil), func(t *testing.T) {
				t.Parallel()
				url := migrated.Database(t)
				pool := newPool(t, url)
				proxy, proxied := newProxy(t, url)
				store := open(t, proxied, pgstore.Options{})
				later := make(chan struct{})
				proxy.atNextAppend(atCommit(lose(later)))
				outcome := make(chan error, 1)
				writes := history(100)
				go func() {
					result, err := store.Import(t.Context(), source(writes...), options)
					assert.EqualValues(t, 300, result.Events)
					outcome <- err
				}()
				if name == "and the database gets it later" {
					awaitBlocked(t, pool) // by the row of the import
					close(later)
				}
				require.NoError(t, <-outcome)
				requireHistory(t, store, writes)
			})
		}
	}
}

// S10: an import that is canceled while a commit is under way finds out, and its result is right.
func TestImportCancelledAtACommitTellsWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, hook := range map[string]func(cancel func()) appendHook{
		"answered": func(cancel func()) appendHook {
			return func(_, _ net.Conn, _ []byte) bool {
				cancel()
				return true
			}
		},
		"lost": func(cancel func()) appendHook {
			return func(client, _ net.Conn, _ []byte) bool {
				cancel()
				_ = client.Close()
				return true
			}
		},
		"not committed": func(cancel func()) appendHook {
			return func(client, server net.Conn, _ []byte) bool {
				cancel()
				_, _ = client.Close(), server.Close()
				return false
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, proxied := newProxy(t, migrated.Database(t))
			store := open(t, proxied, pgstore.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			proxy.atNextAppend(atCommit(hook(cancel)))
			writes := history(1000)
			result, err := store.Import(ctx, source(writes...), legacy)
			require.ErrorIs(t, err, context.Canceled)
			require.NotErrorIs(t, err, eventstore.ErrOutcomeUnknown)
			requireHistory(t, store, writes[:result.Writes])

			_, err = store.Import(t.Context(), source(writes...), legacy)
			require.NoError(t, err)
			requireHistory(t, store, writes)
		})
	}
}

// When it cannot find out, it says so.
func TestImportInDoubtSaysSo(t *testing.T) {
	t.Parallel()
	proxy, proxied := newProxy(t, migrated.Database(t))
	store := open(t, proxied, pgstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	later := make(chan struct{})
	proxy.atNextAppend(atCommit(func(client, server net.Conn, message []byte) bool {
		cancel()
		_ = client.Close()
		<-later
		_, _ = server.Write(message)
		return false
	}))
	writes := history(50)
	_, err := store.Import(ctx, source(writes...), legacy)
	require.ErrorIs(t, err, eventstore.ErrOutcomeUnknown)
	close(later)
	_, err = store.Import(t.Context(), source(writes...), legacy)
	require.NoError(t, err)
	requireHistory(t, store, writes)
}

// An import survives that its backends are terminated again and again, in the middle of whatever they do.
func TestImportSurvivesTerminatedBackends(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	terminating, stop := context.WithCancel(t.Context())
	var terminator sync.WaitGroup
	var terminated int
	terminator.Go(func() {
		const terminate = `
			SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND state <> 'idle' AND query LIKE '%COPY%'`
		for terminating.Err() == nil && terminated < 5 {
			var n int
			_ = pool.QueryRow(terminating, terminate).Scan(&n)
			terminated += max(n-1, 0) // itself
		}
	})
	writes := history(20_000)
	result, err := store.Import(t.Context(), source(writes...), nil)
	stop()
	terminator.Wait()
	require.NoError(t, err)
	assert.EqualValues(t, len(writes), result.Writes)
	requireHistory(t, store, writes)
}

// Of two runs under one name the later goes on, and everything is there once.
func TestImportIsTakenOverByALaterRun(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	first, second := open(t, url, pgstore.Options{}), open(t, url, pgstore.Options{})
	writes := history(300)
	begun, goOn, outcome := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		result, err := first.Import(t.Context(), pausing(source(writes...), 100, goOn), &pgstore.ImportOptions{
			Name: "legacy", Progress: func(result pgstore.ImportResult) {
				if result.Writes == 100 {
					close(begun)
				}
			},
		})
		assert.EqualValues(t, 100, result.Writes)
		outcome <- err
	}()
	<-begun
	result, err := second.Import(t.Context(), source(writes...), legacy)
	require.NoError(t, err)
	assert.EqualValues(t, len(writes), result.Writes)
	assert.EqualValues(t, 100, result.Skipped)
	close(goOn)
	require.ErrorIs(t, <-outcome, pgstore.ErrImportTakenOver)
	requireHistory(t, second, writes)
}

// pausing yields n writes, and goes on when it may.
func pausing(
	source iter.Seq2[pgstore.ImportWrite, error], n int, goOn <-chan struct{},
) iter.Seq2[pgstore.ImportWrite, error] {
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for write, err := range source {
			if n == 0 {
				<-goOn
			}
			n--
			if !yield(write, err) {
				return
			}
		}
	}
}

// Many runs at once, each begun again when it was taken over, bring everything in once.
func TestImportsThatTakeEachOtherOver(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	store := open(t, url, pgstore.Options{})
	writes := history(1000)
	var takenOver atomic.Int64
	var runs sync.WaitGroup
	for range 3 {
		runs.Go(func() {
			for {
				_, err := store.Import(t.Context(), source(writes...), legacy)
				if err == nil {
					return
				}
				takenOver.Add(1)
				if !assert.ErrorIs(t, err, pgstore.ErrImportTakenOver) {
					return
				}
			}
		})
	}
	runs.Wait()
	t.Logf("taken over %d times", takenOver.Load())
	requireHistory(t, store, writes)
}

const importChildEnv = "PASTTENSE_TEST_IMPORT_INTO"

// TestImportGoesOnAfterKill kills a process in the middle of its import, several times.
func TestImportGoesOnAfterKill(t *testing.T) {
	if url := os.Getenv(importChildEnv); url != "" {
		importUntilKilled(t, url)
		return
	}
	t.Parallel()
	url := migrated.Database(t)
	store, pool := open(t, url, pgstore.Options{}), newPool(t, url)
	count := func() (n int) {
		const count = "SELECT coalesce(max(writes), 0) FROM pasttense.imports"
		require.NoError(t, pool.QueryRow(t.Context(), count).Scan(&n))
		return n
	}
	for range 3 {
		before := count()
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestImportGoesOnAfterKill$")
		child.Env = append(os.Environ(), importChildEnv+"="+url)
		require.NoError(t, child.Start())
		require.Eventually(t, func() bool { return count() > before }, time.Minute, time.Millisecond)
		require.NoError(t, child.Process.Kill())
		_ = child.Wait()
	}
	writes := history(count() + 1000)
	result, err := store.Import(t.Context(), source(writes...), legacy)
	require.NoError(t, err)
	assert.Positive(t, result.Skipped)
	requireHistory(t, store, writes)
}

func importUntilKilled(t *testing.T, url string) {
	t.Helper()
	_, err := open(t, url, pgstore.Options{}).Import(t.Context(), source(history(100_000)...), legacy)
	require.NoError(t, err)
}
