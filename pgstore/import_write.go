package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// importGrace is how long after the end of its context an import goes on to find out what it has done.
	importGrace = time.Second

	// importPatience is how long an import tries to reach a database that is away.
	importPatience = time.Minute

	// importLogInterval is how often a long import says how far it has come.
	importLogInterval = 10 * time.Second

	// maxImportPause bounds the pauses between attempts, each of which writes a whole chunk.
	maxImportPause = time.Second

	// maxKnownStreams bounds the memory of streams whose versions an import knows.
	maxKnownStreams = 100_000
)

// importWriter writes the chunks of an import, one after the other.
type importWriter struct {
	store    *Store
	sql      importStatements
	name     string
	unnamed  bool // the name is made up, and its row removed in the end
	run      pgtype.UUID
	progress func(ImportResult)
	queue    *importQueue

	began, logged time.Time
	done          ImportResult

	// versions of streams, as far as they are known. They may be overtaken by other appends, but not be too high: the
	// unique constraint tells.
	versions map[eventstore.StreamID]eventstore.Version
	// careful makes the next attempt take nothing for known.
	careful bool
}

func newImportWriter(s *Store, options ImportOptions) *importWriter {
	now := time.Now()
	w := &importWriter{
		store: s, sql: s.sql.imports, name: options.Name, run: pgtype.UUID{Bytes: uuid.New(), Valid: true},
		progress: options.Progress, queue: newImportQueue(),
		began: now, logged: now, versions: make(map[eventstore.StreamID]eventstore.Version),
	}
	if w.name == "" {
		w.name, w.unnamed = "$"+w.run.String(), true
	}
	return w
}

// writeAll writes chunk after chunk, until there are no more or one cannot be written.
func (w *importWriter) writeAll(ctx context.Context) error {
	spare := &importChunk{}
	for {
		chunk := w.queue.next(spare)
		if chunk == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := w.write(ctx, chunk); err != nil {
			return err
		}
		spare = chunk
	}
}

func (w *importWriter) result() ImportResult {
	result := w.done
	result.Elapsed = time.Since(w.began)
	return result
}

// write writes a chunk, up to the first write in it that is refused.
func (w *importWriter) write(ctx context.Context, chunk *importChunk) error {
	var step importStep
	err := w.retry(ctx, func() (err error) {
		step, err = w.attempt(ctx, chunk)
		if err != nil {
			w.careful = true
		}
		return err
	})
	if err != nil {
		return err
	}
	w.acknowledge(ctx, step)
	if step.refusal != nil {
		return fmt.Errorf("write %d: %w", w.done.Writes, step.refusal)
	}
	w.queue.adapt(len(chunk.rows), step.took)
	return nil
}

// retry makes attempts until one succeeds, fails for good, or ctx ends.
func (w *importWriter) retry(ctx context.Context, attempt func() error) error {
	var away time.Time // since when
	for pause := firstPause; ; pause = min(2*pause, maxImportPause) {
		err := attempt()
		switch {
		case err == nil:
			return nil
		case isConnectionLoss(ctx, err):
			if away.IsZero() {
				away = time.Now()
				w.store.options.Logger.WarnContext(ctx, "an import lost its connection and tries again", "import", w.name,
					"error", err)
			}
			if time.Since(away) > importPatience {
				return err
			}
		case isRace(err), errors.Is(err, errOvertaken):
			away = time.Time{}
		case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
			return fmt.Errorf("%w (%w)", ctx.Err(), err)
		default:
			return err
		}
		if err := sleep(ctx, pause/2+rand.N(pause/2)); err != nil {
			return ctx.Err()
		}
	}
}

// attempt is one try at writing a chunk.
func (w *importWriter) attempt(ctx context.Context, chunk *importChunk) (step importStep, err error) {
	began := time.Now()
	err = w.store.withConn(ctx, func(conn *pgx.Conn) (err error) {
		step, err = w.transact(ctx, conn, chunk)
		if err == nil && step.events > 0 {
			w.store.wake.appended() // before withConn lets the store close
		}
		return err
	})
	if step.inDoubt {
		err = w.resolve(ctx, step, err)
	}
	step.took = time.Since(began)
	return step, err
}

