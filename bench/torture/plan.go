package main

import (
	"github.com/google/uuid"

	"github.com/pasttense/pasttense/eventstore"
)

// plan is an append that is to be made, and what is to be recorded of it.
type plan struct {
	writes  []eventstore.Write
	records []record // one for each write; of a check the Count is 0
	given   bool     // events have IDs of their own
}

// add has the plan write so many events to a stream.
func (p *plan) add(stream streamNumber, expected eventstore.ExpectedVersion, first tag, count int) {
	write := eventstore.Write{Stream: stream.id(), Expected: expected}
	for i := range count {
		event := (first + tag(i)).event()
		if p.given {
			event.ID = uuid.New()
		}
		write.Events = append(write.Events, event)
	}
	p.writes = append(p.writes, write)
	p.records = append(p.records, record{Tag: first, Stream: stream, Count: int32(count)})
}

func (p *plan) check(stream streamNumber, expected eventstore.ExpectedVersion) {
	p.add(stream, expected, 0, 0)
}

func (p *plan) writesTo(stream streamNumber) bool {
	for _, r := range p.records {
		if r.Stream == stream {
			return true
		}
	}
	return false
}

// events returns how many events the plan has.
func (p *plan) events() int {
	n := 0
	for _, r := range p.records {
		n += int(r.Count)
	}
	return n
}

// outcome returns the records of a plan that was not acknowledged.
func (p *plan) outcome(o outcome) []record {
	var records []record
	for _, r := range p.records {
		if r.Count > 0 {
			r.Outcome = o
			records = append(records, r)
		}
	}
	return records
}

// result returns the records of a plan that was acknowledged with a result.
func (p *plan) result(result eventstore.AppendResult) []record {
	var records []record
	for i, r := range p.records {
		if r.Count > 0 {
			r.Outcome = acknowledged
			r.Version, r.Position = int64(result.Writes[i].Version), int64(result.Writes[i].Position)
			records = append(records, r)
		}
	}
	return records
}

// judge says what is wrong with a result, given the highest position that was acknowledged before the append began; "" when
// nothing is.
func (p *plan) judge(result eventstore.AppendResult, floor eventstore.Position) string {
	if len(result.Writes) != len(p.writes) {
		return "the result does not have as many writes as the append"
	}
	last := floor
	for i, write := range p.writes {
		got := result.Writes[i]
		if len(write.Events) == 0 {
			if got != (eventstore.WriteResult{}) {
				return "a check has a version or a position"
			}
			continue
		}
		if got.Position <= last {
			return "positions do not follow the order of the writes, or that of appends one after the other"
		}
		last = got.Position
		before := got.Version - eventstore.Version(len(write.Events))
		if before < 0 || !write.Expected.Allows(before) {
			return "an append was acknowledged against its expectation"
		}
	}
	if p.events() > 0 && result.Position != last {
		return "the result's position is not that of the last event"
	}
	return ""
}
