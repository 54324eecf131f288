package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

func TestPlanJudgesResults(t *testing.T) {
	t.Parallel()
	p := &plan{}
	p.add(a, eventstore.Exactly(3), first, 2)
	p.check(newStream(2, 1), eventstore.NoStream)
	p.add(b, eventstore.NoStream, first+2, 1)
	result := func(one, check, other eventstore.WriteResult, last eventstore.Position) eventstore.AppendResult {
		return eventstore.AppendResult{Writes: []eventstore.WriteResult{one, check, other}, Position: last}
	}
	type w = eventstore.WriteResult
	for want, result := range map[string]eventstore.AppendResult{
		"": result(w{Version: 5, Position: 102}, w{}, w{Version: 1, Position: 103}, 103),
		"the result does not have as many writes as the append":                                   {},
		"an append was acknowledged against its expectation":                                      result(w{Version: 6, Position: 102}, w{}, w{Version: 1, Position: 103}, 103),
		"a check has a version or a position":                                                     result(w{Version: 5, Position: 102}, w{Version: 1}, w{Version: 1, Position: 103}, 103),
		"positions do not follow the order of the writes, or that of appends one after the other": result(w{Version: 5, Position: 100}, w{}, w{Version: 1, Position: 103}, 103),
		"the result's position is not that of the last event":                                     result(w{Version: 5, Position: 102}, w{}, w{Version: 1, Position: 103}, 102),
	} {
		assert.Equal(t, want, p.judge(result, 100))
	}
}
