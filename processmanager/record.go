package processmanager

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// The stream of an instance is "$pm.<process>-<key>". Its events are the records below, as JSON with schema version 1.
// Names of types and fields are never changed; a field that is missing has its zero value.
//
//	$pm.decided      the instance has reacted to an input
//	$pm.dispatched   a command was carried out
//	$pm.refused      a command was refused by its receiver
//
// The metadata of a $pm.decided has the input's correlation ID and trace, and the ID of the input event or of the
// refused command as causation ID. That of the other two is the metadata of the command.
const (
	typeDecided    = "$pm.decided"
	typeDispatched = "$pm.dispatched"
	typeRefused    = "$pm.refused"

	recordSchemaVersion = 1
)

// decidedRecord says what an instance decided on an input. That of a refusal follows right after its $pm.refused, in
// the same append.
type decidedRecord struct {
	Input input `json:"input"`
	// State is the instance's state after the decision.
	State payload `json:"state"`
	// Commands are those sent, in order.
	Commands []commandRecord `json:"commands,omitempty"`
	// Completed says that the instance takes no more input.
	Completed bool `json:"completed,omitempty"`
}

// input has one of its fields.
type input struct {
	Event   *eventInput `json:"event,omitempty"`
	Refused *uuid.UUID  `json:"refused,omitempty"`
}

// eventInput says which event was the input. Stream and ID identify it: an ID by itself is unique in its stream only.
type eventInput struct {
	Stream   string              `json:"stream"`
	ID       uuid.UUID           `json:"id"`
	Type     string              `json:"type"`
	Version  eventstore.Version  `json:"version"`
	Position eventstore.Position `json:"position"`
}

// commandRecord is a command that is to be dispatched.
type commandRecord struct {
	ID   uuid.UUID `json:"id"`
	Type string    `json:"type"`
	payload
}

// payload is data with what is needed to read it. JSON is in Data, anything else in DataBase64.
type payload struct {
	SchemaVersion int             `json:"schema_version"`
	ContentType   string          `json:"content_type"`
	Data          json.RawMessage `json:"data,omitempty"`
	DataBase64    []byte          `json:"data_base64,omitempty"`
}

// dispatchedRecord says that a command was carried out, at which attempt.
type dispatchedRecord struct {
	Command uuid.UUID `json:"command"`
	Attempt int       `json:"attempt"`
}

// refusedRecord says that a command was refused, at which attempt and why.
type refusedRecord struct {
	Command uuid.UUID `json:"command"`
	Attempt int       `json:"attempt"`
	Reason  string    `json:"reason"`
}

func inputOf(event eventstore.RecordedEvent) input {
	return input{Event: &eventInput{
		Stream:   event.Stream.String(),
		ID:       event.ID,
		Type:     event.Type,
		Version:  event.Version,
		Position: event.Position,
	}}
}

// identity is the same for the same input only. It goes into the IDs of commands, and never changes.
func (in input) identity() string {
	switch {
	case in.Event != nil:
		return "event\x00" + in.Event.Stream + "\x00" + in.Event.ID.String()
	case in.Refused != nil:
		return "refused\x00" + in.Refused.String()
	default:
		return ""
	}
}

func payloadOf(data eventstore.EventData) payload {
	p := payload{SchemaVersion: max(data.SchemaVersion, 1), ContentType: data.ContentType}
	if p.ContentType == "" {
		p.ContentType = eventstore.ContentTypeJSON
	}
	if p.ContentType == eventstore.ContentTypeJSON {
		p.Data = data.Data
	} else {
		p.DataBase64 = data.Data
	}
	return p
}

func (p payload) bytes() []byte {
	if p.ContentType == eventstore.ContentTypeJSON {
		return p.Data
	}
	return p.DataBase64
}

// encodeRecord returns a record as an event to append.
func encodeRecord(recordType string, record any, metadata eventstore.Metadata) (eventstore.EventData, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return eventstore.EventData{}, fmt.Errorf("encode record %q: %w", recordType, err)
	}
	return eventstore.EventData{
		Type:          recordType,
		SchemaVersion: recordSchemaVersion,
		ContentType:   eventstore.ContentTypeJSON,
		Data:          data,
		Metadata:      metadata,
	}, nil
}

// decodeRecord returns a decidedRecord, dispatchedRecord or refusedRecord.
func decodeRecord(event eventstore.RecordedEvent) (any, error) {
	if event.SchemaVersion != recordSchemaVersion || event.ContentType != eventstore.ContentTypeJSON {
		return nil, unknownRecord(event)
	}
	switch event.Type {
	case typeDecided:
		return decodeJSON[decidedRecord](event)
	case typeDispatched:
		return decodeJSON[dispatchedRecord](event)
	case typeRefused:
		return decodeJSON[refusedRecord](event)
	default:
		return nil, unknownRecord(event)
	}
}

func decodeJSON[R any](event eventstore.RecordedEvent) (any, error) {
	var record R
	if err := json.Unmarshal(event.Data, &record); err != nil {
		return nil, fmt.Errorf("decode record %q at version %d of stream %q: %w",
			event.Type, event.Version, event.Stream, err)
	}
	return record, nil
}

func unknownRecord(event eventstore.RecordedEvent) error {
	return fmt.Errorf("decode record %q (schema version %d, %s) at version %d of stream %q: %w: "+
		"a newer version of this library may have written it",
		event.Type, event.SchemaVersion, event.ContentType, event.Version, event.Stream, eventstore.ErrUnknownType)
}

// maxReasonBytes keeps records and tasks readable: the error of a panic has a stack.
const maxReasonBytes = 8 << 10

// reasonOf returns the text of an error as every database stores it.
func reasonOf(err error) string {
	text := cmp.Or(err.Error(), "an error without a text")
	if len(text) > maxReasonBytes {
		text = text[:maxReasonBytes] + " …"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
