package order

import "github.com/pasttense/pasttense/eventstore"

// Compact are the events as they are stored where there are many large ones.
var Compact = eventstore.NewCodec("order", types, &eventstore.CodecOptions{
	Upcasters:     upcasters,
	Formats:       map[string]eventstore.Format{"order.scanned": eventstore.BinaryFormat("application/octet-stream")},
	CompressAbove: 1000,
})

// Scanned is a document that came with the order.
type Scanned struct{ Image []byte }

func (Scanned) order() {}

func (s Scanned) MarshalBinary() ([]byte, error) { return s.Image, nil }

func (s *Scanned) UnmarshalBinary(data []byte) error {
	s.Image = append([]byte(nil), data...)
	return nil
}

var types = map[string]Event{
	"order.item-added": ItemAdded{}, "order.placed": Placed{}, "order.confirmed": Confirmed{}, "order.paid": Paid{},
	"order.scanned": Scanned{},
}
