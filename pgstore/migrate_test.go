package pgstore_test

import (
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

func TestMigrateMayBeCalledByAllAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { assert.NoError(t, pgstore.Migrate(t.Context(), url, &pgstore.MigrateOptions{Logger: silent})) })
	}
	group.Wait()
	require.NoError(t, pgstore.Migrate(t.Context(), url, nil))
	_, err := open(t, url, pgstore.Options{}).Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
}

func TestStoresShareADatabaseBySchema(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	schemas := []string{"billing", `od"d'; name%s {schema}`, strings.Repeat("x", 63)}
	stores := make([]*pgstore.Store, len(schemas))
	for i, schema := range schemas {
		require.NoError(t, pgstore.Migrate(t.Context(), url, &pgstore.MigrateOptions{Schema: schema, Logger: silent}))
		stores[i] = open(t, url, pgstore.Options{Schema: schema})
	}
	for i, store := range stores {
		appended, err := store.Append(t.Context(), expecting(eventstore.NoStream, added(order42, i+1)))
		require.NoError(t, err)
		assert.EqualValues(t, i+1, appended.Position)
		assert.Len(t, collect(t, store.ReadAll(t.Context(), 0, eventstore.Filter{})), i+1)
	}
}

func TestMigrateRefusesASchemaNameThatPostgresWouldCut(t *testing.T) {
	t.Parallel()
	err := pgstore.Migrate(t.Context(), "postgres://127.0.0.1:1/", &pgstore.MigrateOptions{Schema: strings.Repeat("x", 64)})
	require.ErrorIs(t, err, eventstore.ErrInvalid)
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	_, err := pgstore.Open(t.Context(), url, nil)
	require.ErrorContains(t, err, `event store in schema "pasttense"`)
	require.ErrorContains(t, err, "run pgstore.Migrate")

	_, err = pgstore.Open(t.Context(), "postgres://nobody@127.0.0.1:1/nowhere", nil)
	require.ErrorContains(t, err, "127.0.0.1:1")

	_, err = pgstore.Open(t.Context(), "not a URL", nil)
	require.Error(t, err)
}

// S13: a database that was restored without its sequence would give out positions that readers have passed.
func TestOpenRefusesASequenceBehindTheEvents(t *testing.T) {
	t.Parallel()
	url := migrated.Database(t)
	_, err := open(t, url, pgstore.Options{}).Append(t.Context(), added(order42, 3))
	require.NoError(t, err)
	for value, refused := range map[string]bool{
		"2, true":      true, // behind
		"15000, true":  true, // within an append's block, so that a reader's bound would be within an append
		"10000, false": true,
		"10000, true":  false,
	} {
		_, err = newPool(t, url).Exec(t.Context(), "SELECT setval('pasttense.events_position', "+value+")")
		require.NoError(t, err)
		store, err := pgstore.Open(t.Context(), url, &pgstore.Options{Logger: silent})
		if refused {
			require.ErrorContains(t, err, "sequence events_position is at", value)
			continue
		}
		require.NoError(t, err, value)
		closeStore(t, store)
	}
}

// The exported migrations make a store that Open takes, without the tool that Migrate uses.
func TestMigrationsCanBeAppliedByOtherTools(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	pool := newPool(t, url)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), "CREATE SCHEMA pasttense; SET search_path TO pasttense")
	require.NoError(t, err)
	files, err := fs.Glob(pgstore.Migrations(), "*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		statements, err := fs.ReadFile(pgstore.Migrations(), file)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), string(statements))
		require.NoError(t, err)
	}
	_, err = open(t, url, pgstore.Options{}).Append(t.Context(), added(order42, 1))
	require.NoError(t, err)
}
