package pgstore

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

// decoder makes events of the rows of one query, for eventColumns, or for streamColumns and whatever comes behind them. It
// takes the values as Postgres sends them in binary format from the connection's buffer, which costs a fraction of pgx's
// Scan. What is not as it expects, such as text format, it leaves to Scan.
//
// Its events share memory: strings and metadata with the event before, where they are the same, and data with
// neighbors.
type decoder struct {
	ofStream bool // the rows do not name the stream, which is this:
	stream   eventstore.StreamID
	checked  bool
	isBinary bool
	last     *eventstore.RecordedEvent
	metadata []byte // what last.Metadata was made of
	data     arena
}

// newDecoder returns a decoder of eventColumns.
func newDecoder() decoder { return decoder{last: &eventstore.RecordedEvent{}} }

// newStreamDecoder returns a decoder of streamColumns.
func newStreamDecoder(stream eventstore.StreamID) decoder {
	return decoder{ofStream: true, stream: stream, last: &eventstore.RecordedEvent{}}
}

// letGo says that the events that were made are somebody else's from now on. Those that follow share no metadata with
// them.
func (d *decoder) letGo() {
	d.last = &eventstore.RecordedEvent{Type: d.last.Type, ContentType: d.last.ContentType}
	d.metadata = nil
}

// event sets an event, which is zero, to what a row says. It must stay as it is until the next event is made.
func (d *decoder) event(row pgx.CollectableRow, event *eventstore.RecordedEvent) (err error) {
	fields := row.FieldDescriptions()
	if !d.checked {
		d.checked, d.isBinary = true, areBinary(fields, d.columns())
	}
	if d.isBinary {
		if values := row.RawValues(); haveSizes(values) && (d.ofStream || nameStream(values)) {
			return d.decode(values, event)
		}
	}
	if !d.ofStream {
		*event, err = scanEvent(row)
		return err
	}
	*event, err = scanEventBefore(row, make([]any, len(fields)-len(streamTypes))...)
	event.Stream = d.stream
	return err
}

// eventTypes are the types of eventColumns.
var eventTypes = [...]uint32{
	pgtype.Int8OID, pgtype.Int8OID, pgtype.TimestamptzOID, pgtype.UUIDOID, pgtype.Int2OID, pgtype.TextOID, pgtype.TextOID,
	pgtype.JSONOID, pgtype.ByteaOID, pgtype.JSONOID,
	pgtype.TextOID, pgtype.TextOID,
}

// streamTypes are the types of streamColumns.
var streamTypes = eventTypes[:10]

func (d *decoder) columns() []uint32 {
	if d.ofStream {
		return streamTypes
	}
	return eventTypes[:]
}

// areBinary reports whether the first fields are of the types, in binary format, which for text and json is that of text.
func areBinary(fields []pgconn.FieldDescription, types []uint32) bool {
	if len(fields) < len(types) {
		return false
	}
	for i, oid := range types {
		text := oid == pgtype.TextOID || oid == pgtype.JSONOID
		if fields[i].DataTypeOID != oid || !text && fields[i].Format != pgtype.BinaryFormatCode {
			return false
		}
	}
	return true
}

// haveSizes reports whether the values have the sizes of streamTypes, and none is NULL that must not be, nor a time that is
// infinite or next to it.
func haveSizes(values [][]byte) bool {
	return len(values[0]) == 8 && len(values[1]) == 8 && len(values[2]) == 8 && len(values[3]) == 16 &&
		len(values[4]) == 2 && values[5] != nil && values[6] != nil && isOrdinary(bigint(values[2]))
}

// isOrdinary reports whether a time, in microseconds since the year 2000, is less than some 9,000 years from it. What others
// mean is for pgx to say.
func isOrdinary(micros int64) bool {
	const most = 1 << 58
	return -most < micros && micros < most
}

// nameStream reports whether the values of eventColumns have a stream.
func nameStream(values [][]byte) bool { return values[10] != nil && values[11] != nil }

func (d *decoder) decode(values [][]byte, event *eventstore.RecordedEvent) (err error) {
	last := d.last
	event.Position = eventstore.Position(bigint(values[0]))
	event.Version = eventstore.Version(bigint(values[1]))
	event.RecordedAt = timestamp(values[2])
	event.ID = uuid.UUID(values[3])
	event.SchemaVersion = int(int16(binary.BigEndian.Uint16(values[4])))
	event.Type = reuse(last.Type, values[5])
	event.ContentType = reuse(last.ContentType, values[6])
	switch {
	case values[8] != nil:
		event.Data = d.data.keep(values[8])
	case values[7] != nil:
		event.Data = d.data.keep(values[7])
	}
	if bytes.Equal(values[9], d.metadata) {
		event.Metadata = last.Metadata
	} else {
		if event.Metadata, err = decodeMetadata(values[9], event.Position); err != nil {
			return err
		}
		d.metadata = append(d.metadata[:0], values[9]...)
	}
	if d.ofStream {
		event.Stream = d.stream
	} else {
		event.Stream.Category = reuse(last.Stream.Category, values[10])
		event.Stream.Key = reuse(last.Stream.Key, values[11])
	}
	d.last = event
	return nil
}

// reuse returns raw as a string: last, if that is the same.
func reuse(last string, raw []byte) string {
	if string(raw) == last {
		return last
	}
	return string(raw)
}

func bigint(raw []byte) int64 { return int64(binary.BigEndian.Uint64(raw)) }

// timestamp decodes microseconds since the year 2000.
func timestamp(raw []byte) time.Time {
	const year2000 = 946_684_800 // in Unix time
	micros := bigint(raw)
	return time.Unix(year2000+micros/1e6, micros%1e6*1e3).UTC()
}

const (
	firstChunk = 1 << 10
	maxChunk   = 8 << 10
)

// arena keeps copies of bytes, many in one chunk of memory. A chunk stays as long as anything in it is referenced, so
// chunks are small: who keeps one event of a page keeps at most maxChunk bytes for it.
type arena struct{ chunk []byte }

// keep returns a copy of b. Appending to it does not reach its neighbor.
func (a *arena) keep(b []byte) []byte {
	if len(b) > maxChunk/4 {
		return append(make([]byte, 0, len(b)), b...)
	}
	if cap(a.chunk)-len(a.chunk) <= len(b) {
		a.chunk = make([]byte, 0, min(max(firstChunk, 2*len(b), 2*cap(a.chunk)), maxChunk))
	}
	from := len(a.chunk)
	a.chunk = append(a.chunk, b...)
	return a.chunk[from:len(a.chunk):len(a.chunk)]
}
