package pgstore_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

// journal keeps what is logged.
type journal struct {
	slog.Handler
	mu      sync.Mutex
	records []slog.Record
}

func newJournal() *journal { return &journal{Handler: slog.DiscardHandler} }

func (*journal) Enabled(context.Context, slog.Level) bool { return true }

func (j *journal) Handle(_ context.Context, record slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, record)
	return nil
}

// at returns the attributes of what was logged at a level.
func (j *journal) at(level slog.Level) []map[string]slog.Value {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []map[string]slog.Value
	for _, record := range j.records {
		if record.Level == level {
			attributes := map[string]slog.Value{"msg": slog.StringValue(record.Message)}
			record.Attrs(func(a slog.Attr) bool { attributes[a.Key] = a.Value; return true })
			all = append(all, attributes)
		}
	}
	return all
}

func (j *journal) await(t *testing.T, level slog.Level, count int) []map[string]slog.Value {
	t.Helper()
	require.Eventually(t, func() bool { return len(j.at(level)) >= count }, time.Minute, time.Millisecond)
	return j.at(level)
}

// holdBack has a transaction of a slow service hold back a subscription.
func holdBack(t *testing.T, threshold time.Duration) (*journal, *crowd, pgx.Tx) {
	t.Helper()
	url, journal := migrated.Database(t), newJournal()
	crowd := &crowd{store: open(t, url, pgstore.Options{
		SlowAppendThreshold: threshold, Logger: slog.New(journal), NoListen: true,
	})}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(crowd.running.Wait)
	t.Cleanup(stop)
	crowd.join(ctx, &subscriber{}).awaitCaughtUp(t)
	tx := begin(t, newPool(t, url), pgx.TxOptions{})
	_, err := tx.Exec(t.Context(), "SET application_name = 'slow service'")
	require.NoError(t, err)
	_, err = crowd.store.AppendTx(t.Context(), tx, added(order42, 1))
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT 'the culprit'")
	require.NoError(t, err)
	_, err = crowd.store.Append(t.Context(), added(eventstore.StreamID{Category: "order", Key: "43"}, 1))
	require.NoError(t, err)
	return journal, crowd, tx
}

func escape(literal string) string { return strings.ReplaceAll(literal, "'", "''") }

// S8: the store says by itself which append holds subscriptions back, again when that goes on, and when it has ended.
func TestASlowAppendIsReported(t *testing.T) {
	t.Parallel()
	journal, crowd, tx := holdBack(t, 50*time.Millisecond)
	warnings := journal.await(t, slog.LevelWarn, 3)
	for i, threshold := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
		assert.EqualValues(t, tx.Conn().PgConn().PID(), warnings[i]["backend"].Int64())
		assert.Contains(t, warnings[i]["query"].String(), "SELECT 'the culprit'")
		assert.Equal(t, "slow service", warnings[i]["application"].String())
		assert.GreaterOrEqual(t, warnings[i]["held_back_for"].Duration(), threshold)
		assert.Positive(t, warnings[i]["transaction_age"].Duration())
	}
	assert.Empty(t, journal.at(slog.LevelInfo))
	require.NoError(t, tx.Commit(t.Context()))
	ended := journal.await(t, slog.LevelInfo, 1)
	assert.EqualValues(t, tx.Conn().PgConn().PID(), ended[0]["backend"].Int64())
	crowd.requireAll(t)

	before := len(journal.at(slog.LevelWarn))
	for range 30 { // appends that end are no news
		crowd.await(t, appendOne(t, crowd.store))
	}
	assert.Len(t, journal.at(slog.LevelWarn), before)
}

// A prepared transaction has no backend, but a name by which it can be ended.
func TestAPreparedAppendIsReported(t *testing.T) {
	t.Parallel()
	journal, crowd, tx := holdBack(t, 50*time.Millisecond)
	journal.await(t, slog.LevelWarn, 1)
	var name string
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT current_database() || ' it''s slow'").Scan(&name))
	_, err := tx.Exec(t.Context(), "PREPARE TRANSACTION '"+escape(name)+"'")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		warnings := journal.at(slog.LevelWarn)
		_, found := warnings[len(warnings)-1]["prepared_transaction"]
		return found
	}, time.Minute, time.Millisecond)
	warnings := journal.at(slog.LevelWarn)
	assert.Equal(t, name, warnings[len(warnings)-1]["prepared_transaction"].String())

	inFlight, err := crowd.store.InFlightAppends(t.Context())
	require.NoError(t, err)
	require.Len(t, inFlight, 1)
	assert.Equal(t, name, inFlight[0].Prepared)
	assert.Zero(t, inFlight[0].Backend)
	assert.Positive(t, inFlight[0].Age)
	_, err = tx.Conn().Exec(t.Context(), "COMMIT PREPARED '"+escape(name)+"'")
	require.NoError(t, err)
	journal.await(t, slog.LevelInfo, 1)
	crowd.requireAll(t)
}
