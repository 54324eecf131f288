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

// These are the arguments of the statements, one slice for each column, of types that pgx can send without asking the
// database for theirs.
type (
	// streamRows are the streams that are looked for, and those that are inserted with them or not at all.
	streamRows struct {
		category, key []string
		group         []int32 // the place of the stream that stands for the group
		required      []int64
		givenFor      []int32 // the stream of each given ID
		givenID       []pgtype.UUID
	}

	eventRows struct {
		stream     []int32 // its place among the streams that are sent, from 1; 0 when it is not
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
	plan    *plan
	sent    []*plannedStream // which are sent
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
	in := &insert{plan: p, events: newEventRows(p.events), states: make([]streamState, len(p.streams))}
	for _, stream := range p.streams {
		if stream.root().lookedFor {
			in.send(stream)
		}
		if stream.reserves() {
			position := -1 - rand.Int64N(math.MaxInt64) // nobody else's
			in.reserved = append(in.reserved, position)
			in.add(stream, position, 1, &eventstore.EventData{}, &payload{})
		}
		for write := stream.first; write != nil; write = write.next {
			for i := range write.events {
				position, version := int64(write.number+i), int64(write.before)+int64(i)+1
				in.add(stream, position, version, &write.events[i], &write.payloads[i])
			}
		}
	}
	return in
}

func (in *insert) send(stream *plannedStream) {
	in.sent = append(in.sent, stream)
	stream.sent = len(in.sent)
	in.streams.add(stream)
}

// add adds a row, of an event or a reservation.
func (in *insert) add(
	stream *plannedStream, position, version int64, event *eventstore.EventData, payload *payload,
) {
	_, given := stream.givenIDs[event.ID]
	kind := in.kinds.place(kind{stream.id.Category, event.Type, given, event.SchemaVersion, event.ContentType})
	in.events.add(int32(stream.sent), kind, stream.id.Key, position, version, event.ID, payload)
}

// queueAlone sends the insert as a transaction by itself.
func (in *insert) queueAlone(batch *pgx.Batch, sql statements, lockTimeout string) {
	lone := len(in.plan.streams) == 1 && len(in.events.key) == 1 && len(in.reserved) == 0 && !in.kinds.idGiven[0]
	switch isNew := len(in.sent) == 0; {
	case lone && isNew:
		batch.Queue(sql.insertOneNew, append(in.oneEvent(), lockTimeout)...).QueryRow(in.scanStart)
	case lone:
		batch.Queue(sql.insertOne, append(in.oneEvent(), in.streams.required[0], lockTimeout)...).QueryRow(in.scanOne)
	case isNew:
		batch.Queue(sql.insertNew, append(in.allEvents(), lockTimeout)...).QueryRow(in.scanStart)
	default:
		in.queueAll(batch, sql, sql.insert, lockTimeout)
	}
}

// queue sends the insert into a transaction that has announced its lower bound.
func (in *insert) queue(batch *pgx.Batch, sql statements) {
	in.queueAll(batch, sql, sql.insertInside)
}

func (in *insert) queueAll(batch *pgx.Batch, sql statements, statement string, further ...any) {
	s := &in.streams
	arguments := append(in.allEvents(), in.events.stream, s.category, s.key, s.group, s.required, s.givenFor, s.givenID)
	batch.Queue(statement, append(arguments, further...)...).QueryRow(in.scanAll)
	if len(in.reserved) > 0 {
		batch.Queue(sql.release, in.reserved)
	}
}

func (in *insert) oneEvent() []any {
	e, k := &in.events, &in.kinds
	return append(make([]any, 0, 11), k.category[0], e.key[0], k.eventType[0], e.id[0], k.schemaVersion[0],
		k.contentType[0], e.data[0], valueAt(e.dataBinary, 0), valueAt(e.metadata, 0))
}

func (in *insert) allEvents() []any {
	e, k := &in.events, &in.kinds
	return append(make([]any, 0, 21), k.category, k.eventType, k.idGiven, k.schemaVersion, k.contentType,
		e.kind, e.key, e.position, e.version, e.id, e.data, e.dataBinary, e.metadata)
}

func (in *insert) scanStart(row pgx.Row) error { return row.Scan((*int64)(&in.start)) }

func (in *insert) scanOne(row pgx.Row) error {
	var start *int64
	if err := row.Scan(&start, (*int64)(&in.states[0].version)); err != nil {
		return err
	}
	if in.states[0].failed = start == nil; start != nil {
		in.start = eventstore.Position(*start)
	}
	return nil
}

func (in *insert) scanAll(row pgx.Row) error {
	var versions []int64
	var failed []bool
	if err := row.Scan((*int64)(&in.start), &versions, &failed); err != nil {
		return err
	}
	for i, stream := range in.sent {
		in.states[stream.place] = streamState{eventstore.Version(versions[i]), failed[i]}
	}
	return nil
}

// wrote reports whether events were inserted.
func (in *insert) wrote() bool {
	return slices.ContainsFunc(in.plan.streams, func(stream *plannedStream) bool {
		return stream.written > 0 && !in.states[stream.place].failed
	})
}

// believedNew is what the statement takes for a stream that is not looked for.
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
		s.givenFor = append(s.givenFor, int32(stream.sent))
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

func (r *eventRows) add(stream, kind int32, key string, position, version int64, id uuid.UUID, payload *payload) {
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
	r.data = append(r.data, payload.data())
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
