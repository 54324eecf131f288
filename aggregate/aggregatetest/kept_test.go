package aggregatetest_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
)

// shelf has something that JSON does not keep.
type shelf struct {
	Notes []string
	Seen  map[string]bool
	last  string
}

func (s shelf) Evolve(event noteEvent) shelf {
	text := event.(noted).Text
	switch text {
	case "make":
		s.Seen = map[string]bool{}
	case "write":
		s.Seen["written"] = true
	case "ask":
		if s.Seen != nil {
			s.Notes = append(s.Notes, "made")
		}
	case "hide":
		s.last = text
	}
	s.Notes = append(s.Notes, text)
	return s
}

// puts is a command that decides events with these texts.
type puts []string

func (c puts) Decide(shelf) ([]noteEvent, error) {
	events := make([]noteEvent, len(c))
	for i, text := range c {
		events[i] = noted{text}
	}
	return events, nil
}

// omitting is JSON for states that leaves out what is empty.
var omitting = eventstore.Format{
	ContentType: "application/json",
	Marshal: func(state any) ([]byte, error) {
		s := state.(*shelf)
		return json.Marshal(struct {
			Notes []string
			Seen  map[string]bool `json:",omitempty"`
		}{s.Notes, s.Seen})
	},
	Unmarshal: json.Unmarshal,
}

func TestKeptStates(t *testing.T) {
	shelves := aggregatetest.For[shelf](t, noteEvents)
	opened := puts{"make"}
	shelves.Given().Kept(eventstore.Format{}).Holds(nil, puts{"a"}, opened, puts{"write", "write"})
	shelves.Given(noted{"make"}).Kept(omitting).Holds(nil, puts{"a"})
	shelves.Given(noted{"make"}).Holds(nil, puts{"hide"})
}

func TestKeptFindsWhatIsWrong(t *testing.T) {
	noData := omitting
	noData.Marshal = func(any) ([]byte, error) { return nil, errors.New("no data") }
	falling := omitting
	falling.Unmarshal = func([]byte, any) error { panic("data") }
	for name, c := range map[string]struct {
		format   eventstore.Format
		commands []aggregate.Command[shelf, noteEvent]
		want     string
	}{
		"a field that is not kept": {
			eventstore.Format{}, []aggregate.Command[shelf, noteEvent]{puts{"a"}, puts{"hide"}}, `
the state is another when it comes back from a snapshot (- state, + from the snapshot):
      aggregatetest_test.shelf
        Notes: []string
          "a"
          "hide"
        Seen: []
    -   last: "hide"
    +   last: ""
    after no events given
    1. aggregatetest_test.puts: note.noted
         "a"
    2. aggregatetest_test.puts: note.noted
         "hide"`,
		},
		"a map that is not kept": {
			omitting, []aggregate.Command[shelf, noteEvent]{puts{"make"}, puts{"write"}}, `
from the snapshot after 1 event: Evolve(aggregatetest_test.noted) panicked in aggregatetest_test.shelf.Evolve ` +
				`(kept_test.go:N): assignment to entry in nil map
    after no events given
    1. aggregatetest_test.puts: note.noted
         "make"
    2. aggregatetest_test.puts: note.noted
         "write"`,
		},
		"a map that is nil afterwards": {
			omitting, []aggregate.Command[shelf, noteEvent]{puts{"make"}, puts{"ask"}}, `
the snapshot after 1 event leads to another state (- folded, + from the snapshot):
      aggregatetest_test.shelf
        Notes: []string
          "make"
    -     "made"
          "ask"
        Seen: []
        last: ""
    after no events given
    1. aggregatetest_test.puts: note.noted
         "make"
    2. aggregatetest_test.puts: note.noted
         "ask"`,
		},
		"a format that fails": {
			noData, nil, `
the state does not survive as a snapshot: no data
    after no events given`,
		},
		"a format that panics": {
			falling, nil, `
the state does not survive as a snapshot: panicked in aggregatetest_test.TestKeptFindsWhatIsWrong.func2 ` +
				`(kept_test.go:N): data
    after no events given`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			failures, ended := failuresIn(t, func(t aggregatetest.TB) {
				aggregatetest.For[shelf](t, noteEvents).Given().Kept(c.format).Holds(nil, c.commands...)
			})
			assert.True(t, ended)
			assert.Equal(t, c.want[1:], withoutLines(failures))
		})
	}
}
