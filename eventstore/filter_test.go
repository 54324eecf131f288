package eventstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

func TestFilterMatches(t *testing.T) {
	categories := func(names ...string) eventstore.Filter { return eventstore.Filter{Categories: names} }
	for _, c := range []struct {
		filter              eventstore.Filter
		category, eventType string
		matches             bool
	}{
		{eventstore.Filter{}, "order", "order.placed", true},
		{eventstore.Filter{}, "$pm.checkout", "handled", false},
		{categories("order"), "order", "order.placed", true},
		{categories("order"), "Order", "order.placed", false},
		{categories("order"), "orders", "order.placed", false},
		{categories("payment", "order"), "order", "order.placed", true},
		{categories("$pm.checkout"), "$pm.checkout", "handled", true},
		{categories("$pm.checkout"), "$pm.other", "handled", false},
		{eventstore.Filter{Types: []string{"a", "b"}}, "order", "b", true},
		{eventstore.Filter{Types: []string{"a", "b"}}, "order", "c", false},
		{eventstore.Filter{Types: []string{"a"}}, "$pm.checkout", "a", false},
		{eventstore.Filter{Categories: []string{"order"}, Types: []string{"a"}}, "order", "a", true},
		{eventstore.Filter{Categories: []string{"order"}, Types: []string{"a"}}, "order", "b", false},
		{eventstore.Filter{Categories: []string{"order"}, Types: []string{"a"}}, "payment", "a", false},
	} {
		assert.Equal(t, c.matches, c.filter.Matches(c.category, c.eventType), "%+v, %s, %s",
			c.filter, c.category, c.eventType)
	}
}

func TestFilterValidate(t *testing.T) {
	assert.NoError(t, eventstore.Filter{}.Validate())
	assert.NoError(t, eventstore.Filter{Categories: []string{"$pm.x", "order"}, Types: []string{"a"}}.Validate())
	for says, filter := range map[string]eventstore.Filter{
		"filter: invalid argument: category is empty": {Categories: []string{"order", ""}},
		"has a '-'":       {Categories: []string{"a-b"}},
		"Type is empty":   {Types: []string{""}},
		"not valid UTF-8": {Types: []string{"\xff"}},
	} {
		assert.ErrorIs(t, filter.Validate(), eventstore.ErrInvalid)
		assert.ErrorContains(t, filter.Validate(), says)
	}
}

func TestReadOptionsValidate(t *testing.T) {
	assert.NoError(t, eventstore.ReadOptions{}.Validate())
	assert.NoError(t, eventstore.ReadOptions{From: 3, Backwards: true, Limit: 1}.Validate())
	assert.ErrorContains(t, eventstore.ReadOptions{From: -1}.Validate(), "From is -1")
	assert.ErrorContains(t, eventstore.ReadOptions{Limit: -1}.Validate(), "Limit is -1")
	assert.ErrorIs(t, eventstore.ReadOptions{Limit: -1}.Validate(), eventstore.ErrInvalid)
}
