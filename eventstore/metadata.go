package eventstore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"
)

// MaxMetadataBytes is the greatest size of an event's metadata: its names and values together, in bytes.
const MaxMetadataBytes = 64 << 10

// Metadata tells why an event came about. All strings are valid UTF-8 without NUL, which databases cannot take
// out of JSON again. The JSON form is how backends store it.
//
// It flows by itself. A request sets it once, by [WithMetadata], and all that is appended under that context has it. What
// an event causes has that of [CausedBy]: what the handler of a projection appends, the records of a process manager's
// instance, and what a receiver appends under the context of a dispatch. There the causation ID is that of the instance's
// record that sent the command, whose own is that of the event it answers, or of an earlier record. So all of these can be
// walked to their origin, see [Causes].
//
// What a handler or receiver sets by WithMetadata goes before what flows; what is set on the context of Run goes after it.
type Metadata struct {
	// CorrelationID is the same for everything that one request caused, however indirectly. What an event without one
	// causes has the ID of that event.
	CorrelationID string `json:"correlation_id,omitempty"`
	// CausationID is the ID of the event that caused this one. Of an event that a request or a message from outside caused
	// it is the ID of that, such as the command's of ExecuteOnce in package aggregate, or empty.
	CausationID string `json:"causation_id,omitempty"`
	// Actor is who asked for it, in the user's own terms. It does not flow from an event to what that causes: nobody has
	// asked for this. Who has asked for the first of them is found there.
	Actor string `json:"actor,omitempty"`
	// TraceParent is the trace context, in the form of W3C Trace Context's traceparent header.
	TraceParent string `json:"traceparent,omitempty"`
	// Values are the user's own keys. They do not flow either. An empty map is stored and read as nil.
	Values map[string]string `json:"values,omitempty"`
}

type metadataKey struct{}

// WithMetadata returns a context that sets metadata for everything that is appended under it. What an event says of
// itself goes before what the context says, and an inner WithMetadata before an outer one, field by field and key by
// key.
func WithMetadata(ctx context.Context, metadata Metadata) context.Context {
	return context.WithValue(ctx, metadataKey{}, metadata.withDefaults(MetadataFrom(ctx)))
}

// MetadataFrom returns what [WithMetadata] set, and zero metadata where it set nothing. Its map must not be changed.
func MetadataFrom(ctx context.Context) Metadata {
	metadata, _ := ctx.Value(metadataKey{}).(Metadata)
	return metadata
}

// IsZero reports whether the metadata says nothing.
func (m Metadata) IsZero() bool {
	return m.CorrelationID == "" && m.CausationID == "" && m.Actor == "" && m.TraceParent == "" && len(m.Values) == 0
}

// withDefaults completes m with what defaults says, in a map of its own.
func (m Metadata) withDefaults(defaults Metadata) Metadata {
	m.CorrelationID = firstNonEmpty(m.CorrelationID, defaults.CorrelationID)
	m.CausationID = firstNonEmpty(m.CausationID, defaults.CausationID)
	m.Actor = firstNonEmpty(m.Actor, defaults.Actor)
	m.TraceParent = firstNonEmpty(m.TraceParent, defaults.TraceParent)
	if len(m.Values) == 0 && len(defaults.Values) == 0 {
		m.Values = nil
		return m
	}
	values := make(map[string]string, len(m.Values)+len(defaults.Values))
	maps.Copy(values, defaults.Values)
	maps.Copy(values, m.Values)
	m.Values = values
	return m
}

func (m Metadata) validate() error {
	if m.IsZero() {
		return nil
	}
	for _, field := range [...]struct{ name, value string }{
		{"CorrelationID", m.CorrelationID},
		{"CausationID", m.CausationID},
		{"Actor", m.Actor},
		{"TraceParent", m.TraceParent},
	} {
		if err := validateText(field.name, field.value); err != nil {
			return err
		}
	}
	for key, value := range m.Values {
		if err := cmp.Or(validateText("key", key), validateText("value", value)); err != nil {
			return err
		}
	}
	if size := m.size(); size > MaxMetadataBytes {
		return fmt.Errorf("%w: metadata is %d bytes, the limit is %d", ErrInvalid, size, MaxMetadataBytes)
	}
	return nil
}

func validateText(field, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: metadata %s %q is not valid UTF-8", ErrInvalid, field, value)
	}
	if strings.IndexByte(value, 0) >= 0 {
		return fmt.Errorf("%w: metadata %s %q contains NUL", ErrInvalid, field, value)
	}
	return nil
}

// size is the length of all names and values of the user's, in bytes.
func (m Metadata) size() int {
	size := len(m.CorrelationID) + len(m.CausationID) + len(m.Actor) + len(m.TraceParent)
	for key, value := range m.Values {
		size += len(key) + len(value)
	}
	return size
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
