package eventstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// parcelEvent is a family whose one event is 200 bytes of JSON, as events are that people write.
type parcelEvent interface{ parcel() }

type parcelSent struct {
	ParcelID uuid.UUID `json:"parcel_id"`
	Carrier  string    `json:"carrier"`
	Weight   int       `json:"weight"`
	SentAt   time.Time `json:"sent_at"`
	Street   string    `json:"street"`
	City     string    `json:"city"`
	Express  bool      `json:"express"`
}

func (parcelSent) parcel() {}

var (
	parcels = map[string]parcelEvent{"parcel.sent": parcelSent{}}

	sent = parcelSent{
		ParcelID: uuid.MustParse("0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f"), Carrier: "Pigeon & Sons", Weight: 1299,
		SentAt: time.Date(2025, 3, 14, 15, 9, 26, 0, time.UTC), Street: "17 Rue de la Paix", City: "Luxembourg", Express: true,
	}
)

// parcelsOnce are in the form that two upcasters make today's of.
var parcelsOnce = eventstore.EventData{
	Type: "parcel.sent", SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON,
	Data: []byte(`{"parcel_id":"0190b0c5-7a3c-7bd5-a5f1-6b2a3c4d5e6f","carrier":"Pigeon & Sons","grams":1299,` +
		`"sent_at":"2025-03-14T15:09:26Z","street":"17 Rue de la Paix","town":"Luxembourg"}`),
}

var parcelUpcasters = []eventstore.Upcaster{
	eventstore.EditFields("parcel.sent", 1, func(f *eventstore.Fields) {
		f.Rename("grams", "weight")
		f.Default("express", true)
	}),
	eventstore.EditFields("parcel.sent", 2, func(f *eventstore.Fields) { f.Rename("town", "city") }),
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name    string
		options *eventstore.CodecOptions
	}{
		{"json", nil},
		{"gzip", &eventstore.CodecOptions{CompressAbove: 1}},
	} {
		b.Run(c.name, func(b *testing.B) {
			codec := eventstore.NewCodec("parcel", parcels, c.options)
			b.ReportAllocs()
			var event parcelEvent = sent
			for b.Loop() {
				if _, err := codec.Encode(event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	upcasting := &eventstore.CodecOptions{Upcasters: parcelUpcasters}
	for _, c := range []struct {
		name    string
		options *eventstore.CodecOptions
		stored  eventstore.EventData // zero: what the codec encodes
	}{
		{"json", nil, eventstore.EventData{}},
		{"json/with-upcasters", upcasting, eventstore.EventData{}},
		{"json/two-upcasters", upcasting, parcelsOnce},
		{"gzip", &eventstore.CodecOptions{CompressAbove: 1}, eventstore.EventData{}},
	} {
		b.Run(c.name, func(b *testing.B) {
			codec := eventstore.NewCodec("parcel", parcels, c.options)
			if c.stored.Type == "" {
				var err error
				if c.stored, err = codec.Encode(sent); err != nil {
					b.Fatal(err)
				}
			}
			recorded := stored(c.stored)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := codec.Decode(recorded); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
