package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlInsert draws a block of positions and inserts the rows, in their order. Row number n gets the nth position of
	// the block; a negative number stands for a reservation, which gets a position that no event can have.
	sqlInsert = `
		WITH block AS MATERIALIZED (
			SELECT nextval({oid}::oid::regclass) - 10000 AS start
		), inserted AS (
			INSERT INTO {schema}.events (position, category, stream_key, version, type, event_id, id_given,
				schema_version, content_type, data, data_binary, metadata)
			SELECT CASE WHEN e.n > 0 THEN start + e.n ELSE e.n - start END, e.category, e.stream_key, e.version, e.type,
				e.event_id, $1, e.schema_version, e.content_type, e.data::json, e.data_binary, e.metadata::json
			FROM block, unnest($2::int[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::uuid[], $8::smallint[],
				$9::text[], $10::text[], $11::bytea[], $12::text[]) WITH ORDINALITY
				AS e (n, category, stream_key, version, type, event_id, schema_version, content_type, data,
					data_binary, metadata, place)
			ORDER BY e.place
		)
		SELECT start FROM block`

	sqlRelease = `SELECT {schema}.release_reservations($1)`
)

// insert writes the append's events. Streams that it only checks at an exact version are held at it until the
// transaction ends: a reservation takes the version that the next append to the stream would take, by which that
// append waits for this one, and is removed again before the commit. Plain appends pay nothing for that.
func (d *decision) insert(ctx context.Context, db database) (eventstore.AppendResult, error) {
	rows, err := d.rows()
	if err != nil {
		return eventstore.AppendResult{}, err
	}
	var start eventstore.Position
	if len(rows.number) > 0 {
		if start, err = rows.send(ctx, db, d.sql.insert, d.prepared.GivenIDs); err != nil {
			return eventstore.AppendResult{}, fmt.Errorf("insert events: %w", err)
		}
	}
	if reserved := rows.reserved(start); len(reserved) > 0 {
		// Also when ctx ends now: a caller that commits all the same must not commit a reservation.
		if _, err := db.Exec(context.WithoutCancel(ctx), d.sql.release, reserved); err != nil {
			return eventstore.AppendResult{}, fmt.Errorf("release reservations: %w", err)
		}
	}
	return d.result(start), nil
}

// result tells what was written, given where the append's block of positions starts.
func (d *decision) result(start eventstore.Position) eventstore.AppendResult {
	result := eventstore.AppendResult{Writes: make([]eventstore.WriteResult, len(d.prepared.Writes))}
	position := start
	for i, write := range d.prepared.Writes {
		if n := len(write.Events); n > 0 {
			position += eventstore.Position(n)
			result.Writes[i] = eventstore.WriteResult{Version: d.versions[i] + eventstore.Version(n), Position: position}
			result.Position = position
		}
	}
	return result
}

// eventRows are the rows to be inserted, one slice for each column, of types that pgx can send without asking the
// database for theirs.
type eventRows struct {
	number        []int32 // of the event in the append, from 1; of a reservation, from -1 downwards
	category, key []string
	version       []int64
	eventType     []string
	id            []pgtype.UUID
	schemaVersion []int16
	contentType   []string
	data          []*string
	dataBinary    [][]byte
	metadata      []*string
}

// rows lays out the events and the reservations. They are in the order of their streams, so that two appends cannot
// wait for each other.
func (d *decision) rows() (*eventRows, error) {
	first := make([]int, len(d.prepared.Writes)) // number of the write's first event
	next := 1
	for i, write := range d.prepared.Writes {
		first[i] = next
		next += len(write.Events)
	}
	rows := &eventRows{}
	reservation := -1
	for _, i := range streamOrder(d.prepared.Writes) {
		write, version := d.prepared.Writes[i], d.versions[i]
		if _, exact := write.Expected.Exact(); exact && len(write.Events) == 0 {
			rows.add(reservation, write.Stream, version+1, eventstore.EventData{})
			reservation--
		}
		for j, event := range write.Events {
			if err := rows.addEvent(first[i]+j, write.Stream, version+eventstore.Version(j)+1, event); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}

// send inserts the rows and returns where the block of positions starts: the position before the first event.
func (r *eventRows) send(
	ctx context.Context, db database, statement string, idsGiven bool,
) (start eventstore.Position, err error) {
	rows, err := db.Query(ctx, statement, idsGiven, r.number, r.category, r.key, r.version, r.eventType, r.id,
		r.schemaVersion, r.contentType, r.data, r.dataBinary, r.metadata)
	if err != nil {
		return 0, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[eventstore.Position])
}

// reserved returns the positions of the reservations.
func (r *eventRows) reserved(start eventstore.Position) []int64 {
	var positions []int64
	for _, number := range r.number {
		if number < 0 {
			positions = append(positions, int64(number)-int64(start))
		}
	}
	return positions
}

// streamOrder returns the indexes of the writes, sorted by stream.
func streamOrder(writes []eventstore.Write) []int {
	order := make([]int, len(writes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := writes[i].Stream, writes[j].Stream
		return cmp.Or(cmp.Compare(a.Category, b.Category), cmp.Compare(a.Key, b.Key))
	})
	return order
}

func (r *eventRows) addEvent(
	number int, stream eventstore.StreamID, version eventstore.Version, event eventstore.EventData,
) error {
	metadata, err := encodeMetadata(event.Metadata)
	if err != nil {
		return err
	}
	r.add(number, stream, version, event)
	last := len(r.number) - 1
	r.metadata[last] = metadata
	if event.ContentType == eventstore.ContentTypeJSON {
		text := string(event.Data)
		r.data[last] = &text
	} else if r.dataBinary[last] = event.Data; event.Data == nil {
		r.dataBinary[last] = []byte{}
	}
	return nil
}

// add adds a row without data.
func (r *eventRows) add(
	number int, stream eventstore.StreamID, version eventstore.Version, event eventstore.EventData,
) {
	r.number = append(r.number, int32(number))
	r.category = append(r.category, stream.Category)
	r.key = append(r.key, stream.Key)
	r.version = append(r.version, int64(version))
	r.eventType = append(r.eventType, event.Type)
	r.id = append(r.id, pgtype.UUID{Bytes: event.ID, Valid: true})
	r.schemaVersion = append(r.schemaVersion, int16(event.SchemaVersion))
	r.contentType = append(r.contentType, event.ContentType)
	r.data = append(r.data, nil)
	r.dataBinary = append(r.dataBinary, nil)
	r.metadata = append(r.metadata, nil)
}
