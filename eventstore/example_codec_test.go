package eventstore_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// The events of a library's members, which have changed over the years.
type MemberEvent interface{ member() }

type (
	Joined struct {
		Name  string `json:"name"`
		Plan  string `json:"plan"`
		Reach struct {
			Email string `json:"email"`
		} `json:"reach"`
	}
	Borrowed struct {
		Title string `json:"title"`
	}
	// Photographed is stored as it is.
	Photographed struct{ Image string }
)

func (Joined) member()       {}
func (Borrowed) member()     {}
func (Photographed) member() {}

func (p Photographed) MarshalBinary() ([]byte, error) { return []byte(p.Image), nil }

func (p *Photographed) UnmarshalBinary(data []byte) error {
	p.Image = string(data)
	return nil
}

var MemberEvents = eventstore.NewCodec("member", map[string]MemberEvent{
	"member.joined":       Joined{},
	"member.borrowed":     Borrowed{},
	"member.photographed": Photographed{},
}, &eventstore.CodecOptions{
	Formats: map[string]eventstore.Format{"member.photographed": eventstore.BinaryFormat("application/octet-stream")},
	Upcasters: []eventstore.Upcaster{
		eventstore.EditFields("member.joined", 1, func(f *eventstore.Fields) {
			f.Rename("full_name", "name")
			f.Default("plan", "basic")
		}),
		eventstore.EditFields("member.joined", 2, func(f *eventstore.Fields) {
			f.Move("mail", f.In("reach"), "email")
		}),
		eventstore.RenameType("reader.joined", 1, "member.joined", 1),
		eventstore.DropType("member.reminded"),
		eventstore.Upcast("member.borrowed-all", 1, oneForEachTitle),
	},
	CompressAbove: 1000,
})

// oneForEachTitle splits an event, whose titles were separated by semicolons.
func oneForEachTitle(all eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
	var events []eventstore.RecordedEvent
	for title := range strings.SplitSeq(strings.Trim(string(all.Data), `"`), ";") {
		event := all
		event.Type, event.Data = "member.borrowed", fmt.Appendf(nil, `{"title":%q}`, title)
		events = append(events, event)
	}
	return events, nil
}

// read decodes an event as it was stored some time ago.
func read(eventType string, schemaVersion int, data string) {
	events, err := MemberEvents.Decode(eventstore.RecordedEvent{
		Stream: eventstore.StreamID{Category: "member", Key: "7"}, Version: 1, Position: 1,
		Type: eventType, SchemaVersion: schemaVersion, ContentType: eventstore.ContentTypeJSON, Data: []byte(data),
	})
	switch {
	case errors.Is(err, eventstore.ErrUnknownType):
		fmt.Println("from a newer program")
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Printf("%+v\n", events)
	}
}

func ExampleNewCodec() {
	read("member.joined", 1, `{"full_name":"Ann","mail":"ann@example.com"}`)
	read("member.joined", 2, `{"name":"Ann","plan":"gold","mail":"ann@example.com"}`)
	read("member.joined", 3, `{"name":"Ann","plan":"gold","reach":{"email":"ann@example.com"}}`)
	read("member.joined", 4, `{}`)

	data, err := MemberEvents.Encode(Joined{Name: "Bob"})
	fmt.Println(data.SchemaVersion, string(data.Data), err)

	// Output:
	// [{Name:Ann Plan:basic Reach:{Email:ann@example.com}}]
	// [{Name:Ann Plan:gold Reach:{Email:ann@example.com}}]
	// [{Name:Ann Plan:gold Reach:{Email:ann@example.com}}]
	// from a newer program
	// 3 {"name":"Bob","plan":"","reach":{"email":""}} <nil>
}

// A field that is not what an edit takes it for is an error, which says where the event is.
func ExampleEditFields() {
	read("member.joined", 1, `{"full_name":"Ann"}`)
	read("member.joined", 1, `{"full_name":"Ann","mail":"ann@example.com","reach":"by mail"}`)

	// Output:
	// [{Name:Ann Plan:basic Reach:{Email:}}]
	// decode event "member.joined" (schema version 1, application/json) at version 1 of stream "member-7", position 1: EditFields("member.joined", 2): field "reach": no JSON object: "\"by mail\""
}

func ExampleRenameType() {
	read("reader.joined", 1, `{"full_name":"Ann"}`)

	// Output:
	// [{Name:Ann Plan:basic Reach:{Email:}}]
}

func ExampleDropType() {
	read("member.reminded", 1, `{"by":"letter"}`)

	// Output:
	// []
}

func ExampleUpcast() {
	read("member.borrowed-all", 1, `"Emma;Ulysses"`)

	// Output:
	// [{Title:Emma} {Title:Ulysses}]
}

func ExampleBinaryFormat() {
	data, err := MemberEvents.Encode(Photographed{Image: "GIF89a…"})
	fmt.Println(data.ContentType, len(data.Data), err)

	data, err = MemberEvents.Encode(Photographed{Image: strings.Repeat("white", 1000)})
	fmt.Println(data.ContentType, len(data.Data) < 100, err)

	// Output:
	// application/octet-stream 9 <nil>
	// application/octet-stream+gzip true <nil>
}
