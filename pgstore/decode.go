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

// decoder makes events of the rows of one query for eventColumns. It takes the values as Postgres sends them in binary
// format from the connection's buffer, which costs a fraction of pgx's Scan. What is not as it expects, such as text
// format, it leaves to Scan.
//
// Its events share memory: strings and metadata with the event before, where they are the same, and data with
// neighbors.
type decoder struct {
	checked  bool
	isBinary bool
	last     *eventstore.RecordedEvent
	metadata []byte // what last.Metadata was made of
	data     arena
}

func newDecoder() decoder { return decoder{last: &eventstore.RecordedEvent{}} }

// event sets an event, which is zero, to what a row says. It must stay as it is until the next event is made.
func (d *decoder) event(row pgx.CollectableRow, event *eventstore.RecordedEvent) (err error) {
	if !d.checked {
		d.checked, d.isBinary = true, areBinary(row.FieldDescriptions())
	}
	if d.isBinary {
		if values := row.RawValues(); haveSizes(values) {
			return d.decode(values, event)
		}
	}
	*event, err = scanEvent(row)
	return err
}

// eventTypes are the types of eventColumns.
var eventTypes = [...]uint32{
	pgtype.Int8OID, pgtype.Int8OID, pgtype.TimestamptzOID, pgtype.UUIDOID, pgtype.Int2OID,
	pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.TextOID,
	pgtype.JSONOID, pgtype.ByteaOID, pgtype.JSONOID,
}

// areBinary reports whether fields are eventColumns in binary format, which for text and json is that of text.
func areBinary(fields []pgconn.FieldDescription) bool {
	if len(fields) != len(eventTypes) {
		return false
	}
	for i, field := range fields {
		text := field.DataTypeOID == pgtype.TextOID || field.DataTypeOID == pgtype.JSONOID
		if field.DataTypeOID != eventTypes[i] || !text && field.Format != pgtype.BinaryFormatCode {
			return false
		}
	}
	return true
}

// haveSizes reports whether the values have the sizes of eventTypes, and none is NULL that must not be.
func haveSizes(values [][]byte) bool {
	return len(values[0]) == 8 && len(values[1]) == 8 && len(values[2]) == 8 && len(values[3]) == 16 &&
		len(values[4]) == 2 && values[5] != nil && values[6] != nil && values[7] != nil && values[8] != nil
}

func (d *decoder) decode(values [][]byte, event *eventstore.RecordedEvent) (err error) {
	last := d.last
	event.Position = eventstore.Position(bigint(values[0]))
	event.Version = eventstore.Version(bigint(values[1]))
	event.RecordedAt = timestamp(values[2])
	event.ID = uuid.UUID(values[3])
	event.SchemaVersion = int(int16(binary.BigEndian.Uint16(values[4])))
	event.Stream.Category = reuse(last.Stream.Category, values[5])
	event.Stream.Key = reuse(last.Stream.Key, values[6])
	event.Type = reuse(last.Type, values[7])
	event.ContentType = reuse(last.ContentType, values[8])
	switch {
	case values[10] != nil:
		event.Data = d.data.keep(values[10])
	case values[9] != nil:
		event.Data = d.data.keep(values[9])
	}
	if bytes.Equal(values[11], d.metadata) {
		event.Metadata = last.Metadata
	} else {
		if event.Metadata, err = decodeMetadata(values[11], event.Position); err != nil {
			return err
		}
		d.metadata = append(d.metadata[:0], values[11]...)
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
