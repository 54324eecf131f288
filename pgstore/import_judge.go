package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlImportSettings are those of a transaction of an import. It waits no longer than an append for a stream that
	// somebody's open transaction has written to. The plans of its statements are found once, when the table may be
	// small, and must do for when it is large.
	sqlImportSettings = `
		SELECT set_config('lock_timeout', '50ms', true), set_config('enable_seqscan', 'off', true),
			set_config('jit', 'off', true)`

	// sqlImportVersions gives the version of each stream, in their order.
	sqlImportVersions = `
		SELECT coalesce((
			SELECT max(version) FROM {schema}.events AS e WHERE e.category = w.category AND e.stream_key = w.stream_key
		), 0)
		FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (category, stream_key, place)
		ORDER BY place`

	// sqlImportIDs finds events of any stream by IDs that their appenders gave. LATERAL with OFFSET 0 makes it look ID by
	// ID, through the index of those alone.
	sqlImportIDs = `
		SELECT ` + eventColumns + `
		FROM unnest($1::uuid[]) AS w (id)
		CROSS JOIN LATERAL (
			SELECT * FROM {schema}.events AS e WHERE e.id_given AND e.event_id = w.id OFFSET 0
		) AS e`

	// sqlImportDraw draws blocks of positions, and returns the position before each.
	sqlImportDraw = `
		SELECT clock_timestamp(), array(SELECT nextval({oid}::oid::regclass) - 10000 FROM generate_series(1, $1::int))`
)

// importStatements are the SQL statements of imports.
type importStatements struct {
	open, lock, advance, forget string
	versions, ids, draw, copy   string
}

func newImportStatements(fill func(string) string) importStatements {
	return importStatements{
		open:     fill(sqlOpenImport),
		lock:     fill(sqlLockImport),
		advance:  fill(sqlAdvanceImport),
		forget:   fill(sqlForgetImport),
		versions: fill(sqlImportVersions),
		ids:      fill(sqlImportIDs),
		draw:     fill(sqlImportDraw),
		copy:     fill(sqlImportCopy),
	}
}

// importStep is what an attempt at a chunk does.
type importStep struct {
	writes   int // of the chunk, from its first on, that are in the store afterwards
	repeats  int // of these, that were there before
	events   int
	bytes    int      // of the events' data
	rows     [][]byte // of the others
	end      int      // of the last of these in the chunk's rows
	position eventstore.Position
	checksum uint32
	refusal  error // of the write that follows; nil when there is none

	inDoubt bool // the commit was sent, and no answer came
	took    time.Duration
}

// begunImport is what a transaction of an import knows before it judges.
type begunImport struct {
	starts []int64 // the position before each block
	now    time.Time
	found  map[givenID]eventstore.RecordedEvent // events with IDs that their appenders gave
}

// errOvertaken means that a write was judged by what the import took for known.
var errOvertaken = errors.New("versions have to be looked up")

// begin opens a transaction, locks the import's row, reads what the chunk is to be judged by, announces the lower bound
// and draws positions, in one round trip and in this order: what may wait comes before the announcement, for which
// subscriptions wait, and that before the positions. The IDs are looked for after the versions, with a newer snapshot,
// lest what is appended in between be taken for a conflict.
func (w *importWriter) begin(ctx context.Context, conn *pgx.Conn, chunk *importChunk) (*begunImport, error) {
	var run pgtype.UUID
	var writes int64
	begun := &begunImport{}
	batch := &pgx.Batch{}
	batch.Queue(sqlBeginWrite)
	batch.Queue(sqlProtect, w.store.idleTimeout)
	batch.Queue(sqlImportSettings)
	batch.Queue(w.sql.lock, w.name).QueryRow(func(row pgx.Row) error { return row.Scan(&run, &writes) })
	w.queueLookUps(batch, w.lookUps(chunk), begun)
	batch.Queue(w.store.sql.lockOnce)
	batch.Queue(w.sql.draw, chunk.blocks).QueryRow(func(row pgx.Row) error { return row.Scan(&begun.now, &begun.starts) })
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("begin a transaction: %w", err)
	}
	return begun, w.check(run, writes)
}

// importLookUps are what a transaction asks for before it judges a chunk.
type importLookUps struct {
	categories, keys []string // of the streams whose versions are not known
	ids              []pgtype.UUID
}

