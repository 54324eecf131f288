package pgstore_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

func Example() { //nolint:testableexamples // TestExamples runs it, with a database
	ctx := context.Background()
	databaseURL := os.Getenv("DATABASE_URL")
	if err := pgstore.Migrate(ctx, databaseURL, nil); err != nil {
		log.Panic(err)
	}
	store, err := pgstore.Open(ctx, databaseURL, nil)
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = store.Close(ctx) }()

	result, err := store.Append(ctx, eventstore.Write{
		Stream:   eventstore.StreamID{Category: "order", Key: "42"},
		Expected: eventstore.NoStream,
		Events:   []eventstore.EventData{{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)}},
	})
	if err != nil {
		log.Panic(err)
	}
	fmt.Println("the stream is at version", result.Writes[0].Version)
	// Prints: the stream is at version 1
}

// An event and a row of the caller's own, committed together or not at all.
func ExampleStore_AppendTx() { //nolint:testableexamples // TestExamples runs it, with a database
	ctx := context.Background()
	databaseURL := os.Getenv("DATABASE_URL")
	store, err := pgstore.Open(ctx, databaseURL, nil)
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = store.Close(ctx) }()
	pool, err := pgxpool.New(ctx, databaseURL)
	if err != nil {
		log.Panic(err)
	}
	defer pool.Close()

	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "CREATE TABLE uploads (id text)"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "INSERT INTO uploads (id) VALUES ('7')"); err != nil {
			return err
		}
		_, err := store.AppendTx(ctx, tx, eventstore.Write{
			Stream: eventstore.StreamID{Category: "upload", Key: "7"},
			Events: []eventstore.EventData{{Type: "upload.received", Data: []byte(`{}`)}},
		})
		return err
	})
	fmt.Println("the upload was received:", err == nil)
	// Prints: the upload was received: true
}

func TestExamples(t *testing.T) {
	t.Setenv("DATABASE_URL", pgtest.Database(t))
	require.Equal(t, "the stream is at version 1\n", printed(t, Example))
	require.Equal(t, "the upload was received: true\n", printed(t, ExampleStore_AppendTx))
}

// printed returns what f prints.
func printed(t *testing.T, f func()) string {
	t.Helper()
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	os.Stdout = writer
	f()
	require.NoError(t, writer.Close())
	output, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(output)
}
