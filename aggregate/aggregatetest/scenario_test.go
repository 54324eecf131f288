package aggregatetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/aggregate/aggregatetest"
	"github.com/pasttense/pasttense/eventstore"
)

var (
	addSocks   = AddItem{socks, "Socks"}
	addShorts  = AddItem{shorts, "Shorts"}
	hasSocks   = ItemAdded{socks, "Socks"}
	hasShorts  = ItemAdded{shorts, "Shorts"}
	checkout   = Checkout{Total: 5999}
	checkedOut = CheckedOut{Total: 5999}
)

func TestScenariosThatPass(t *testing.T) {
	orders := aggregatetest.For[Order](t, Events)

	orders.Given().When(addSocks).Then(hasSocks).ThenState(Order{Items: []string{"Socks"}})
	orders.Given(hasSocks).When(addSocks).Then()
	orders.Given(hasSocks, &hasShorts).When(checkout).Then(&checkedOut)
	orders.Given().When(addSocks, addShorts, checkout).Then(hasSocks, hasShorts, checkedOut)
	orders.Given().When(checkout).ThenError(ErrEmpty).ThenState(Order{})
	orders.Given(hasSocks).When().Then().ThenState(Order{Items: []string{"Socks"}})

	refused := orders.Given(hasSocks, checkedOut).When(addShorts)
	var because CheckedOutError
	require.ErrorAs(t, refused.Err(), &because)
	assert.Equal(t, []string{"Socks"}, because.Items)
	assert.True(t, refused.State().CheckedOut)

	assert.NoError(t, orders.Given().When(addSocks).Err())
}

