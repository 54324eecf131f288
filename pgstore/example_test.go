package pgstore_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func Example() {
	ctx := context.Background()
	databaseURL := os.Getenv("DATABASE_URL")
	if err := pgstore.Migrate(ctx, databaseURL, nil); err != nil {
		log.Fatal(err)
	}
	store, err := pgstore.Open(ctx, databaseURL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close(ctx) }()

	result, err := store.Append(ctx, eventstore.Write{
		Stream:   eventstore.StreamID{Category: "order", Key: "42"},
		Expected: eventstore.NoStream,
		Events:   []eventstore.EventData{{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the stream is at version", result.Writes[0].Version)
}

// An event and a row of the caller's own, committed together or not at all.
func ExampleStore_AppendTx() {
	ctx := context.Background()
	var (
		store *pgstore.Store
		pool  *pgxpool.Pool
	)
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO uploads (id) VALUES ($1)", "42"); err != nil {
			return err
		}
		_, err := store.AppendTx(ctx, tx, eventstore.Write{
			Stream: eventstore.StreamID{Category: "upload", Key: "42"},
			Events: []eventstore.EventData{{Type: "upload.received", Data: []byte(`{}`)}},
		})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
}
