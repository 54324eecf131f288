package aggregatetest_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
)

type cartEvent interface{ cart() }

type (
	cartOpened  struct{ Owner string }
	itemPut     struct{ ItemID, Name string }
	itemRenamed struct{ ItemID, Name string }
	itemTaken   struct{ ItemID string }
	cartLocked  struct{ Since time.Time }
	cartNoticed struct{}
	cartRated   struct{ Stars stars }
)

func (cartOpened) cart()  {}
func (itemPut) cart()     {}
func (itemRenamed) cart() {}
func (itemTaken) cart()   {}
func (cartLocked) cart()  {}
func (cartNoticed) cart() {}
func (cartRated) cart()   {}

// stars is a value that nobody makes up.
type stars string

func (s *stars) UnmarshalJSON(data []byte) error {
	if !strings.HasPrefix(string(data), `"*`) {
		return errors.New("no stars")
	}
	return json.Unmarshal(data, (*string)(s))
}

func cartEvents(types map[string]cartEvent) eventstore.Codec[cartEvent] {
	return eventstore.JSON("cart", types)
}

var (
	opened = map[string]cartEvent{"cart.opened": cartOpened{}}
	all    = map[string]cartEvent{
		"cart.opened": cartOpened{}, "cart.item-put": itemPut{}, "cart.item-renamed": itemRenamed{},
		"cart.item-taken": itemTaken{}, "cart.locked": cartLocked{},
	}
)

func with(types map[string]cartEvent, name string, event cartEvent) map[string]cartEvent {
	more := maps.Clone(types)
	more[name] = event
	return more
}

// cart looks closely at what has happened before.
type cart struct {
	Open   bool
	Items  map[string]string
	Taken  []string
	Locked time.Time
	Stars  int
}

func (c cart) Evolve(event cartEvent) cart {
	switch e := event.(type) {
	case cartOpened:
		c.Open = true
	case itemPut:
		if c.Open {
			c.Items = map[string]string{e.ItemID: e.Name}
		}
	case itemRenamed:
		if _, known := c.Items[e.ItemID]; known {
			c.Items[e.ItemID] = e.Name
		}
	case itemTaken:
		delete(c.Items, e.ItemID)
	case cartLocked:
		c.Locked = e.Since
	case cartRated:
		if e.Stars == "***" {
			c.Stars = 3
		}
	}
	return c
}

// Each type changes the state only after others, of the same item, and with another name.
func TestExhaustive(t *testing.T) {
	carts := aggregatetest.For[cart](t, cartEvents(all))
	carts.Given().Exhaustive()
	carts.Given(cartLocked{}).Exhaustive()

	carts = aggregatetest.For[cart](t, cartEvents(with(all, "cart.noticed", cartNoticed{})))
	carts.Given().Exhaustive(cartNoticed{})
	carts.Given().Exhaustive(&cartNoticed{})

	carts = aggregatetest.For[cart](t, cartEvents(with(all, "cart.rated", cartRated{})))
	carts.Given(cartRated{"***"}).Exhaustive()
	carts.Given(cartRated{"***"}, cartOpened{"me"}).Exhaustive()
}

// brittle cannot open what is open.
type brittle struct{ Open bool }

func (b brittle) Evolve(event cartEvent) brittle {
	if _, noticed := event.(cartNoticed); noticed && b.Open {
		panic("noticed")
	}
	b.Open = true
	return b
}

// odd is never equal to itself, once it is open.
type odd struct{ Opened func() }

func (o odd) Evolve(event cartEvent) odd {
	if _, opened := event.(cartOpened); opened {
		o.Opened = func() {}
	}
	return o
}

func TestExhaustiveFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		test func(t aggregatetest.TB)
		want []string
		ends bool
	}{
		"an event that was forgotten": {
			func(t aggregatetest.TB) {
				codec := cartEvents(with(all, "cart.noticed", cartNoticed{}))
				aggregatetest.For[cart](t, codec).Given().Exhaustive()
			},
			[]string{"Evolve does nothing with cart.noticed (aggregatetest_test.cartNoticed): add a case, or name it as " +
				"ignored. If there is a case, give a past in which it changes the state"},
			false,
		},
		"an event that is not ignored": {
			func(t aggregatetest.TB) {
				aggregatetest.For[cart](t, cartEvents(opened)).Given().Exhaustive(cartOpened{})
			},
			[]string{"cart.opened (aggregatetest_test.cartOpened) is named as ignored, but Evolve does something with it: " +
				"do not name it"},
			false,
		},
		"an event that cannot be made up": {
			func(t aggregatetest.TB) {
				codec := cartEvents(with(opened, "cart.rated", cartRated{}))
				aggregatetest.For[cart](t, codec).Given().Exhaustive()
			},
			[]string{"cart.rated (aggregatetest_test.cartRated): no event can be made up, give one: " +
				"aggregatetest_test.cartRated is encoded, but cannot be decoded: decode event \"cart.rated\" (schema " +
				"version 1, application/json) at version 1 of stream \"cart-test\", position 1: no stars"},
			false,
		},
		"states that cannot be compared": {
			func(t aggregatetest.TB) {
				codec := cartEvents(with(opened, "cart.noticed", cartNoticed{}))
				aggregatetest.For[odd](t, codec).Given().Exhaustive()
			},
			[]string{"whether Evolve knows cart.noticed (aggregatetest_test.cartNoticed) cannot be told, as the same events " +
				"make another state when they are folded again:\n    aggregatetest_test.cartOpened\n      Owner: \"a\""},
			false,
		},
		"a panic": {
			func(t aggregatetest.TB) {
				codec := cartEvents(with(opened, "cart.noticed", cartNoticed{}))
				aggregatetest.For[brittle](t, codec).Given(cartOpened{"me"}).Exhaustive()
			},
			[]string{
				"Evolve(aggregatetest_test.cartNoticed) panicked in aggregatetest_test.brittle.Evolve " +
					"(exhaustive_test.go:N): noticed, after:\n" +
					"    aggregatetest_test.cartOpened\n      Owner: \"me\"\n    aggregatetest_test.cartNoticed",
			},
			false,
		},
		"a panic on the given events": {
			func(t aggregatetest.TB) {
				codec := cartEvents(with(opened, "cart.noticed", cartNoticed{}))
				aggregatetest.For[brittle](t, codec).Given(cartOpened{"me"}, cartNoticed{}).Exhaustive()
			},
			[]string{"the given events: Evolve(aggregatetest_test.cartNoticed) panicked in " +
				"aggregatetest_test.brittle.Evolve (exhaustive_test.go:N): noticed"},
			true,
		},
		"an ignored event of another family": {
			func(t aggregatetest.TB) {
				aggregatetest.For[cart](t, cartEvents(opened)).Given().Exhaustive(cartNoticed{})
			},
			[]string{`event 0 of the test cannot be stored: encode event of category "cart": invalid argument: ` +
				`aggregatetest_test.cartNoticed is not in its codec`},
			true,
		},
		"a codec that does not tell": {
			func(t aggregatetest.TB) {
				aggregatetest.For[Order](t, renaming{Events}).Given().Exhaustive()
			},
			[]string{"the codec aggregatetest_test.renaming does not tell the types of its events: " +
				"it must implement eventstore.Described"},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			failures, ended := failuresIn(t, c.test)
			assert.Equal(t, c.ends, ended)
			for i := range failures {
				failures[i] = withoutLines(failures[i : i+1])
			}
			assert.Equal(t, c.want, failures)
		})
	}
}

// Types that need a state which more than two others lead to are found with a past.
type counter struct{ Steps []uuid.UUID }

func (c counter) Evolve(event cartEvent) counter {
	if _, locked := event.(cartLocked); locked == (len(c.Steps) >= 3) {
		c.Steps = append(slices.Clone(c.Steps), uuid.Nil)
	}
	return c
}

func TestExhaustiveStartsFromThePast(t *testing.T) {
	codec := cartEvents(map[string]cartEvent{"cart.opened": cartOpened{}, "cart.locked": cartLocked{}})
	failures, _ := failuresIn(t, func(t aggregatetest.TB) { aggregatetest.For[counter](t, codec).Given().Exhaustive() })
	assert.Len(t, failures, 1)
	past := []cartEvent{cartOpened{}, cartOpened{}, cartOpened{}}
	aggregatetest.For[counter](t, codec).Given(past...).Exhaustive()
}
