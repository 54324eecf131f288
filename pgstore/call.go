package pgstore

import (
	"bytes"

	"github.com/pasttense/pasttense/eventstore"
)

// call is an append on its way through the queue. It keeps nothing of its caller's, who may be gone before it is done.
type call struct {
	prepared eventstore.Prepared // without the data
	payloads []payload           // of the events of all writes
	bytes    int
	answers  chan answer // gets one

	rows    int  // about how many the database has to do with
	doubted bool // a batch that it was in has met a version that was there: streams are not believed to be new
	alone   bool // it shares no batch: one that it was in has failed again, or otherwise
	lost    int  // how many connections it has lost
	late    int  // of how many of them because no answer came
	passed  int  // how often others went before it, as it waited for their streams

	// These belong to the queue's mutex.
	batch *batch // which it is in; nil while it waits
	sent  bool   // it may be in the database
	left  bool   // its caller has gone
}

// payload is what an event carries, as it is sent.
type payload struct {
	json       string
	isJSON     bool
	dataBinary []byte // nil for JSON
	metadata   *string
}

// data returns what goes into the column of JSON data, nil for what is not JSON.
func (p *payload) data() *string {
	if !p.isJSON {
		return nil
	}
	return &p.json
}

// answer is what the caller of Append is told.
type answer struct {
	result eventstore.AppendResult
	err    error
}

func newCall(prepared eventstore.Prepared) (*call, error) {
	c := &call{prepared: prepared, payloads: make([]payload, 0, prepared.Events), answers: make(chan answer, 1)}
	for _, write := range prepared.Writes {
		c.rows += max(1, len(write.Events)) // a check is looked for, and reserved, too
		for i := range write.Events {
			event := &write.Events[i]
			payload, err := newPayload(event)
			if err != nil {
				return nil, err
			}
			c.payloads = append(c.payloads, payload)
			c.bytes += len(event.Data) + len(payload.metadataText())
			event.Data = nil
		}
	}
	return c, nil
}

func newPayload(event *eventstore.EventData) (p payload, err error) {
	if event.ContentType == eventstore.ContentTypeJSON {
		p.json, p.isJSON = string(event.Data), true
	} else {
		p.dataBinary = append([]byte{}, event.Data...)
	}
	p.metadata, err = encodeMetadata(event.Metadata)
	return p, err
}

// original returns the append with its data.
func (c *call) original() eventstore.Prepared {
	original := c.prepared
	original.Writes = make([]eventstore.Write, len(c.prepared.Writes))
	payloads := c.payloads
	for i, write := range c.prepared.Writes {
		original.Writes[i] = write
		original.Writes[i].Events = make([]eventstore.EventData, len(write.Events))
		for j, event := range write.Events {
			event.Data = payloads[j].bytes()
			original.Writes[i].Events[j] = event
		}
		payloads = payloads[len(write.Events):]
	}
	return original
}

func (p *payload) metadataText() string {
	if p.metadata == nil {
		return ""
	}
	return *p.metadata
}

func (p *payload) bytes() []byte {
	if p.isJSON {
		return []byte(p.json)
	}
	return bytes.Clone(p.dataBinary)
}
