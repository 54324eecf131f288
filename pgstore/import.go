package pgstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pasttense/pasttense/eventstore"
)

// MaxImportNameBytes is the greatest length of an import's name.
const MaxImportNameBytes = 256

var (
	// ErrImportTakenOver means that an import ended because another run under its name has begun since, which goes on
	// where this one was. Of two runs the later goes on, so that one can take the place of a process that hangs.
	ErrImportTakenOver = errors.New("import was taken over by another run")

	// ErrImportChanged means that an import was to be resumed, and its source does not begin with the writes that are in
	// the store: it yields others, or in another order, or fewer.
	ErrImportChanged = errors.New("source of the import has changed")
)

// ImportWrite is one write of an import: what its source's system did with one stream at one time.
type ImportWrite struct {
	eventstore.Write
	// RecordedAt is when the events were recorded, to the microsecond, from the year 1 to 9999. Zero stands for the time
	// of the import. The store does not compare it with that of other events: order is by position.
	RecordedAt time.Time
}

// ImportOptions are the options of [Store.Import]. Nil and the zero value are the defaults.
type ImportOptions struct {
	// Name makes the import resumable: how many of the source's writes are in the store is kept under it, in the
	// transactions that write them. It is at most MaxImportNameBytes, valid UTF-8 without NUL, and does not begin
	// with "$". An import without a name always begins at the beginning.
	Name string

	// Progress is called after each commit, from a goroutine of the import's, one call at a time. The next commit waits
	// for it.
	Progress func(ImportResult)
}

// ImportResult tells how far an import has come.
type ImportResult struct {
	// Writes is how many writes of the source are in the store. When an import ends with the error of a write, this is
	// the number of that write, as numbers begin at 0.
	Writes int64
	// Skipped is how many of these were there already: imported by an earlier run of the same name, or repeats by their
	// event IDs.
	Skipped int64
	// Events is how many events this run has written.
	Events int64
	// Bytes is the size of their data.
	Bytes int64
	// Position is that of the last event that the import has written, in earlier runs too; 0 when there is none.
	Position eventstore.Position
	// Elapsed is how long this run has taken.
	Elapsed time.Duration
}

// Import appends all writes of a source, in its order, faster than Append can: to load the history of another system,
// or to copy a store. What it writes is as if each write had been appended by a call of Append of its own: expectations,
// limits, defaults and metadata of ctx are the same, and each write is seen whole or not at all. Writes without events
// are refused. The times of the events are the source's, see [ImportWrite].
//
// It writes in transactions of about a tenth of a second, as subscriptions wait for each of them, and reads ahead in the
// source meanwhile. The source runs in the caller's goroutine. It need not keep what it has yielded, and should end when
// ctx does: Import returns only after it.
//
// The import ends with the first error: of the source, of a write that is refused, as by Append, with
// [eventstore.ErrInvalid], a [*eventstore.ConflictError] or [eventstore.ErrIDReused], or of the database. The result tells
// how many writes are in the store, with an error too: when the source failed or a write was refused, all before it and
// none after it. A race with another append, and a deadlock, is tried again until it is decided; a connection that is
// lost, for a minute. When it is lost during a commit, Import finds out whether that happened. Only when it cannot, the
// error is [eventstore.ErrOutcomeUnknown], and up to a transaction more than the result tells may be there.
//
// When ctx ends, the transaction in progress is rolled back, or its commit awaited for a second.
//
// An import with a name that has ended, or whose process was killed, goes on when it is run again with the same source:
// the writes that are in the store are skipped, and each is there exactly once. The source must yield the same writes
// in the same order; their streams, IDs, types, times and data are compared with a checksum of those that are there,
// else the error is [ErrImportChanged]. Of two runs under one name at once, the one that began first ends with
// [ErrImportTakenOver] at its next commit.
//
// A write whose events have IDs that the caller gave, and are there, is skipped as a repeat, as by Append; that makes
// an import without a name repeatable too, for what its IDs and indexes cost.
//
// Others may append at the same time, to the same streams too. Import is safe for concurrent use.
func (s *Store) Import(
	ctx context.Context, writes iter.Seq2[ImportWrite, error], opts *ImportOptions,
) (ImportResult, error) {
	var options ImportOptions
	if opts != nil {
		options = *opts
	}
	if err := validateImportName(options.Name); err != nil {
		return ImportResult{}, fmt.Errorf("import: %w", err)
	}
	writer := newImportWriter(s, options)
	err := writer.importAll(ctx, writes)
	switch {
	case err == nil:
		writer.logEnd(ctx)
		return writer.result(), nil
	case options.Name == "":
		return writer.result(), fmt.Errorf("import: %w", err)
	default:
		return writer.result(), fmt.Errorf("import %q: %w", options.Name, err)
	}
}

func validateImportName(name string) error {
	switch {
	case len(name) > MaxImportNameBytes:
		return fmt.Errorf("%w: Name is %d bytes, the limit is %d", eventstore.ErrInvalid, len(name), MaxImportNameBytes)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: Name %q is not valid UTF-8", eventstore.ErrInvalid, name)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: Name %q contains NUL", eventstore.ErrInvalid, name)
	case strings.HasPrefix(name, "$"):
		return fmt.Errorf("%w: Name %q begins with $, which is the library's own", eventstore.ErrInvalid, name)
	}
	return nil
}

// importAll reads the source in this goroutine, while another one writes.
func (w *importWriter) importAll(ctx context.Context, writes iter.Seq2[ImportWrite, error]) error {
	there, err := w.open(ctx)
	if err != nil {
		return err
	}
	if w.unnamed {
		defer w.forget(ctx)
	}
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() {
		defer w.queue.end()
		failed = w.writeAll(ctx)
	})
	err = func() error {
		defer writing.Wait() // also when the source panics
		defer w.queue.close()
		reader := &importReader{there: there, queue: w.queue}
		return reader.read(ctx, writes)
	}()
	if failed != nil {
		return failed
	}
	return err
}