// lookUps finds out what is not known. A stream that the chunk begins is taken to be new, unless the attempt is careful.
// If it is not, the unique constraint tells; if it is, it does not have the chunk's IDs.
func (w *importWriter) lookUps(chunk *importChunk) importLookUps {
	if w.careful || len(w.versions) > maxKnownStreams {
		clear(w.versions)
	}
	var l importLookUps
	isNew := make(map[eventstore.StreamID]bool)
	for i := range chunk.writes {
		write := &chunk.writes[i]
		if _, known := w.versions[write.stream]; !known {
			w.versions[write.stream] = 0
			if write.expected == eventstore.NoStream && !w.careful {
				isNew[write.stream] = true
			} else {
				l.categories, l.keys = append(l.categories, write.stream.Category), append(l.keys, write.stream.Key)
			}
		}
		if !isNew[write.stream] {
			for _, event := range write.given {
				l.ids = append(l.ids, pgtype.UUID{Bytes: event.ID, Valid: true})
			}
		}
	}
	return l
}

// queueLookUps asks for it.
func (w *importWriter) queueLookUps(batch *pgx.Batch, l importLookUps, begun *begunImport) {
	if len(l.keys) > 0 {
		batch.Queue(w.sql.versions, l.categories, l.keys).Query(func(rows pgx.Rows) error {
			versions, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			for i, version := range versions {
				w.versions[eventstore.StreamID{Category: l.categories[i], Key: l.keys[i]}] = eventstore.Version(version)
			}
			return err
		})
	}
	if len(l.ids) > 0 {
		batch.Queue(w.sql.ids, l.ids).Query(func(rows pgx.Rows) error {
			events, err := pgx.CollectRows(rows, scanEvent)
			begun.found = make(map[givenID]eventstore.RecordedEvent, len(events))
			for _, event := range events {
				begun.found[givenID{event.Stream, event.ID}] = event
			}
			return err
		})
	}
}

// judge goes through the writes in order, as if each were an append, and completes their rows. It stops at the first one
// that is refused.
func (w *importWriter) judge(chunk *importChunk, begun *begunImport) (importStep, error) {
	var step importStep
	for i := range chunk.writes {
		write := &chunk.writes[i]
		step.refusal = w.judgeWrite(&step, chunk, write, begun)
		if step.refusal != nil {
			break
		}
		step.writes++
		step.checksum = write.checksum
	}
	if errors.Is(step.refusal, errOvertaken) {
		return importStep{}, errOvertaken
	}
	return step, nil
}

func (w *importWriter) judgeWrite(
	step *importStep, chunk *importChunk, write *chunkWrite, begun *begunImport,
) (refusal error) {
	repeat, err := begun.isRepeat(write)
	version := w.versions[write.stream]
	switch {
	case err != nil:
		return err
	case repeat:
		step.repeats++
		return nil
	case write.expected.Allows(version):
		position := chunk.fillIn(write, eventstore.Position(begun.starts[write.block]), version, begun.now)
		w.versions[write.stream] = version + eventstore.Version(write.events)
		step.add(chunk, write, position)
		return nil
	case w.careful:
		return &eventstore.ConflictError{Stream: write.stream, Expected: write.expected, Actual: version}
	default:
		return errOvertaken
	}
}

// isRepeat tells whether the events of a write are there, as Append would.
func (b *begunImport) isRepeat(write *chunkWrite) (bool, error) {
	if len(b.found) == 0 || write.given == nil {
		return false, nil
	}
	var found []eventstore.RecordedEvent
	for _, event := range write.given {
		if recorded, ok := b.found[givenID{write.stream, event.ID}]; ok {
			found = append(found, recorded)
		}
	}
	_, repeat, err := eventstore.Prepared{
		Writes:   []eventstore.Write{{Stream: write.stream, Expected: write.expected, Events: write.given}},
		Events:   write.events,
		GivenIDs: true,
	}.FirstResult(found)
	return repeat, err
}

// add adds a write that is to be stored. Rows that lie side by side become one piece.
func (s *importStep) add(chunk *importChunk, write *chunkWrite, position eventstore.Position) {
	rows := chunk.rowsOf(write)
	if last := len(s.rows) - 1; last >= 0 && s.end == chunk.starts[write.row] {
		s.rows[last] = s.rows[last][:len(s.rows[last])+len(rows)]
	} else {
		s.rows = append(s.rows, rows)
	}
	s.end = chunk.starts[write.row] + len(rows)
	s.events += write.events
	s.bytes += write.bytes
	s.position = position
}
