package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
)

// tag identifies an event that this program appends: by which process, in which of its appends, and which event of that.
// What an event says is a function of its tag, so a tag is all that the checker keeps of it.
type tag int64

const (
	indexBits  = 14 // an append has at most 10,000 events
	appendBits = 40

	maxIncarnations = 1<<(63-indexBits-appendBits) - 1
)

func newTag(incarnation int, number int64, index int) tag {
	return tag(int64(incarnation)<<(appendBits+indexBits) | number<<indexBits | int64(index))
}

// append identifies the append that the event is of.
func (t tag) append() int64 { return int64(t) >> indexBits }

// incarnation says which process appended the event: 0 is the main one.
func (t tag) incarnation() int { return int(t >> (appendBits + indexBits)) }

const (
	binaryType    = "application/octet-stream"
	eventTypes    = 5
	maxNote       = 200
	largeNote     = 64 << 10 // beyond what Postgres keeps in a row
	jsonBeginning = `{"tag":`
)

func eventType(n int) string { return "type-" + strconv.Itoa(n) }

// event returns the event, without an ID.
func (t tag) event() eventstore.EventData {
	random := mix(uint64(t))
	event := eventstore.EventData{Type: eventType(int(random % eventTypes))}
	note := int(random >> 8 % maxNote)
	if random>>16%5000 == 0 {
		note = largeNote
	}
	if random>>32%4 == 0 {
		event.Metadata.CorrelationID = strconv.FormatUint(random, 36)
	}
	if random>>40%8 == 0 {
		event.ContentType = binaryType
		event.Data = append(binary.BigEndian.AppendUint64(nil, uint64(t)), bytes.Repeat([]byte{0, 0xff}, note/2)...)
	} else {
		event.ContentType = eventstore.ContentTypeJSON
		event.Data = fmt.Appendf(nil, `%s%d , "note": "%s"}`, jsonBeginning, t, strings.Repeat("é", note/2))
	}
	return event
}

// mix makes every bit of the result depend on every bit of n (the finalizer of SplitMix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// tagOf returns the tag of an event that was read, and an error when anything of it is not as it was appended.
func tagOf(event eventstore.RecordedEvent) (tag, error) {
	t, err := tagIn(event.ContentType, event.Data)
	if err != nil {
		return 0, fmt.Errorf("event at position %d: %w", event.Position, err)
	}
	want := t.event()
	if event.Type != want.Type || event.ContentType != want.ContentType || !bytes.Equal(event.Data, want.Data) ||
		!reflect.DeepEqual(event.Metadata, want.Metadata) {
		return 0, fmt.Errorf("event at position %d is not as it was appended: %s %.80q %+v",
			event.Position, event.Type, event.Data, event.Metadata)
	}
	return t, nil
}

var errForeign = errors.New("this program did not append it")

func tagIn(contentType string, data []byte) (tag, error) {
	if contentType == binaryType && len(data) >= 8 {
		return tag(binary.BigEndian.Uint64(data)), nil
	}
	rest, found := bytes.CutPrefix(data, []byte(jsonBeginning))
	digits, _, ends := bytes.Cut(rest, []byte(" "))
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if !found || !ends || err != nil {
		return 0, errForeign
	}
	return tag(n), nil
}

// digest is what the checker compares of an event that was seen: which it is, and where in its stream.
func digest(t tag, stream streamNumber, version eventstore.Version) uint64 {
	return mix(mix(uint64(t)) ^ uint64(stream)<<32 ^ uint64(version))
}

// streamNumber stands for a stream's name.
type streamNumber uint32

// The upper bits of a stream's number are its category. Keys below sharedKeys are written by everybody, those below
// hotKeys most; the others belong to the process that began them.
const (
	keyBits    = 30
	hotKeys    = 4
	sharedKeys = 1 << 12

	skewCategory = 3
)

var categories = [4]string{"order", "cart", "stock", "skew"}

func newStream(category, key int) streamNumber { return streamNumber(category<<keyBits | key) }

func (n streamNumber) key() int { return int(n & (1<<keyBits - 1)) }

func (n streamNumber) shared() bool { return n.key() < sharedKeys && n>>keyBits != skewCategory }

func (n streamNumber) id() eventstore.StreamID {
	return eventstore.StreamID{Category: categories[n>>keyBits], Key: strconv.Itoa(n.key())}
}

func streamOf(id eventstore.StreamID) (streamNumber, error) {
	for i, category := range categories {
		if key, err := strconv.Atoi(id.Key); category == id.Category && err == nil && key>>keyBits == 0 {
			return newStream(i, key), nil
		}
	}
	return 0, fmt.Errorf("stream %q: %w", id, errForeign)
}
