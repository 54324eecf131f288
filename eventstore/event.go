package eventstore

import (
	"time"

	"github.com/google/uuid"
)

// ContentTypeJSON is the content type of events whose data is JSON, and the default.
const ContentTypeJSON = "application/json"

// EventData is an event to be appended.
type EventData struct {
	// ID identifies the event. Where it is zero, the store gives a UUIDv7. Appending events with IDs of one's own makes
	// the append idempotent; then every event of the append must have one, and one that no store has given.
	ID uuid.UUID
	// Type is the name of the event's type, for example "order.item-added": not empty, at most MaxTypeBytes, valid
	// UTF-8 without NUL.
	Type string
	// SchemaVersion is the version of the type's schema, from 1 to 32,767; 0 stands for 1.
	SchemaVersion int
	// ContentType says what Data is; empty stands for ContentTypeJSON.
	ContentType string
	// Data is at most MaxDataBytes. For ContentTypeJSON it must be valid JSON (RFC 8259) in UTF-8, nested at most
	// MaxJSONDepth deep; it comes back byte for byte. The store does not keep the slice.
	Data []byte
	// Metadata is completed from the context, see WithMetadata.
	Metadata Metadata
}

// RecordedEvent is an event as it is stored. Its Data and the map in its Metadata may be shared between readers and
// must not be changed.
type RecordedEvent struct {
	ID            uuid.UUID
	Stream        StreamID
	Version       Version
	Position      Position
	Type          string
	SchemaVersion int
	ContentType   string
	Data          []byte
	Metadata      Metadata
	// RecordedAt is when the store wrote the event, by the store's clock, or what an import gave, in UTC and to the
	// microsecond. Clocks step back now and then: order is by Position, never by time.
	RecordedAt time.Time
}

// Write is what an append does with one stream: it requires Expected, and then adds Events. Without Events it only
// checks Expected.
type Write struct {
	Stream   StreamID
	Expected ExpectedVersion
	Events   []EventData
}

// AppendResult tells what an append did.
type AppendResult struct {
	// Writes has one result for each write, in their order.
	Writes []WriteResult
	// Position is that of the last event appended, 0 when the append only checked.
	Position Position
}

// WriteResult tells what an append did with one stream. It is zero for a write that only checked.
type WriteResult struct {
	// Version is that of the last event of this write.
	Version Version
	// Position is that of the last event of this write.
	Position Position
}
