package main

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// prepared are databases as a work finds them.
var prepared = pgtest.NewTemplate(setUp)

// newDatabase returns a database whose stores and pools are closed when the test ends.
func newDatabase(t *testing.T) *database {
	t.Helper()
	db := &database{url: prepared.Database(t), progress: log{io.Discard}}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, f := range slices.Backward(db.closers) {
			require.NoError(t, f(ctx))
		}
	})
	return db
}

// callAtOnce has so many callers call f, so often each, and returns when all have. Each call gets a number of its own.
func callAtOnce(t *testing.T, callers, each int, f func(call int) error) {
	t.Helper()
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() {
			for i := range each {
				assert.NoError(t, f(caller*each+i))
			}
		})
	}
	running.Wait()
}
