package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of what can be appended. Every backend has the same; they keep an append well inside what Postgres takes in
// one message.
const (
	// MaxTypeBytes is the greatest length of an event type.
	MaxTypeBytes = 256
	// MaxContentTypeBytes is the greatest length of a content type.
	MaxContentTypeBytes = 256
	// MaxDataBytes is the greatest size of one event's data.
	MaxDataBytes = 16 << 20
	// MaxJSONDepth is how deep JSON data may be nested.
	MaxJSONDepth = 1000
	// MaxAppendWrites is the greatest number of streams in one append.
	MaxAppendWrites = 1000
	// MaxAppendEvents is the greatest number of events in one append.
	MaxAppendEvents = 10_000
	// MaxAppendBytes is the greatest size of the data and metadata of one append.
	MaxAppendBytes = 64 << 20
)

// Prepared is an append whose arguments are valid and whose events are complete. It is for backends.
type Prepared struct {
	// Writes are those of the append; each event has its ID, schema version, content type and metadata.
	// The events are copies, their data is the caller's.
	Writes []Write
	// Events is the number of events of all writes.
	Events int
	// GivenIDs says that the caller gave the event IDs, so that the append may be a repeat.
	GivenIDs bool
}

// Prepare refuses what no backend stores, with an error wrapping [ErrInvalid] that names the write, the field and the
// limit, and completes the events: defaults, IDs, and the metadata of the context. A backend calls it first thing in
// Append, so that all backends agree.
func Prepare(ctx context.Context, writes []Write) (Prepared, error) {
	if len(writes) == 0 {
		return Prepared{}, fmt.Errorf("append: %w: there are no writes", ErrInvalid)
	}
	if len(writes) > MaxAppendWrites {
		return Prepared{}, fmt.Errorf("append: %w: %d streams, the limit is %d", ErrInvalid, len(writes), MaxAppendWrites)
	}
	if twice, found := repeated(writes, func(w Write) StreamID { return w.Stream }); found {
		return Prepared{}, fmt.Errorf("append: %w: stream %q is named twice", ErrInvalid, twice)
	}
	p := preparation{
		metadata: MetadataFrom(ctx),
		events:   make([]EventData, 0, countEvents(writes)),
		result:   Prepared{Writes: slices.Clone(writes)},
	}
	for i := range writes {
		if err := p.write(&p.result.Writes[i]); err != nil {
			return Prepared{}, fmt.Errorf("append to stream %q: %w", writes[i].Stream, err)
		}
	}
	if !p.result.GivenIDs {
		giveIDs(p.events)
	}
	return p.result, nil
}

type preparation struct {
	metadata Metadata
	// events has the events of all writes: one block of memory, of which each write gets its part.
	events []EventData
	bytes  int
	result Prepared
}

func countEvents(writes []Write) int {
	count := 0
	for i := range writes {
		count += len(writes[i].Events)
	}
	return count
}

// write completes a copy of the caller's write.
func (p *preparation) write(write *Write) error {
	if err := write.Stream.Validate(); err != nil {
		return err
	}
	if err := write.Expected.validate(); err != nil {
		return err
	}
	start := len(p.events)
	p.events = append(p.events, write.Events...)
	write.Events = p.events[start:len(p.events):len(p.events)]
	for i := range write.Events {
		if err := p.event(&write.Events[i]); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	if p.result.GivenIDs {
		if twice, found := repeated(write.Events, func(e EventData) uuid.UUID { return e.ID }); found {
			return fmt.Errorf("%w: ID %s is given to two events", ErrInvalid, twice)
		}
	}
	return nil
}

// event completes a copy of the caller's event, all but the ID.
func (p *preparation) event(event *EventData) error {
	if event.Metadata.IsZero() && p.metadata.IsZero() { // most have none, and need none of the copying
		event.Metadata.Values = nil // which may be empty
	} else {
		event.Metadata = event.Metadata.withDefaults(p.metadata)
	}
	if err := p.count(event); err != nil {
		return err
	}
	if event.SchemaVersion == 0 {
		event.SchemaVersion = 1
	}
	if event.ContentType == "" {
		event.ContentType = ContentTypeJSON
	}
	return event.validate()
}

// count keeps the totals of the append within their limits.
func (p *preparation) count(event *EventData) error {
	given := event.ID != uuid.Nil
	if p.result.Events > 0 && given != p.result.GivenIDs {
		return fmt.Errorf("%w: ID is given for some events of the append and not for others", ErrInvalid)
	}
	p.result.GivenIDs = given
	p.result.Events++
	p.bytes += len(event.Data) + event.Metadata.size()
	if p.result.Events > MaxAppendEvents {
		return fmt.Errorf("%w: the append has more events than the limit of %d", ErrInvalid, MaxAppendEvents)
	}
	if p.bytes > MaxAppendBytes {
		return fmt.Errorf("%w: the append has more data and metadata than the limit of %d bytes", ErrInvalid, MaxAppendBytes)
	}
	return nil
}

// repeated returns a key that two of the items share.
func repeated[T any, K comparable](items []T, key func(T) K) (K, bool) {
	var none K
	if len(items) < 2 {
		return none, false
	}
	seen := make(map[K]struct{}, len(items))
	for _, item := range items {
		k := key(item)
		if _, found := seen[k]; found {
			return k, true
		}
		seen[k] = struct{}{}
	}
	return none, false
}

func (event *EventData) validate() error {
	if err := validateType(event.Type); err != nil {
		return err
	}
	if event.SchemaVersion < 1 || event.SchemaVersion > math.MaxInt16 {
		return fmt.Errorf("%w: SchemaVersion is %d, the range is 1 to %d", ErrInvalid, event.SchemaVersion, math.MaxInt16)
	}
	if n := len(event.Data); n > MaxDataBytes {
		return fmt.Errorf("%w: Data is %d bytes, the limit is %d", ErrInvalid, n, MaxDataBytes)
	}
	if event.ContentType == ContentTypeJSON {
		if err := validateJSON(event.Data); err != nil {
			return err
		}
	} else if err := validateContentType(event.ContentType); err != nil {
		return err
	}
	return event.Metadata.validate()
}

func validateContentType(contentType string) error {
	if err := validateName("ContentType", contentType); err != nil {
		return err
	}
	if n := len(contentType); n > MaxContentTypeBytes {
		return fmt.Errorf("%w: ContentType is %d bytes, the limit is %d", ErrInvalid, n, MaxContentTypeBytes)
	}
	return nil
}

func validateType(eventType string) error {
	if err := validateName("Type", eventType); err != nil {
		return err
	}
	if n := len(eventType); n > MaxTypeBytes {
		return fmt.Errorf("%w: Type is %d bytes, the limit is %d", ErrInvalid, n, MaxTypeBytes)
	}
	return nil
}

// validateJSON accepts what every JSON parser does. Package json lets invalid UTF-8 pass and nests deeper than some
// parsers' stacks.
func validateJSON(data []byte) error {
	switch {
	case !utf8.Valid(data):
		return fmt.Errorf("%w: Data is %s but not valid UTF-8", ErrInvalid, ContentTypeJSON)
	case validJSON(data, MaxJSONDepth):
		return nil
	case !json.Valid(data):
		return fmt.Errorf("%w: Data is %s but not valid JSON: %.40q", ErrInvalid, ContentTypeJSON, data)
	default:
		return fmt.Errorf("%w: Data is nested deeper than the limit of %d", ErrInvalid, MaxJSONDepth)
	}
}