// Each When folds the given events anew, so outcomes share no memory.
func TestAScenarioServesSeveralTests(t *testing.T) {
	scenario := aggregatetest.For[Order](t, Events).Given(hasSocks, hasShorts, ItemAdded{Name: "Shoes"})
	hat := scenario.When(AddItem{Name: "Hat"})
	scarf := scenario.When(AddItem{Name: "Scarf"})
	hat.ThenState(Order{Items: []string{"Socks", "Shorts", "Shoes", "Hat"}})
	scarf.ThenState(Order{Items: []string{"Socks", "Shorts", "Shoes", "Scarf"}})
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		test func(orders *aggregatetest.Aggregate[Order, Event])
		want string
	}{
		"another field": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given(hasSocks).When(checkout).Then(CheckedOut{Total: 1, Tags: []string{"gift"}})
			}, `
the commands recorded other events (- expected, + recorded):
      aggregatetest_test.CheckedOut
    -   Total: 1
    +   Total: 5999
        At: 0001-01-01T00:00:00Z
    -   Tags: []string
    -     "gift"
    +   Tags: []`,
		},
		"an event too many": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given().When(addSocks).Then()
			}, `
the commands recorded other events (- expected, + recorded):
    + aggregatetest_test.ItemAdded
    +   ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
    +   Name: "Socks"`,
		},
		"an event too few": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given(hasSocks).When(addSocks).Then(hasSocks)
			}, `
the commands recorded other events (- expected, + recorded):
    - aggregatetest_test.ItemAdded
    -   ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
    -   Name: "Socks"`,
		},
		"a difference that fields do not show": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given(hasSocks).When(checkout).Then(CheckedOut{Total: 5999, Tags: []string{}})
			}, `
the commands recorded other events (- expected, + recorded):
    - order.checked-out (schema version 1, application/json) "{\"total\":5999,\"at\":\"0001-01-01T00:00:00Z\",\"tags\":[]}"
    + order.checked-out (schema version 1, application/json) "{\"total\":5999,\"at\":\"0001-01-01T00:00:00Z\",\"tags\":null}"`,
		},
		"refused": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given().When(checkout).Then(checkedOut)
			}, `
expected 1 event, but aggregatetest_test.Checkout refused: the order is empty`,
		},
		"not refused": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given().When(addSocks).ThenError(ErrEmpty)
			}, `
expected the error "the order is empty", but the commands recorded 1 event:
    aggregatetest_test.ItemAdded
      ItemID: 36176af9-a04f-40f3-805e-7fb9487f91d0
      Name: "Socks"`,
		},
		"refused for another reason": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given().When(checkout).ThenError(ErrOther)
			}, `
expected the error "another error", but aggregatetest_test.Checkout refused: the order is empty`,
		},
		"another state": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given(hasSocks, checkedOut).When().ThenState(Order{Items: []string{"Shorts"}, CheckedOut: true})
			}, `
the state is another (- expected, + actual):
      aggregatetest_test.Order
        Items: []string
    -     "Shorts"
    +     "Socks"
        CheckedOut: true
    -   note: ""
    +   note: "done"`,
		},
		"a state that looks the same": {
			func(orders *aggregatetest.Aggregate[Order, Event]) {
				orders.Given().When().ThenState(Order{Items: []string{}})
			}, `
the state is another (- expected, + actual):
    - aggregatetest_test.Order{Items:[]string{}, CheckedOut:false, note:""}
    + aggregatetest_test.Order{Items:[]string(nil), CheckedOut:false, note:""}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			failures, ended := failuresOf(t, c.test)
			assert.False(t, ended)
			assert.Equal(t, strings.TrimPrefix(c.want, "\n"), strings.Join(failures, "\n"))
		})
	}
}

type foreign struct{}

func (foreign) order() {}

func TestEventsThatCannotBeStoredEndTheTest(t *testing.T) {
	lost := `
aggregatetest_test.Lossy is another when it is read back (- event, + read back); ` +
		`is a field not exported, or has it no stored form?
      aggregatetest_test.Lossy
        Kept: 1
    -   lost: 2
    +   lost: 0`
	for name, c := range map[string]struct {
		test func(orders *aggregatetest.Aggregate[Order, Event])
		want string
	}{
		"given": {
			func(orders *aggregatetest.Aggregate[Order, Event]) { orders.Given(hasSocks, Lossy{1, 2}) },
			"event 1 of the test cannot be stored: " + lost[1:],
		},
		"decided": {
			func(orders *aggregatetest.Aggregate[Order, Event]) { orders.Given().When(Decides{Lossy{1, 2}}) },
			`the scenario cannot be played: execute on stream "order-test": aggregatetest_test.Decides: event 0: ` +
				lost[1:],
		},
		"expected": {
			func(orders *aggregatetest.Aggregate[Order, Event]) { orders.Given().When(addSocks).Then(Lossy{1, 2}) },
			"event 0 of the test cannot be stored: " + lost[1:],
		},
		"foreign": {
			func(orders *aggregatetest.Aggregate[Order, Event]) { orders.Given(foreign{}) },
			`event 0 of the test cannot be stored: encode event of category "order": invalid argument: ` +
				`aggregatetest_test.foreign is not in its codec`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			failures, ended := failuresOf(t, c.test)
			assert.True(t, ended)
			assert.Equal(t, []string{c.want}, failures)
		})
	}
}

// Times come back from JSON without monotonic reading and without the name of their zone, which is no loss.
func TestTimesSurvive(t *testing.T) {
	orders := aggregatetest.For[Order](t, Events)
	for _, at := range []time.Time{
		time.Now(),
		time.Now().UTC(),
		time.Date(2025, 1, 1, 12, 0, 0, 1, time.FixedZone("CET", 3600)),
	} {
		orders.Given(hasSocks).When(Checkout{At: at}).Then(CheckedOut{At: at})
	}
}

// renaming is a codec to which an old event means two others. It leaves the defaults to the store.
type renaming struct{ eventstore.Codec[Event] }

func (c renaming) Encode(event Event) (eventstore.EventData, error) {
	data, err := c.Codec.Encode(event)
	return eventstore.EventData{Type: data.Type, Data: data.Data}, err
}

func (c renaming) Decode(recorded eventstore.RecordedEvent) ([]Event, error) {
	events, err := c.Codec.Decode(recorded)
	if _, old := events[0].(Lossy); old {
		return []Event{hasSocks, hasShorts}, err
	}
	return events, err
}

func TestAnOldEventMayMeanOthers(t *testing.T) {
	orders := aggregatetest.For[Order](t, renaming{Events})
	orders.Given(Lossy{1, 2}).When(addSocks).Then().ThenState(Order{Items: []string{"Socks", "Shorts"}})
}

type parcelEvent interface{ parcel() }

// sent is of its family by pointer only, as generated messages are.
type sent struct {
	To   string
	lost bool
}

func (*sent) parcel() {}

type parcel struct{ To []string }

func (p parcel) Evolve(event parcelEvent) parcel {
	p.To = append(p.To, event.(*sent).To)
	return p
}

func TestEventsMayBePointers(t *testing.T) {
	codec := eventstore.JSON("parcel", map[string]parcelEvent{"parcel.sent": &sent{}})
	aggregatetest.For[parcel](t, codec).Given(&sent{To: "me"}).When().ThenState(parcel{To: []string{"me"}})
	aggregatetest.For[parcel](t, codec).Given().Exhaustive()

	failures, ended := failuresIn(t, func(t aggregatetest.TB) {
		aggregatetest.For[parcel](t, codec).Given(&sent{To: "me", lost: true})
	})
	assert.True(t, ended)
	assert.Contains(t, strings.Join(failures, "\n"), "*aggregatetest_test.sent is another when it is read back")
}
