package pgstore

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// The layout of a row: the number of its columns, and each with its length before it. Those that are filled in late come
// first, where their places are fixed.
const (
	sqlImportCopy = `
		COPY {schema}.events (position, version, recorded_at, event_id, schema_version, id_given, category, stream_key, type,
			content_type, data, data_binary, metadata)
		FROM STDIN (FORMAT binary)`

	copyColumns = 13

	copyPosition   = 2 + 4
	copyVersion    = copyPosition + 8 + 4
	copyRecordedAt = copyVersion + 8 + 4
)

// The frame around the rows of a binary COPY: signature, flags and the length of an extension; and at the end what
// stands for the number of columns.
var (
	copyHeader  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	copyTrailer = []byte{0xff, 0xff}
)

// postgresEpoch is what Postgres counts microseconds from: the beginning of 2000.
const postgresEpoch = 946_684_800_000_000

// appendCopyRow appends the row of an event, and returns where in b its data lies.
func appendCopyRow(
	b []byte, stream eventstore.StreamID, event eventstore.EventData, idGiven bool,
) (row, data []byte, err error) {
	metadata, err := encodeMetadata(event.Metadata)
	if err != nil {
		return nil, nil, err
	}
	b = binary.BigEndian.AppendUint16(b, copyColumns)
	for range 3 { // position, version and time
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, 0)
	}
	b = appendValue(b, event.ID[:])
	b = binary.BigEndian.AppendUint32(b, 2)
	b = binary.BigEndian.AppendUint16(b, uint16(event.SchemaVersion))
	b = append(b, 0, 0, 0, 1, flag(idGiven))
	b = appendValue(b, stream.Category)
	b = appendValue(b, stream.Key)
	b = appendValue(b, event.Type)
	b = appendValue(b, event.ContentType)
	isJSON := event.ContentType == eventstore.ContentTypeJSON
	if !isJSON {
		b = appendNull(b)
	}
	b = appendValue(b, event.Data)
	data = b[len(b)-len(event.Data) : len(b) : len(b)]
	if isJSON {
		b = appendNull(b)
	}
	if metadata == nil {
		b = appendNull(b)
	} else {
		b = appendValue(b, *metadata)
	}
	return b, data, nil
}

// fillInCopyRow completes a row.
func fillInCopyRow(row []byte, position eventstore.Position, version eventstore.Version, recordedAt time.Time) {
	binary.BigEndian.PutUint64(row[copyPosition:], uint64(position))
	binary.BigEndian.PutUint64(row[copyVersion:], uint64(version))
	binary.BigEndian.PutUint64(row[copyRecordedAt:], uint64(recordedAt.UnixMicro()-postgresEpoch))
}

// copyReader reads rows in their frame. pgx may go on reading for a moment after a copy whose connection was lost: stop
// keeps it from the rows, which are about to be filled in again.
type copyReader struct {
	mu      sync.Mutex
	rows    io.Reader
	stopped bool
}

func newCopyReader(rows [][]byte) *copyReader {
	readers := make([]io.Reader, 0, len(rows)+2)
	readers = append(readers, bytes.NewReader(copyHeader))
	for _, piece := range rows {
		readers = append(readers, bytes.NewReader(piece))
	}
	return &copyReader{rows: io.MultiReader(append(readers, bytes.NewReader(copyTrailer))...)}
}

// Read implements [io.Reader].
func (r *copyReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return 0, io.ErrClosedPipe
	}
	return r.rows.Read(b)
}

func (r *copyReader) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}
