package eventstore_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestStreamNames(t *testing.T) {
	for s, id := range map[string]eventstore.StreamID{
		"order-42":     {Category: "order", Key: "42"},
		"order-4-2":    {Category: "order", Key: "4-2"},
		"order--":      {Category: "order", Key: "-"},
		"$pm.x-1":      {Category: "$pm.x", Key: "1"},
		"Ω- \n\t":      {Category: "Ω", Key: " \n\t"},
		"a b-\u202e/%": {Category: "a b", Key: "\u202e/%"},
	} {
		require.NoError(t, id.Validate())
		assert.Equal(t, s, id.String())
		parsed, err := eventstore.ParseStreamID(s)
		require.NoError(t, err)
		assert.Equal(t, id, parsed)
	}
}

func TestNamesThatNoStreamHas(t *testing.T) {
	for s, says := range map[string]string{
		"":           "has no '-'",
		"order":      "has no '-'",
		"-42":        "category is empty",
		"order-":     "key is empty",
		"or\x00-42":  "contains NUL",
		"order-\x00": "contains NUL",
		"or\xff-42":  "not valid UTF-8",
		"order-\xff": "not valid UTF-8",
	} {
		_, err := eventstore.ParseStreamID(s)
		assert.ErrorIs(t, err, eventstore.ErrInvalid, "%q", s)
		assert.ErrorContains(t, err, says)
	}
	err := eventstore.StreamID{Category: "or-der", Key: "42"}.Validate()
	assert.ErrorIs(t, err, eventstore.ErrInvalid)
	assert.ErrorContains(t, err, `category "or-der" has a '-'`)
}

func TestStreamNamesHaveALimit(t *testing.T) {
	atLimit := eventstore.StreamID{Category: "c", Key: strings.Repeat("k", eventstore.MaxStreamIDBytes-1)}
	require.NoError(t, atLimit.Validate())
	beyond := atLimit
	beyond.Key += "k"
	assert.ErrorIs(t, beyond.Validate(), eventstore.ErrInvalid)
	assert.ErrorContains(t, beyond.Validate(), "1025 bytes together, the limit is 1024")

	// The limit counts bytes, and leaves room for a key.
	assert.NoError(t, eventstore.ValidateCategory(strings.Repeat("c", eventstore.MaxStreamIDBytes-1)))
	for _, category := range []string{
		strings.Repeat("c", eventstore.MaxStreamIDBytes),
		strings.Repeat("Ω", eventstore.MaxStreamIDBytes/2),
	} {
		assert.ErrorIs(t, eventstore.ValidateCategory(category), eventstore.ErrInvalid)
	}
}

func TestSystemCategories(t *testing.T) {
	assert.True(t, eventstore.IsSystemCategory("$pm.checkout"))
	assert.True(t, eventstore.IsSystemCategory("$"))
	assert.False(t, eventstore.IsSystemCategory("order$"))
	assert.False(t, eventstore.IsSystemCategory(""))
}
