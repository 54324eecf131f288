package eventstore

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// Format turns Go values into data of one content type, and back. The zero value is JSON, by package encoding/json.
// [BinaryFormat] makes one of the methods that types have for it; protobuf is
//
//	eventstore.Format{
//		ContentType: "application/protobuf",
//		Marshal: func(event any) ([]byte, error) {
//			return proto.MarshalOptions{Deterministic: true}.Marshal(event.(proto.Message))
//		},
//		Unmarshal: func(data []byte, event any) error { return proto.Unmarshal(data, event.(proto.Message)) },
//	}
//
// Its functions are called by several goroutines at once.
type Format struct {
	// ContentType is stored with what was written, and says by which format it is read. At most MaxContentTypeBytes less
	// the five of "+gzip", in which it must not end.
	ContentType string
	// Marshal encodes an event, given as the codec returns it: a value, or a pointer where the type was given as one. The
	// same event always gives the same bytes, as an append that is repeated is compared by them. Not needed where the
	// format is only read.
	Marshal func(event any) ([]byte, error)
	// Unmarshal decodes into a new zero value, given by a pointer. It must not change the data, copies what it keeps of it,
	// and keeps the pointer only where the type was given as one.
	// It meets whatever is stored: what is no event is an error, and not a panic.
	Unmarshal func(data []byte, event any) error

	// check says why a type cannot be in the format; nil if that cannot be told.
	check func(reflect.Type) error
	// byAddr says whether Marshal is to be given pointers to values of a type; nil if never.
	byAddr func(reflect.Type) bool
}

var jsonFormat = Format{
	ContentType: ContentTypeJSON, Marshal: json.Marshal, Unmarshal: json.Unmarshal, byAddr: marshalsByAddr,
}

// marshalsByAddr reports whether a value, or something in it, has a method for package json with a pointer receiver.
// Package json passes over such methods where it is not given a pointer, but finds their counterparts when it decodes.
func marshalsByAddr(t reflect.Type) bool {
	if marshalsAs(reflect.PointerTo(t)) {
		return !marshalsAs(t)
	}
	switch t.Kind() {
	case reflect.Array:
		return marshalsByAddr(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if marshalsByAddr(t.Field(i).Type) {
				return true
			}
		}
	default: // has no values of which package json lacks the address, or never has it
	}
	return false
}

func marshalsAs(t reflect.Type) bool {
	return t.Implements(reflect.TypeFor[json.Marshaler]()) || t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

// BinaryFormat is the format of types that implement [encoding.BinaryMarshaler] and [encoding.BinaryUnmarshaler].
func BinaryFormat(contentType string) Format {
	return Format{ContentType: contentType, Marshal: marshalBinary, Unmarshal: unmarshalBinary, check: checkBinary}
}

// marshalBinary finds the method on the event, or on a pointer to it.
func marshalBinary(event any) ([]byte, error) {
	if marshaler, ok := event.(encoding.BinaryMarshaler); ok {
		return marshaler.MarshalBinary()
	}
	pointer := reflect.New(reflect.TypeOf(event))
	pointer.Elem().Set(reflect.ValueOf(event))
	if marshaler, ok := reflect.TypeAssert[encoding.BinaryMarshaler](pointer); ok {
		return marshaler.MarshalBinary()
	}
	return nil, fmt.Errorf("%T is no encoding.BinaryMarshaler", event)
}

func unmarshalBinary(data []byte, event any) error {
	unmarshaler, ok := event.(encoding.BinaryUnmarshaler)
	if !ok {
		return fmt.Errorf("%T is no encoding.BinaryUnmarshaler", event)
	}
	return unmarshaler.UnmarshalBinary(data)
}

func checkBinary(goType reflect.Type) error {
	pointer := reflect.PointerTo(goType)
	if !pointer.Implements(reflect.TypeFor[encoding.BinaryMarshaler]()) ||
		!pointer.Implements(reflect.TypeFor[encoding.BinaryUnmarshaler]()) {
		return fmt.Errorf("%w: %s is no encoding.BinaryMarshaler and BinaryUnmarshaler", ErrInvalid, goType)
	}
	return nil
}

// orJSON returns the format that is meant.
func (f Format) orJSON() Format {
	if f.ContentType == "" && f.Marshal == nil && f.Unmarshal == nil {
		return jsonFormat
	}
	return f
}

func (f Format) validate(written bool) error {
	if err := validateContentType(f.ContentType + gzipSuffix); err != nil {
		return err
	}
	if f.ContentType == "" || strings.HasSuffix(f.ContentType, gzipSuffix) {
		return fmt.Errorf("%w: %q is no content type of a format", ErrInvalid, f.ContentType)
	}
	if f.Unmarshal == nil || written && f.Marshal == nil {
		return fmt.Errorf("%w: the format of %s has no function", ErrInvalid, f.ContentType)
	}
	return nil
}
