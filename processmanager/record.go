package processmanager

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// The stream of an instance is "$pm.<process>-<key>". Its events are the records below, as JSON with schema version 1.
// Names of types and fields are never changed; a field that is missing has its zero value.
//
//	$pm.decided      the instance has reacted to an input
//	$pm.kept         an event has come before the instance has started
//	$pm.ignored      an event was not reacted to
//	$pm.dispatched   a command was carried out
//	$pm.refused      a command was refused by its receiver
//	$pm.parked       a command was tried too often, or a reaction to a timer or a refusal failed
//	$pm.resumed      somebody has asked for it to be tried again
//	$pm.skipped      somebody has given it up
//	$pm.failed       somebody has ended the instance
//	$pm.migrated     the instance goes on by a newer version of the process
//	$pm.snapshot     all of the above in one, so that those before it need not be read
//
// The metadata of all of them have the correlation ID and trace of the input that they follow from. The causation ID is
// that of an event, and leads back to the input:
//
//	$pm.decided on an event, $pm.kept, $pm.ignored           the event
//	$pm.decided on a refusal                                 the $pm.refused
//	$pm.decided on a timer, $pm.parked with a timer          the $pm.decided that has set the timer
//	$pm.dispatched, $pm.refused, $pm.parked with a command   the $pm.decided or $pm.failed that has sent the command
//	$pm.resumed, $pm.skipped, $pm.failed                     the last $pm.decided; of an event that is skipped, the event
//	$pm.migrated                                             that of the input for which the instance was migrated
//	$pm.snapshot                                             that of the record before it
//
// An instance must know the IDs of its $pm.decided and $pm.failed before they are appended, and so gives them, to all
// records of the append.

// record is one of the types below.
type record interface {
	// recordType is the type of the event that the record is stored as.
	recordType() string
}

// decidedRecord says what an instance decided on an input. That of a refusal follows right after its $pm.refused, in
// the same append.
type decidedRecord struct {
	Input input `json:"input"`
	// Definition is the version of the process that decided.
	Definition int `json:"definition"`
	// State is the instance's state after the decision.
	State payload `json:"state"`
	// Commands are those sent, in order; where the instance fails, those that undo others come first.
	Commands []commandRecord `json:"commands,omitempty"`
	// Canceled are timers that are not set any more, Scheduled those that are.
	Canceled  []string `json:"canceled,omitempty"`
	Scheduled []Timer  `json:"scheduled,omitempty"`
	// Completed says that the instance takes no more input, and so does Failed, which says why.
	Completed bool   `json:"completed,omitempty"`
	Failed    string `json:"failed,omitempty"`
}

// input has one of its fields.
type input struct {
	Event   *eventInput `json:"event,omitempty"`
	Refused *uuid.UUID  `json:"refused,omitempty"`
	Timer   *timerInput `json:"timer,omitempty"`
}

// eventInput says which event was the input. Stream and ID identify it: an ID by itself is unique in its stream only.
type eventInput struct {
	Category string              `json:"category"`
	Key      string              `json:"key"`
	ID       uuid.UUID           `json:"id"`
	Type     string              `json:"type"`
	Version  eventstore.Version  `json:"version"`
	Position eventstore.Position `json:"position"`
}

// timerInput says which timer has fired.
type timerInput struct {
	Name    string    `json:"name"`
	DueAt   time.Time `json:"due_at"`
	FiredAt time.Time `json:"fired_at"`
	// Number counts the timers that the instance has fired, from 1.
	Number int `json:"number"`
}

// keptRecord is an event that waits for the instance to start, until a time.
type keptRecord struct {
	Event eventInput `json:"event"`
	Until time.Time  `json:"until"`
}

// ignoredRecord is an event that was not reacted to, and why.
type ignoredRecord struct {
	Event eventInput `json:"event"`
	Why   string     `json:"why"`
}

// commandRecord is a command that is to be dispatched.
type commandRecord struct {
	ID   uuid.UUID `json:"id"`
	Type string    `json:"type"`
	payload
	// Undo is what undoes the command, nil where nothing does.
	Undo *undoRecord `json:"undo,omitempty"`
	// Undoes is the command that this one undoes.
	Undoes *uuid.UUID `json:"undoes,omitempty"`
}

