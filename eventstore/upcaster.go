package eventstore

import (
	"cmp"
	"fmt"
	"math"
)

// Upcaster makes of an event as it was once stored what is stored today, before it is decoded. It is for the events of
// one type and schema version, and what it makes is of another: mostly the next version of the type. So upcasters
// follow each other until the event is as the program writes it. The stored event never changes.
//
// Make one with [EditFields], [RenameType], [DropType] or [Upcast], and list it in [CodecOptions]. It must be a
// function of the event alone: whoever reads the event, whenever, is to see the same. It is called by several
// goroutines at once.
type Upcaster struct {
	kind    upcasterKind
	from    typeVersion
	to      typeVersion // of edits and renames
	edit    func(*Fields)
	convert func(RecordedEvent) ([]RecordedEvent, error)
}

// typeVersion is a form in which events are stored.
type typeVersion struct {
	Type          string
	SchemaVersion int
}

// An upcasterKind names what made an upcaster. It is part of a codec's fingerprint.
type upcasterKind string

const (
	editing    upcasterKind = "EditFields"
	renaming   upcasterKind = "RenameType"
	dropping   upcasterKind = "DropType"
	converting upcasterKind = "Upcast"
)

// EditFields is for events stored as JSON objects whose fields are others in the next schema version:
//
//	eventstore.EditFields("order.item-added", 1, func(f *eventstore.Fields) {
//		f.Rename("title", "name")
//		f.Default("currency", "EUR")
//	})
//
// Edits that follow each other share the reading and the writing of the object. An event that is no JSON object fails
// to be decoded.
func EditFields(eventType string, schemaVersion int, edit func(*Fields)) Upcaster {
	return Upcaster{
		kind: editing, edit: edit,
		from: typeVersion{eventType, schemaVersion}, to: typeVersion{eventType, schemaVersion + 1},
	}
}

// RenameType is for a type that is stored by another name now. The data stays as it is: what the old name meant at a
// schema version is what the new one means at newVersion.
func RenameType(oldType string, oldVersion int, newType string, newVersion int) Upcaster {
	return Upcaster{kind: renaming, from: typeVersion{oldType, oldVersion}, to: typeVersion{newType, newVersion}}
}

// DropType is for a type, in whatever schema version, that means nothing any more. Nothing is decoded of it.
func DropType(eventType string) Upcaster {
	return Upcaster{kind: dropping, from: typeVersion{Type: eventType}}
}

// Upcast is for all else: convert returns what a stored event amounts to in later forms, as no event, one, or several.
// Of what it returns, type, schema version, content type and data count, and each goes on from there as if it had been
// stored. It returns the event that it was given, changed:
//
//	event.SchemaVersion++
//	event.Data = …
//	return []eventstore.RecordedEvent{event}, nil
//
// The data that it is given is not compressed, may be shared, and must not be changed in place. Its error makes the
// event fail to be decoded. A panic goes to whoever decodes.
func Upcast(eventType string, schemaVersion int, convert func(RecordedEvent) ([]RecordedEvent, error)) Upcaster {
	return Upcaster{kind: converting, convert: convert, from: typeVersion{eventType, schemaVersion}}
}

func (u Upcaster) validate() error {
	if u.kind == "" {
		return fmt.Errorf("%w: an upcaster was not made by a function of the package", ErrInvalid)
	}
	if err := validateType(u.from.Type); err != nil {
		return err
	}
	if v := u.from.SchemaVersion; u.kind != dropping && (v < 1 || v >= math.MaxInt16) {
		return fmt.Errorf("%w: %s is for schema version %d, the range is 1 to %d", ErrInvalid, u, v, math.MaxInt16-1)
	}
	if u.kind == editing && u.edit == nil || u.kind == converting && u.convert == nil {
		return fmt.Errorf("%w: %s has no function", ErrInvalid, u)
	}
	return nil
}

// String says what the upcaster is for.
func (u Upcaster) String() string {
	if u.kind == dropping {
		return fmt.Sprintf("%s(%q)", u.kind, u.from.Type)
	}
	return fmt.Sprintf("%s(%q, %d)", u.kind, u.from.Type, u.from.SchemaVersion)
}

func compareUpcasters(a, b Upcaster) int {
	return cmp.Or(cmp.Compare(a.from.Type, b.from.Type), cmp.Compare(a.from.SchemaVersion, b.from.SchemaVersion))
}
