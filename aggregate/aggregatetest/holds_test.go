package aggregatetest_test

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/aggregate"
	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
)

// Both are tests to the package.
var (
	_ aggregatetest.TB = (*testing.T)(nil)
	_ aggregatetest.TB = (*rapid.T)(nil)
)

type noteEvent interface{ note() }

type noted struct{ Text string }

func (noted) note() {}

var noteEvents = eventstore.JSON("note", map[string]noteEvent{"note.noted": noted{}})

// notes is a state in which everything can be done wrong.
type notes struct {
	Texts []string
	Total int
}

var evolved int // how often, which Evolve must not look at

func (n notes) Evolve(event noteEvent) notes {
	text := event.(noted).Text
	switch text {
	case "count calls":
		evolved++
		n.Total = evolved
	case "index":
		next := len(n.Texts)
		_ = n.Texts[next]
	}
	n.Texts = append(n.Texts, text)
	return n
}

type noteCommand = aggregate.Command[notes, noteEvent]

type (
	write      struct{ Text string }
	refuse     struct{}
	doNothing  struct{}
	overwrite  struct{ With string }
	countCalls struct{ calls *int }
	moody      struct{ calls *int }
	fall       struct{}
	fallLate   struct{ calls *int }
	fewer      int
)

var errFull = errors.New("full")

func (c write) Decide(notes) ([]noteEvent, error)   { return []noteEvent{noted(c)}, nil }
func (refuse) Decide(notes) ([]noteEvent, error)    { return []noteEvent{noted{"lost"}}, errFull }
func (doNothing) Decide(notes) ([]noteEvent, error) { return nil, nil }

func (c overwrite) Decide(n notes) ([]noteEvent, error) {
	n.Texts[0] = c.With
	return nil, nil
}

func (c countCalls) Decide(notes) ([]noteEvent, error) {
	*c.calls++
	return []noteEvent{noted{fmt.Sprint(*c.calls)}}, nil
}

func (c moody) Decide(notes) ([]noteEvent, error) {
	*c.calls++
	if *c.calls%2 == 0 {
		return nil, errFull
	}
	return []noteEvent{noted{"a"}}, nil
}

func (fall) Decide(n notes) ([]noteEvent, error) { return []noteEvent{noted{n.Texts[3]}}, nil }

func (c fallLate) Decide(notes) ([]noteEvent, error) {
	*c.calls++
	if *c.calls == 2 {
		panic("late")
	}
	return nil, nil
}

func (c fewer) Decide(n notes) ([]noteEvent, error) {
	if len(n.Texts) >= int(c) {
		return nil, errFull
	}
	return []noteEvent{noted{"a"}}, nil
}

func TestHoldsPlaysEachCommandOnItsOwn(t *testing.T) {
	var seen [][]string
	aggregatetest.For[notes](t, noteEvents).Given(noted{"given"}).Holds(func(n notes) error {
		seen = append(seen, n.Texts)
		return nil
	}, write{"a"}, refuse{}, doNothing{}, fewer(3), fewer(3), write{"b"})
	assert.Equal(t, [][]string{
		{"given"}, {"given", "a"}, {"given", "a"}, {"given", "a", "a"}, {"given", "a", "a", "b"},
	}, seen)

	aggregatetest.For[notes](t, noteEvents).Given().Holds(nil)
	aggregatetest.For[notes](t, noteEvents).Given().Holds(nil, write{"a"})
}

func atMostOne(n notes) error {
	if len(n.Texts) > 1 {
		return errors.New("two notes")
	}
	return nil
}

func TestHoldsFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		given     []noteEvent
		invariant func(notes) error
		commands  []noteCommand
		want      string
	}{
		"the invariant": {
			[]noteEvent{noted{"given"}}, atMostOne, []noteCommand{refuse{}, doNothing{}, fewer(1), write{"a"}, write{"b"}}, `
the invariant does not hold: two notes
    aggregatetest_test.notes
      Texts: []string
        "given"
        "a"
      Total: 0
    after 1 event given
    1. aggregatetest_test.refuse: refused: full
    2. aggregatetest_test.doNothing: nothing to do
    3. aggregatetest_test.fewer: refused: full
       1
    4. aggregatetest_test.write: note.noted
         Text: "a"`,
		},
		"the invariant at the start": {
			[]noteEvent{noted{"a"}, noted{"b"}}, atMostOne, []noteCommand{write{"c"}}, `
the invariant does not hold: two notes
    aggregatetest_test.notes
      Texts: []string
        "a"
        "b"
      Total: 0
    after 2 events given`,
		},
		"a command that changes the state": {
			nil, nil, []noteCommand{write{"a"}, overwrite{"b"}}, `
aggregatetest_test.overwrite has changed the state that it was given (- before, + after Decide):
      aggregatetest_test.notes
        Texts: []string
    -     "a"
    +     "b"
        Total: 0
    after no events given
    1. aggregatetest_test.write: note.noted
         Text: "a"
    2. aggregatetest_test.overwrite
         With: "b"`,
		},
		"a command that decides other events": {
			nil, nil, []noteCommand{countCalls{new(int)}}, `
aggregatetest_test.countCalls has decided other events on an equal state (- first, + second):
      aggregatetest_test.noted
    -   Text: "1"
    +   Text: "2"
    after no events given
    1. aggregatetest_test.countCalls: note.noted
         calls: 2`,
		},
		"a command that is refused at times": {
			nil, nil, []noteCommand{moody{new(int)}}, `
aggregatetest_test.moody has decided in two ways on equal states:
    note.noted
    refused: full
    after no events given
    1. aggregatetest_test.moody: refused: full
         calls: 2`,
		},
		"a command that panics": {
			nil, nil, []noteCommand{fall{}}, `
aggregatetest_test.fall panicked in aggregatetest_test.fall.Decide (holds_test.go:N): ` +
				`runtime error: index out of range [3] with length 0
    after no events given
    1. aggregatetest_test.fall`,
		},
		"a command that panics the second time": {
			nil, nil, []noteCommand{fallLate{new(int)}}, `
aggregatetest_test.fallLate panicked in aggregatetest_test.fallLate.Decide (holds_test.go:N): late
    after no events given
    1. aggregatetest_test.fallLate
         calls: 2`,
		},
		"an event that makes Evolve panic": {
			nil, nil, []noteCommand{write{"a"}, write{"index"}}, `
aggregatetest_test.write panicked in aggregatetest_test.notes.Evolve (holds_test.go:N): ` +
				`runtime error: index out of range [1] with length 1
    after no events given
    1. aggregatetest_test.write: note.noted
         Text: "a"
    2. aggregatetest_test.write
         Text: "index"`,
		},
		"a given event that makes Evolve panic": {
			[]noteEvent{noted{"index"}}, nil, nil, `
Evolve(aggregatetest_test.noted) panicked in aggregatetest_test.notes.Evolve (holds_test.go:N): ` +
				`runtime error: index out of range [0] with length 0
    after 1 event given`,
		},
		"an Evolve that is not pure": {
			nil, nil, []noteCommand{write{"count calls"}}, `
the same events make another state when they are folded again (- first, + second):
      aggregatetest_test.notes
        Texts: []string
          "count calls"
    -   Total: 1
    +   Total: 2
    after no events given
    1. aggregatetest_test.write: note.noted
         Text: "count calls"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			evolved = 0
			failures, ended := failuresIn(t, func(t aggregatetest.TB) {
				aggregatetest.For[notes](t, noteEvents).Given(c.given...).Holds(c.invariant, c.commands...)
			})
			assert.True(t, ended)
			assert.Equal(t, c.want[1:], withoutLines(failures))
		})
	}
}

func TestHoldsTellsWhatCannotBeStored(t *testing.T) {
	failures, ended := failuresOf(t, func(orders *aggregatetest.Aggregate[Order, Event]) {
		orders.Given().Holds(nil, addSocks, Decides{hasSocks, Lossy{1, 2}})
	})
	assert.True(t, ended)
	require.Len(t, failures, 1)
	assert.Contains(t, failures[0], "event 1 that aggregatetest_test.Decides has decided cannot be stored: "+
		"aggregatetest_test.Lossy is another when it is read back")
	assert.Contains(t, failures[0], "\n    1. aggregatetest_test.AddItem: order.item-added\n")
}

// property is a test of rapid that is to fail.
type property struct {
	*testing.T
	messages []string
}

func (p *property) Errorf(format string, args ...any) {
	p.messages = append(p.messages, fmt.Sprintf(format, args...))
}
func (p *property) Failed() bool        { return len(p.messages) > 0 }
func (p *property) FailNow()            { runtime.Goexit() }
func (p *property) Logf(string, ...any) {}
func (p *property) Log(...any)          {}

// A failure is shrunk to the commands that it takes, which needs messages that are the same each time.
func TestHoldsShrinks(t *testing.T) {
	require.NoError(t, flag.Set("rapid.nofailfile", "true"))
	t.Cleanup(func() { require.NoError(t, flag.Set("rapid.nofailfile", "false")) })
	anyCommand := rapid.OneOf(
		rapid.Map(rapid.StringMatching(`[a-z]{1,3}`), func(text string) noteCommand { return write{text} }),
		rapid.Just[noteCommand](refuse{}),
		rapid.Just[noteCommand](doNothing{}),
	)
	p := &property{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		rapid.Check(p, func(t *rapid.T) {
			commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
			aggregatetest.For[notes](t, noteEvents).Given().Holds(atMostOne, commands...)
		})
	}()
	<-done
	require.NotEmpty(t, p.messages)
	assert.Contains(t, p.messages[0], `the invariant does not hold: two notes
    aggregatetest_test.notes
      Texts: []string
        "a"
        "a"
      Total: 0
    after no events given
    1. aggregatetest_test.write: note.noted
         Text: "a"
    2. aggregatetest_test.write: note.noted
         Text: "a"
`)
}

// Execute keeps all that Holds asks for, so commands of a domain that is right are left alone.
func TestHoldsForOrders(t *testing.T) {
	anyName := rapid.SampledFrom([]string{"Socks", "Shorts", "Shoes"})
	anyCommand := rapid.OneOf(
		rapid.Map(anyName, func(name string) aggregate.Command[Order, Event] { return AddItem{socks, name} }),
		rapid.Map(rapid.Int(), func(total int) aggregate.Command[Order, Event] { return Checkout{Total: total} }),
	)
	rapid.Check(t, func(t *rapid.T) {
		commands := rapid.SliceOf(anyCommand).Draw(t, "commands")
		aggregatetest.For[Order](t, Events).Given().Holds(func(o Order) error {
			if o.CheckedOut && len(o.Items) == 0 {
				return errors.New("checked out without items")
			}
			return nil
		}, commands...)
	})
}

// withoutLines returns the only failure without line numbers.
func withoutLines(failures []string) string {
	return lineNumber.ReplaceAllString(strings.Join(failures, "\n"), "go:N)")
}
