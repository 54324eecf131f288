package eventstore

import "reflect"

// Described is implemented by codecs that tell what they know. Those of [JSON] and [NewCodec] do.
type Described interface {
	// EventTypes returns the event types of the family, by name: those that it encodes today.
	EventTypes() []EventType

	// Schema is a fingerprint of what stored events mean to the codec. It is another when a type, its fields, its schema
	// version or its upcasters are others, and the same in every process of a program. What upcasters compute is not in it.
	Schema() string
}

// EventType is a type of event as it is stored, and as it is in Go.
type EventType struct {
	// Name is the stored name, such as "order.item-added".
	Name string
	// SchemaVersion is the one that is written today. All lower ones can be read.
	SchemaVersion int
	// ContentType is the one that is written today, without regard to compression.
	ContentType string
	// Go is the type that Decode returns.
	Go reflect.Type
}