func (w *importWriter) transact(ctx context.Context, conn *pgx.Conn, chunk *importChunk) (importStep, error) {
	begun, err := w.begin(ctx, conn, chunk)
	if err != nil {
		return importStep{}, err
	}
	step, err := w.judge(chunk, begun)
	if err != nil || step.writes == 0 {
		return step, err
	}
	if err := w.copyRows(ctx, conn, step); err != nil {
		return step, fmt.Errorf("copy events: %w", err)
	}
	if _, err := conn.Exec(ctx, w.sql.advance, w.name, w.done.Writes+int64(step.writes), int64(step.checksum), step.events,
		int64(step.position)); err != nil {
		return step, fmt.Errorf("count writes: %w", err)
	}
	step.inDoubt, err = commitImport(ctx, conn)
	return step, err
}

func (w *importWriter) copyRows(ctx context.Context, conn *pgx.Conn, step importStep) error {
	if step.events == 0 {
		return nil
	}
	rows := newCopyReader(step.rows)
	defer rows.stop()
	tag, err := conn.PgConn().CopyFrom(ctx, rows, w.sql.copy)
	if err == nil && tag.RowsAffected() != int64(step.events) {
		err = fmt.Errorf("%d of %d rows were copied", tag.RowsAffected(), step.events)
	}
	return err
}

// commitImport goes on for a moment when ctx ends, so that the answer is rarely missed. Any error that is not the
// database's refusal leaves it in doubt.
func commitImport(ctx context.Context, conn *pgx.Conn) (inDoubt bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	ctx, cancel := outlast(ctx, importGrace)
	defer cancel()
	tag, err := conn.Exec(ctx, sqlCommit)
	switch {
	case err == nil && tag.String() == "COMMIT":
		return false, nil
	case err == nil:
		return false, fmt.Errorf("commit: the database rolled the transaction back")
	}
	return !isRefusal(err), fmt.Errorf("commit: %w", err)
}

// resolve returns nil when a commit that was not answered has happened, and its error when it has not.
func (w *importWriter) resolve(ctx context.Context, step importStep, unanswered error) error {
	ctx, cancel := outlast(ctx, importGrace)
	defer cancel()
	there := false
	err := w.retry(ctx, func() (err error) {
		there, err = w.isThere(ctx, step)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w (%w)", eventstore.ErrOutcomeUnknown, unanswered, err)
	case there:
		w.store.wake.appended()
		return nil
	default:
		return unanswered
	}
}

// outlast returns a context that ends some time after ctx does.
func outlast(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

func (w *importWriter) acknowledge(ctx context.Context, step importStep) {
	if step.writes == 0 {
		return
	}
	w.done.Writes += int64(step.writes)
	w.done.Skipped += int64(step.repeats)
	w.done.Events += int64(step.events)
	w.done.Bytes += int64(step.bytes)
	w.done.Position = max(w.done.Position, step.position)
	w.careful = step.repeats > 0 // there are likely to be more
	if w.progress != nil {
		w.progress(w.result())
	}
	if time.Since(w.logged) >= importLogInterval {
		w.logged = time.Now()
		w.log(ctx, "importing events")
	}
}

// log tells an operator how far the import has come.
func (w *importWriter) log(ctx context.Context, message string) {
	result := w.result()
	w.store.options.Logger.InfoContext(ctx, message, "import", w.name, "writes", result.Writes, "skipped", result.Skipped,
		"events", result.Events, "events_per_second", int64(float64(result.Events)/result.Elapsed.Seconds()),
		"position", int64(result.Position), "elapsed", result.Elapsed.Round(time.Millisecond))
}

// logEnd does so at the end of an import that was long enough to be heard of.
func (w *importWriter) logEnd(ctx context.Context) {
	if time.Since(w.began) >= importLogInterval {
		w.log(ctx, "imported events")
	}
}
