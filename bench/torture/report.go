package main

import (
	"fmt"

	"github.com/pasttense/pasttense/eventstore"
)

// outcome is what became of an append.
type outcome int32

const (
	acknowledged outcome = iota + 1
	refused              // for certain not there
	unknown
)

// record is what is kept of a write: its events, and what became of them. Its fields have fixed sizes, for the spool.
type record struct {
	Tag      tag          `json:"t"` // of the first event
	Position int64        `json:"p"` // of the last event, when acknowledged
	Version  int64        `json:"v"` // of the last event, when acknowledged
	Stream   streamNumber `json:"s"`
	Count    int32        `json:"n"`
	Outcome  outcome      `json:"o"`
}

// sighting is an event that a subscriber has seen.
type sighting struct {
	Position int64  `json:"p"`
	Digest   uint64 `json:"d"`
}

// sight takes down an event that was read.
func sight(event eventstore.RecordedEvent) (sighting, error) {
	t, err := tagOf(event)
	if err != nil {
		return sighting{}, err
	}
	stream, err := streamOf(event.Stream)
	return sighting{int64(event.Position), digest(t, stream, event.Version)}, err
}

// batch is what a subscriber has handled: it goes on after Through, also when its process dies.
type batch struct {
	Subscriber int        `json:"subscriber"`
	Through    int64      `json:"through"`
	Seen       []sighting `json:"seen,omitempty"`
}

// report is what a writer or a subscriber has to tell. The child process writes it to its standard output, one a line.
type report struct {
	Counts  []string `json:"c,omitempty"` // each is to be counted once
	Records []record `json:"r,omitempty"`
	Batch   *batch   `json:"b,omitempty"`
	Wrong   string   `json:"w,omitempty"` // a guarantee that was broken
	Stopped bool     `json:"stopped,omitempty"`
}

// reporter takes reports. It is safe for concurrent use.
type reporter func(report)

func (r reporter) count(names ...string) { r(report{Counts: names}) }

func (r reporter) wrong(format string, args ...any) { r(report{Wrong: fmt.Sprintf(format, args...)}) }