// undoRecord is a command that undoes another, should it come to that.
type undoRecord struct {
	Type string `json:"type"`
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

// culprit is what an instance is parked with: a command, or a timer.
type culprit struct {
	Command *uuid.UUID `json:"command,omitempty"`
	Timer   string     `json:"timer,omitempty"`
}

// parkedRecord says that a command was tried too often, or could not be reacted to, or a timer could not; and how the
// last attempt failed.
type parkedRecord struct {
	culprit
	Attempts int    `json:"attempts,omitempty"`
	Reason   string `json:"reason"`
}

// resumedRecord says that what is parked is tried again.
type resumedRecord struct {
	culprit
}

// skippedRecord says that what is parked is given up, and why.
type skippedRecord struct {
	culprit
	Reason string `json:"reason"`
}

// failedRecord says that somebody has ended the instance, and why. Commands undo what it has done.
type failedRecord struct {
	Reason   string          `json:"reason"`
	Commands []commandRecord `json:"commands,omitempty"`
}

// migratedRecord says that the instance goes on by another version of the process, with another state.
type migratedRecord struct {
	From     int      `json:"from"`
	To       int      `json:"to"`
	State    payload  `json:"state"`
	Canceled []string `json:"canceled,omitempty"`
}

// snapshotRecord is everything that the records before it amount to.
type snapshotRecord struct {
	facts
}

func (decidedRecord) recordType() string    { return "$pm.decided" }
func (keptRecord) recordType() string       { return "$pm.kept" }
func (ignoredRecord) recordType() string    { return "$pm.ignored" }
func (dispatchedRecord) recordType() string { return "$pm.dispatched" }
func (refusedRecord) recordType() string    { return "$pm.refused" }
func (parkedRecord) recordType() string     { return "$pm.parked" }
func (resumedRecord) recordType() string    { return "$pm.resumed" }
func (skippedRecord) recordType() string    { return "$pm.skipped" }
func (failedRecord) recordType() string     { return "$pm.failed" }
func (migratedRecord) recordType() string   { return "$pm.migrated" }
func (snapshotRecord) recordType() string   { return "$pm.snapshot" }

const recordSchemaVersion = 1

// decoders has how each type of record is read.
var decoders = decodersOf(
	decode[decidedRecord], decode[keptRecord], decode[ignoredRecord], decode[dispatchedRecord], decode[refusedRecord],
	decode[parkedRecord], decode[resumedRecord], decode[skippedRecord], decode[failedRecord], decode[migratedRecord],
	decode[snapshotRecord],
)

func decodersOf(all ...func([]byte) (record, error)) map[string]func([]byte) (record, error) {
	byType := make(map[string]func([]byte) (record, error), len(all))
	for _, decode := range all {
		empty, _ := decode([]byte("{}"))
		byType[empty.recordType()] = decode
	}
	return byType
}

func decode[R record](data []byte) (record, error) {
	var decoded R
	err := json.Unmarshal(data, &decoded)
	return decoded, err
}

// encodeRecord returns a record as an event to append.
func encodeRecord(r record, metadata eventstore.Metadata) (eventstore.EventData, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return eventstore.EventData{}, fmt.Errorf("encode record %q: %w", r.recordType(), err)
	}
	return eventstore.EventData{
		Type:          r.recordType(),
		SchemaVersion: recordSchemaVersion,
		ContentType:   eventstore.ContentTypeJSON,
		Data:          data,
		Metadata:      metadata,
	}, nil
}

// decodeRecord returns what encodeRecord was given.
func decodeRecord(event eventstore.RecordedEvent) (record, error) {
	decode, known := decoders[event.Type]
	if !known || event.SchemaVersion != recordSchemaVersion || event.ContentType != eventstore.ContentTypeJSON {
		return nil, fmt.Errorf("decode record %q (schema version %d, %s) at version %d of stream %q: %w: "+
			"a newer version of this library may have written it",
			event.Type, event.SchemaVersion, event.ContentType, event.Version, event.Stream, eventstore.ErrUnknownType)
	}
	decoded, err := decode(event.Data)
	if err != nil {
		return nil, fmt.Errorf("decode record %q at version %d of stream %q: %w",
			event.Type, event.Version, event.Stream, err)
	}
	return decoded, nil
}

func eventInputOf(event eventstore.RecordedEvent) eventInput {
	return eventInput{
		Category: event.Stream.Category,
		Key:      event.Stream.Key,
		ID:       event.ID,
		Type:     event.Type,
		Version:  event.Version,
		Position: event.Position,
	}
}

func (e eventInput) stream() eventstore.StreamID {
	return eventstore.StreamID{Category: e.Category, Key: e.Key}
}

// identity is the same for the same input only. It goes into the IDs of commands, and never changes.
func (in input) identity() string {
	switch {
	case in.Event != nil:
		return "event\x00" + in.Event.stream().String() + "\x00" + in.Event.ID.String()
	case in.Refused != nil:
		return "refused\x00" + in.Refused.String()
	case in.Timer != nil:
		return "timer\x00" + in.Timer.Name + "\x00" + strconv.Itoa(in.Timer.Number)
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

// maxReasonBytes keeps records and tasks readable: the error of a panic has a stack.
const maxReasonBytes = 8 << 10

// reasonOf returns the text of an error as every database stores it.
func reasonOf(err error) string { return textOf(cmp.Or(err.Error(), "an error without a text")) }

func textOf(text string) string {
	if len(text) > maxReasonBytes {
		text = text[:maxReasonBytes] + " …"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
