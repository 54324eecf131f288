package pgstore

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/pasttense/pasttense/eventstore"
)

// eventColumns are what scanEvent reads.
const eventColumns = `position, version, recorded_at, event_id, schema_version, category, stream_key, type, content_type,
	data::text, data_binary, metadata::text`

func scanEvent(row pgx.CollectableRow) (eventstore.RecordedEvent, error) {
	var (
		event                eventstore.RecordedEvent
		position, version    int64 // pgx scans into named types by reflection, which is several times slower
		schemaVersion        int16
		id                   [16]byte
		jsonData, binaryData []byte
		metadata             []byte
	)
	err := row.Scan(&position, &version, &event.RecordedAt, &id, &schemaVersion,
		&event.Stream.Category, &event.Stream.Key, &event.Type, &event.ContentType,
		(*textBytes)(&jsonData), &binaryData, (*textBytes)(&metadata))
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
	if metadata != nil {
		if err := json.Unmarshal(metadata, &event.Metadata); err != nil {
			return eventstore.RecordedEvent{}, fmt.Errorf("metadata of event at position %d: %w", event.Position, err)
		}
	}
	return event, nil
}

// textBytes scans text into bytes without a detour by a string; NULL gives nil.
type textBytes []byte

var _ pgtype.BytesScanner = (*textBytes)(nil)

// ScanBytes implements [pgtype.BytesScanner]. The text is pgx's own only until it returns.
func (b *textBytes) ScanBytes(text []byte) error {
	if text == nil {
		*b = nil
		return nil
	}
	*b = append(make([]byte, 0, len(text)), text...)
	return nil
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
