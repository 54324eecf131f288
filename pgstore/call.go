package pgstore

import (
	"bytes"

	"github.com/pasttense/pasttense/eventstore"
)

// call is an append on its way through the queue. It keeps nothing of its caller's, who may be gone before it is done.
type call struct {
	prepared eventstore.Prepared // without the data
	payloads [][]payload         // of the events of each write
	bytes    int
	answers  chan answer // gets one

	rows    int  // about how many the database has to do with
	doubted bool // a batch that it was in has met a version that was there: streams are not believed to be new
	alone   bool // it shares no batch: one that it was in has failed again, or otherwise
	lost    int  // how many connections it has lost
	passed  int  // how often others went before it, as it waited for their streams

	// These belong to the queue's mutex.
	batch *batch // which it is in; nil while it waits
	sent  bool   // it may be in the database
	left  bool   // its caller has gone
}

// payload is what an event carries, as it is sent.
type payload struct {
	data       *string // nil for what is not JSON
	dataBinary []byte  // nil for JSON
	metadata   *string
}

// answer is what the caller of Append is told.
type answer struct {
	result eventstore.AppendResult
	err    error
}

func newCall(prepared eventstore.Prepared) (*call, error) {
	c := &call{prepared: prepared, payloads: make([][]payload, len(prepared.Writes)), answers: make(chan answer, 1)}
	for i, write := range prepared.Writes {
		c.rows += max(1, len(write.Events)) // a check is looked for, and reserved, too
		c.payloads[i] = make([]payload, len(write.Events))
		for j := range write.Events {
			event := &write.Events[j]
			payload, err := newPayload(event)
			if err != nil {
				return nil, err
			}
			c.payloads[i][j] = payload
			c.bytes += len(event.Data) + len(payload.metadataText())
			event.Data = nil
		}
	}
	return c, nil
}

func newPayload(event *eventstore.EventData) (p payload, err error) {
	if event.ContentType == eventstore.ContentTypeJSON {
		text := string(event.Data)
		p.data = &text
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
	for i, write := range c.prepared.Writes {
		original.Writes[i] = write
		original.Writes[i].Events = make([]eventstore.EventData, len(write.Events))
		for j, event := range write.Events {
			event.Data = c.payloads[i][j].bytes()
			original.Writes[i].Events[j] = event
		}
	}
	return original
}

func (p payload) metadataText() string {
	if p.metadata == nil {
		return ""
	}
	return *p.metadata
}

func (p payload) bytes() []byte {
	if p.data != nil {
		return []byte(*p.data)
	}
	return bytes.Clone(p.dataBinary)
}
