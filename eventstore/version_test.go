package eventstore_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

func TestExpectedVersion(t *testing.T) {
	for _, c := range []struct {
		expected eventstore.ExpectedVersion
		allows   []eventstore.Version
		refuses  []eventstore.Version
		exact    bool
		says     string
	}{
		{eventstore.NoStream, []eventstore.Version{0}, []eventstore.Version{1, -1}, true, "no stream"},
		{eventstore.Exactly(0), []eventstore.Version{0}, []eventstore.Version{1, -1}, true, "no stream"},
		{eventstore.Exactly(3), []eventstore.Version{3}, []eventstore.Version{0, 2, 4, -1}, true, "version 3"},
		{
			eventstore.Exactly(math.MaxInt64),
			[]eventstore.Version{math.MaxInt64},
			[]eventstore.Version{0},
			true,
			"version 9223372036854775807",
		},
		{eventstore.StreamExists, []eventstore.Version{1, 9}, []eventstore.Version{0, -1}, false, "an existing stream"},
		{eventstore.AnyVersion, []eventstore.Version{0, 1, 9}, nil, false, "any version"},
		{eventstore.Exactly(-1), nil, []eventstore.Version{-2, -1, 0, 1}, false, "an invalid version"},
		{eventstore.Exactly(-2), nil, []eventstore.Version{-2, -1, 0, 1}, false, "an invalid version"},
	} {
		for _, version := range c.allows {
			assert.True(t, c.expected.Allows(version), "%s, %d", c.expected, version)
		}
		for _, version := range c.refuses {
			assert.False(t, c.expected.Allows(version), "%s, %d", c.expected, version)
		}
		version, exact := c.expected.Exact()
		assert.Equal(t, c.exact, exact, "%s", c.expected)
		if exact {
			assert.Equal(t, c.allows[0], version)
		}
		assert.Equal(t, c.says, c.expected.String())
	}
}

func TestConflictErrorSaysWhereTheStreamIs(t *testing.T) {
	conflict := &eventstore.ConflictError{
		Stream: eventstore.StreamID{Category: "order", Key: "42"}, Expected: eventstore.Exactly(3), Actual: 5,
	}
	assert.EqualError(t, conflict, `conflict on stream "order-42": expected version 3, but it is at version 5`)
	conflict.Actual = eventstore.VersionUnknown
	assert.EqualError(t, conflict, `conflict on stream "order-42": expected version 3, but another append was first`)
}
