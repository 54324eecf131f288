// Package protobuf shows events that are protobuf messages: those of deliveries.
package protobuf

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pasttense/pasttense/eventstore"
)

// Event is something that has happened to a delivery. Its methods have pointer receivers, as messages must not be copied, and
// stand in a file beside those that protoc makes.
type Event interface{ delivery() }

// Sent and Delayed are messages in that they hold one of the well-known ones, lest this example needs protoc.
type (
	// Sent says what is in the parcel, and where it goes to.
	Sent struct{ structpb.Struct }
	// Delayed says by how much.
	Delayed struct{ durationpb.Duration }
)

func (*Sent) delivery()    {}
func (*Delayed) delivery() {}

// Format stores messages in protobuf's binary form.
var Format = eventstore.Format{
	ContentType: "application/protobuf",
	Marshal: func(event any) ([]byte, error) {
		return proto.MarshalOptions{Deterministic: true}.Marshal(event.(proto.Message))
	},
	Unmarshal: func(data []byte, event any) error {
		return proto.Unmarshal(data, event.(proto.Message))
	},
}

// Events names the events as they are stored.
var Events = eventstore.NewCodec("delivery", map[string]Event{
	"delivery.sent":    &Sent{},
	"delivery.delayed": &Delayed{},
}, &eventstore.CodecOptions{Format: Format})
