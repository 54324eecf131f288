package pgstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/pgtest"
	"github.com/pasttense/pasttense/pgstore"
)

// A history as another system has exported it: an event a line, oldest first.
const history2019 = `
	{"order": "7", "type": "order.placed", "time": "2019-03-01T09:30:00Z", "data": {"total": 1299}}
	{"order": "8", "type": "order.placed", "time": "2019-03-01T09:31:00Z", "data": {"total": 450}}
	{"order": "7", "type": "order.paid", "time": "2019-03-02T16:05:00Z", "data": {}}`

// exported yields the lines of a history as writes.
func exported(from io.Reader) iter.Seq2[pgstore.ImportWrite, error] {
	return func(yield func(pgstore.ImportWrite, error) bool) {
		for decoder := json.NewDecoder(from); ; {
			var line struct {
				Order, Type string
				Time        time.Time
				Data        json.RawMessage
			}
			err := decoder.Decode(&line)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(pgstore.ImportWrite{}, err) // the import ends with it
				return
			}
			write := pgstore.ImportWrite{
				Write: eventstore.Write{
					Stream:   eventstore.StreamID{Category: "order", Key: line.Order},
					Expected: eventstore.AnyVersion,
					Events:   []eventstore.EventData{{Type: line.Type, Data: line.Data}},
				},
				RecordedAt: line.Time,
			}
			if !yield(write, nil) {
				return
			}
		}
	}
}

// An import that has a name can be run again after whatever stopped it.
func ExampleStore_Import() { //nolint:testableexamples // TestImportExample runs it, with a database
	ctx := context.Background()
	store, err := pgstore.Open(ctx, os.Getenv("DATABASE_URL"), nil)
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = store.Close(ctx) }()

	options := &pgstore.ImportOptions{Name: "orders of 2019"}
	for range 2 {
		result, err := store.Import(ctx, exported(strings.NewReader(history2019)), options)
		if err != nil {
			log.Panic(err)
		}
		fmt.Printf("%d writes are there, %d of them were before\n", result.Writes, result.Skipped)
	}
	order := eventstore.StreamID{Category: "order", Key: "7"}
	for event, err := range store.ReadStream(ctx, order, eventstore.ReadOptions{}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Println(event.Version, event.Type, event.RecordedAt.Format(time.DateOnly))
	}
	// Prints:
	// 3 writes are there, 0 of them were before
	// 3 writes are there, 3 of them were before
	// 1 order.placed 2019-03-01
	// 2 order.paid 2019-03-02
}

func TestImportExample(t *testing.T) {
	databaseURL := pgtest.Database(t)
	t.Setenv("DATABASE_URL", databaseURL)
	require.NoError(t, pgstore.Migrate(t.Context(), databaseURL, &pgstore.MigrateOptions{Logger: silent}))
	require.Equal(t, "3 writes are there, 0 of them were before\n"+
		"3 writes are there, 3 of them were before\n"+
		"1 order.placed 2019-03-01\n"+
		"2 order.paid 2019-03-02\n", printed(t, ExampleStore_Import))
}
