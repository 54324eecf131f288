package pgstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	// streamColumns are what there is to know of an event of a known stream.
	streamColumns = `position, version, recorded_at, event_id, schema_version, type, content_type, data, data_binary,
	metadata`

	// eventColumns are what scanEvent reads.
	eventColumns = streamColumns + `, category, stream_key`
)

func scanEvent(row pgx.CollectableRow) (eventstore.RecordedEvent, error) {
	var stream eventstore.StreamID
	event, err := scanEventBefore(row, &stream.Category, &stream.Key)
	if err != nil {
		return eventstore.RecordedEvent{}, err
	}
	event.Stream = stream
	return event, nil
}

// scanEventBefore scans a row that has more columns behind streamColumns.
func scanEventBefore(row pgx.CollectableRow, more ...any) (eventstore.RecordedEvent, error) {
	var (
		event                eventstore.RecordedEvent
		position, version    int64 // pgx scans into named types by reflection, which is several times slower
		schemaVersion        int16
		id                   [16]byte
		jsonData, binaryData []byte
		metadata             []byte
	)
	err := row.Scan(append([]any{
		&position, &version, &event.RecordedAt, &id, &schemaVersion, &event.Type, &event.ContentType,
		&jsonData, &binaryData, &metadata,
	}, more...)...)
	if err != nil {
		return eventstore.RecordedEvent{}, err
	}
	event.Position, event.Version = eventstore.Position(position), eventstore.Version(version)
	event.SchemaVersion = int(schemaVersion)
	event.ID = uuid.UUID(id)
	event.RecordedAt = event.RecordedAt.In(time.UTC)
	event.Data = jsonData
	if binaryData != nil {
		event.Data = binaryData
	}
	event.Metadata, err = decodeMetadata(metadata, event.Position)
	if err != nil {
		return eventstore.RecordedEvent{}, err
	}
	return event, nil
}

// decodeMetadata returns what was stored of the event at a position, which is zero for NULL.
func decodeMetadata(stored []byte, position eventstore.Position) (eventstore.Metadata, error) {
	if len(stored) == 0 { // NULL
		return eventstore.Metadata{}, nil
	}
	var metadata eventstore.Metadata
	if err := json.Unmarshal(stored, &metadata); err != nil {
		return eventstore.Metadata{}, fmt.Errorf("metadata of event at position %d: %w", position, err)
	}
	return metadata, nil
}

// encodeMetadata returns metadata as JSON, and nil for metadata that says nothing.
func encodeMetadata(metadata eventstore.Metadata) (*string, error) {
	if metadata.IsZero() {
		return nil, nil
	}
	encoded, err := json.Marshal(metadata)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	text := string(encoded)
	return &text, nil
}
