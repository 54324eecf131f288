package pgstore

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// sqlInsert announces the lower bound and inserts a batch: it can be a transaction by itself. It finds out at which version each stream is, draws a block of positions, and inserts the rows of the
	// groups of streams that are as their appends require and have none of the event IDs that were given. Versions may be
	// overtaken before the insert; then the unique constraint tells.
	sqlInsert = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		), block AS MATERIALIZED (
			SELECT nextval({oid}::oid::regclass) - 10000 AS start FROM announced
		), ` + insertRows

	// sqlInsertInside does so in a transaction that has announced its lower bound.
	sqlInsertInside = `
		WITH block AS MATERIALIZED (
			SELECT nextval({oid}::oid::regclass) - 10000 AS start
		), ` + insertRows

	// insertRows is most of both. It returns one row: the start of the block, and for each stream its version and whether
	// its group has failed.
	//
	// A stream that is required to be new is mostly taken to be so (-3): when it is not, the unique constraint tells. To
	// look for what is not there is a good part of what an insert costs.
	//
	// The nth event gets the nth position of the block. A position below zero is that of a reservation. What many events
	// have in common is sent once, as a kind; what belongs to a stream is picked from an array, which costs less than a
	// join. LATERAL with OFFSET 0 makes it look for one given ID after the other, lest it read all events to join them
	// with none.
	insertRows = `streams AS MATERIALIZED (
			SELECT s.place, s.category, s.stream_key, s.group_place, s.required,
				CASE WHEN s.required = -3 THEN 0 ELSE coalesce((
					SELECT max(version) FROM {schema}.events AS e
					WHERE e.category = s.category AND e.stream_key = s.stream_key
				), 0) END AS version
			FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[]) WITH ORDINALITY
				AS s (category, stream_key, group_place, required, place)
		), failed AS MATERIALIZED (
			SELECT group_place FROM streams
			WHERE NOT CASE required WHEN -3 THEN true WHEN -2 THEN true WHEN -1 THEN version > 0 ELSE version = required END
			UNION ALL
			SELECT s.group_place
			FROM unnest($5::int[], $6::uuid[]) AS given (stream, id)
			JOIN streams AS s ON s.place = given.stream
			CROSS JOIN LATERAL (
				SELECT FROM {schema}.events AS e
				WHERE e.id_given AND e.event_id = given.id AND e.category = s.category AND e.stream_key = s.stream_key
				OFFSET 0
			) AS e
		), found AS MATERIALIZED (
			SELECT array_agg(version ORDER BY place) AS versions,
				array_agg(group_place IN (SELECT group_place FROM failed) ORDER BY place) AS failed
			FROM streams
		), inserted AS (
			INSERT INTO {schema}.events (position, category, stream_key, version, type, event_id, id_given,
				schema_version, content_type, data, data_binary, metadata)
			SELECT CASE WHEN e.position > 0 THEN start + e.position ELSE e.position END,
				($7::text[])[e.kind], e.stream_key, versions[e.stream] + e.version, ($8::text[])[e.kind], e.event_id,
				($9::boolean[])[e.kind], ($10::smallint[])[e.kind], ($11::text[])[e.kind], e.data::json, e.data_binary,
				e.metadata::json
			FROM block, found,
				unnest($12::int[], $13::int[], $14::text[], $15::bigint[], $16::bigint[], $17::uuid[], $18::text[],
					$19::bytea[], $20::text[])
				AS e (stream, kind, stream_key, position, version, event_id, data, data_binary, metadata)
			WHERE NOT failed[e.stream]
		)
		SELECT start, versions, failed
		FROM block, found`

	// sqlInsertOne does all that for a batch of one event without a given ID.
	sqlInsertOne = `
		WITH announced AS MATERIALIZED (` + sqlAnnounce + `
		), stream AS MATERIALIZED (
			SELECT version, CASE $3::bigint WHEN -3 THEN true WHEN -2 THEN true WHEN -1 THEN version > 0 ELSE version = $3 END AS met
			FROM (
				SELECT CASE WHEN $3::bigint = -3 THEN 0 ELSE coalesce((
					SELECT max(version) FROM {schema}.events WHERE category = $1 AND stream_key = $2
				), 0) END AS version
			) AS found
		), block AS MATERIALIZED (
			SELECT nextval({oid}::oid::regclass) - 10000 AS start FROM announced
		), inserted AS (
			INSERT INTO {schema}.events (position, category, stream_key, version, type, event_id, id_given,
				schema_version, content_type, data, data_binary, metadata)
			SELECT start + 1, $1, $2, version + 1, $4, $5, false, $6, $7, $8::text::json, $9, $10::text::json
			FROM block, stream
			WHERE met
		)
		SELECT start, version, NOT met
		FROM block, stream`

	sqlRelease = `SELECT {schema}.release_reservations($1)`
)

// These are the arguments of the statement, one slice for each column, of types that pgx can send without asking the
// database for theirs.
type (
	streamRows struct {
		category, key []string
		group         []int32 // the place of the stream that stands for the group
		required      []int64
		givenFor      []int32 // the stream of each given ID
		givenID       []pgtype.UUID
	}

	eventRows struct {
		stream     []int32 // its place, from 1
		kind       []int32 // its place, from 1
		key        []string
		position   []int64 // in the block, from 1; of a reservation, below zero
		version    []int64 // above that which the batch finds
		id         []pgtype.UUID
		data       []*string
		dataBinary [][]byte  // nil when no event has any
		metadata   []*string // nil when no event has any
	}

	// kindRows are the distinct kinds of events, which are few.
	kindRows struct {
		all                 []kind
		category, eventType []string
		idGiven             []bool
		schemaVersion       []int16
		contentType         []string
	}

	kind struct {
		category, eventType string
		idGiven             bool
		schemaVersion       int
		contentType         string
	}
)

// insert is what a plan sends to the database, and what comes back.
type insert struct {
	streams streamRows
	events  eventRows
	kinds   kindRows

	// Streams that are only checked at an exact version are held at it until the transaction ends: a reservation takes
	// the version that the next append to the stream would take, by which that append waits for this one, and is removed
	// again before the commit. Plain appends pay nothing for that.
	reserved []int64 // positions of the reservations

	start  eventstore.Position // of the block of positions: that before the first event
	states []streamState       // of the plan's streams
}

// streamState is how the insert found a stream.
type streamState struct {
	version eventstore.Version // 0 for a stream that is believed to be new
	failed  bool               // nothing of its group was inserted
}

// newInsert lays out the rows, in the order of their streams, so that two batches cannot wait for each other.
func newInsert(p *plan) *insert {
	in := &insert{events: newEventRows(p.events)}
	for _, stream := range p.streams {
		in.streams.add(stream)
		if stream.reserves() {
			position := -1 - rand.Int64N(math.MaxInt64) // nobody else's
			in.reserved = append(in.reserved, position)
			in.add(stream, position, 1, eventstore.EventData{}, payload{})
		}
		for _, write := range stream.writes {
			for i, event := range write.events {
				position, version := int64(write.number+i), int64(write.before)+int64(i)+1
				in.add(stream, position, version, event, write.payloads[i])
			}
		}
	}
	return in
}

// add adds a row, of an event or a reservation.
func (in *insert) add(
	stream *plannedStream, position, version int64, event eventstore.EventData, payload payload,
) {
	_, given := stream.givenIDs[event.ID]
	kind := in.kinds.place(kind{stream.id.Category, event.Type, given, event.SchemaVersion, event.ContentType})
	in.events.add(int32(stream.place+1), kind, stream.id.Key, position, version, event.ID, payload)
}

// isLone reports whether the insert is a single event that the scalar statement can insert.
func (in *insert) isLone() bool {
	return len(in.events.stream) == 1 && len(in.streams.key) == 1 && len(in.reserved) == 0 && !in.kinds.idGiven[0]
}

// queueOne sends the lone event, which is a transaction by itself.
func (in *insert) queueOne(batch *pgx.Batch, sql statements, lockTimeout string) {
	s, e, k := &in.streams, &in.events, &in.kinds
	batch.Queue(sql.insertOne, s.category[0], s.key[0], s.required[0], k.eventType[0], e.id[0], k.schemaVersion[0],
		k.contentType[0], e.data[0], valueAt(e.dataBinary, 0), valueAt(e.metadata, 0), lockTimeout).
		QueryRow(func(row pgx.Row) error {
			var version int64
			var failed bool
			err := row.Scan((*int64)(&in.start), &version, &failed)
			in.states = []streamState{{eventstore.Version(version), failed}}
			return err
		})
}

// queueAlone sends the insert as a transaction by itself.
func (in *insert) queueAlone(batch *pgx.Batch, sql statements, lockTimeout string) {
	in.queueStatement(batch, sql, sql.insert, lockTimeout)
}

// queue sends the insert into a transaction that has announced its lower bound.
func (in *insert) queue(batch *pgx.Batch, sql statements) {
	in.queueStatement(batch, sql, sql.insertInside)
}

func (in *insert) queueStatement(batch *pgx.Batch, sql statements, statement string, further ...any) {
	s, e, k := &in.streams, &in.events, &in.kinds
	arguments := append([]any{
		s.category, s.key, s.group, s.required, s.givenFor, s.givenID,
		k.category, k.eventType, k.idGiven, k.schemaVersion, k.contentType,
		e.stream, e.kind, e.key, e.position, e.version, e.id, e.data, e.dataBinary, e.metadata,
	}, further...)
	batch.Queue(statement, arguments...).QueryRow(func(row pgx.Row) error {
		var versions []int64
		var failed []bool
		if err := row.Scan((*int64)(&in.start), &versions, &failed); err != nil {
			return err
		}
		in.states = make([]streamState, len(versions))
		for i := range in.states {
			in.states[i] = streamState{eventstore.Version(versions[i]), failed[i]}
		}
		return nil
	})
	if len(in.reserved) > 0 {
		batch.Queue(sql.release, in.reserved)
	}
}

// wrote reports whether events were inserted.
func (in *insert) wrote() bool {
	for _, stream := range in.events.stream {
		if !in.states[stream-1].failed {
			return true
		}
	}
	return false
}

// believedNew is what the statement takes for a stream that is new unless the unique constraint says otherwise.
const believedNew = -3

func (s *streamRows) add(stream *plannedStream) {
	required := int64(stream.requires)
	if stream.believedNew {
		required = believedNew
	}
	s.category = append(s.category, stream.id.Category)
	s.key = append(s.key, stream.id.Key)
	s.group = append(s.group, int32(stream.root().place))
	s.required = append(s.required, required)
	for id := range stream.givenIDs {
		s.givenFor = append(s.givenFor, int32(stream.place+1))
		s.givenID = append(s.givenID, pgtype.UUID{Bytes: id, Valid: true})
	}
}

// place returns the place of a kind, from 1.
func (r *kindRows) place(k kind) int32 {
	for i, known := range slices.Backward(r.all) { // the one before is most likely
		if known == k {
			return int32(i + 1)
		}
	}
	r.all = append(r.all, k)
	r.category = append(r.category, k.category)
	r.eventType = append(r.eventType, k.eventType)
	r.idGiven = append(r.idGiven, k.idGiven)
	r.schemaVersion = append(r.schemaVersion, int16(k.schemaVersion))
	r.contentType = append(r.contentType, k.contentType)
	return int32(len(r.all))
}

func newEventRows(capacity int) eventRows {
	return eventRows{
		stream:   make([]int32, 0, capacity),
		kind:     make([]int32, 0, capacity),
		key:      make([]string, 0, capacity),
		position: make([]int64, 0, capacity),
		version:  make([]int64, 0, capacity),
		id:       make([]pgtype.UUID, 0, capacity),
		data:     make([]*string, 0, capacity),
	}
}

func (r *eventRows) add(stream, kind int32, key string, position, version int64, id uuid.UUID, payload payload) {
	if n := len(r.stream); payload.dataBinary != nil || r.dataBinary != nil {
		r.dataBinary = append(extend(r.dataBinary, n), payload.dataBinary)
	}
	if n := len(r.stream); payload.metadata != nil || r.metadata != nil {
		r.metadata = append(extend(r.metadata, n), payload.metadata)
	}
	r.stream = append(r.stream, stream)
	r.kind = append(r.kind, kind)
	r.key = append(r.key, key)
	r.position = append(r.position, position)
	r.version = append(r.version, version)
	r.id = append(r.id, pgtype.UUID{Bytes: id, Valid: true})
	r.data = append(r.data, payload.data)
}

// extend makes a column of NULLs n rows long that did not exist so far.
func extend[T any](column []T, n int) []T {
	if column == nil {
		return make([]T, n, 2*n+1)
	}
	return column
}

func valueAt[T any](column []T, i int) (value T) {
	if column != nil {
		value = column[i]
	}
	return value
}
