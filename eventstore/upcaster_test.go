package eventstore_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

// The events of meals have come a long way: see their upcasters.
type mealEvent interface{ meal() }

type (
	served struct {
		Dish  string `json:"dish"`
		Guest string `json:"guest"`
		Price struct {
			Cents    int    `json:"cents"`
			Currency string `json:"currency"`
		} `json:"price"`
	}
	paid struct {
		Cents int `json:"cents"`
	}
)

func (served) meal() {}
func (paid) meal()   {}

var (
	mealTypes = map[string]mealEvent{"meal.served": served{}, "meal.paid": paid{}}

	mealUpcasters = []eventstore.Upcaster{
		eventstore.EditFields("meal.served", 1, func(f *eventstore.Fields) { f.Rename("name", "dish") }),
		eventstore.EditFields("meal.served", 2, func(f *eventstore.Fields) {
			f.Move("cents", f.In("price"), "cents")
			f.In("price").Default("currency", "EUR")
		}),
		eventstore.RenameType("dinner.served", 1, "meal.served", 1),
		eventstore.EditFields("meal.shared", 1, func(f *eventstore.Fields) { f.Rename("who", "guests") }),
		eventstore.Upcast("meal.shared", 2, oneForEachGuest),
		eventstore.DropType("meal.photographed"),
	}

	meals = eventstore.NewCodec("meal", mealTypes, &eventstore.CodecOptions{Upcasters: mealUpcasters})
)

// oneForEachGuest makes of a shared meal one for each guest, as meals once were.
func oneForEachGuest(event eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
	var shared struct {
		Name   string
		Guests []string
	}
	if err := json.Unmarshal(event.Data, &shared); err != nil {
		return nil, err
	}
	var events []eventstore.RecordedEvent
	for _, guest := range shared.Guests {
		data, err := json.Marshal(map[string]string{"name": shared.Name, "guest": guest})
		if err != nil {
			return nil, err
		}
		event.Type, event.SchemaVersion, event.Data = "dinner.served", 1, data
		events = append(events, event)
	}
	return events, nil
}

func soup(guest string, cents int, currency string) served {
	event := served{Dish: "Soup", Guest: guest}
	event.Price.Cents, event.Price.Currency = cents, currency
	return event
}

func TestOldEventsAreUpcast(t *testing.T) {
	for name, c := range map[string]struct {
		eventType string
		version   int
		data      string
		want      []mealEvent
	}{
		"two edits": {"meal.served", 1, `{"name":"Soup","cents":450}`, []mealEvent{soup("", 450, "EUR")}},
		"one edit":  {"meal.served", 2, `{"dish":"Soup","cents":450}`, []mealEvent{soup("", 450, "EUR")}},
		"none": {
			"meal.served", 3, `{"dish":"Soup","price":{"cents":450,"currency":"CHF"}}`, []mealEvent{soup("", 450, "CHF")},
		},
		"a new name": {"dinner.served", 1, `{"name":"Soup"}`, []mealEvent{soup("", 0, "EUR")}},
		"several": {
			"meal.shared", 1, `{"name":"Soup","who":["Ann","Bob"]}`, []mealEvent{soup("Ann", 0, "EUR"), soup("Bob", 0, "EUR")},
		},
		"several of which one": {"meal.shared", 2, `{"name":"Soup","guests":["Ann"]}`, []mealEvent{soup("Ann", 0, "EUR")}},
		"several, but none":    {"meal.shared", 2, `{"name":"Soup"}`, nil},
		"dropped":              {"meal.photographed", 7, `no JSON`, nil},
		"without upcasters":    {"meal.paid", 1, `{"cents":450}`, []mealEvent{paid{450}}},
	} {
		t.Run(name, func(t *testing.T) {
			data := []byte(c.data)
			events, err := meals.Decode(stored(eventstore.EventData{
				Type: c.eventType, SchemaVersion: c.version, ContentType: eventstore.ContentTypeJSON, Data: data,
			}))
			require.NoError(t, err)
			assert.Equal(t, c.want, events)
			assert.Equal(t, c.data, string(data), "stored data is not changed")
		})
	}
}

func TestTodaysEventsAreOfTodaysSchemaVersion(t *testing.T) {
	for event, want := range map[mealEvent]int{soup("Ann", 450, "EUR"): 3, paid{450}: 1} {
		data, err := meals.Encode(event)
		require.NoError(t, err)
		assert.Equal(t, want, data.SchemaVersion)
		events, err := meals.Decode(stored(data))
		require.NoError(t, err)
		assert.Equal(t, []mealEvent{event}, events)
	}
}

func TestANewerEventSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		eventType string
		version   int
		says      string
	}{
		"with upcasters":    {"meal.served", 4, `"meal.served" is of schema version 4, this program knows up to 3`},
		"without":           {"meal.paid", 2, `"meal.paid" is of schema version 2, this program knows up to 1`},
		"renamed":           {"dinner.served", 2, `"dinner.served" is of schema version 2, this program knows up to 1`},
		"split":             {"meal.shared", 3, `"meal.shared" is of schema version 3, this program knows up to 2`},
		"no schema version": {"meal.served", 0, `"meal.served" is of schema version 0`},
		"negative":          {"meal.paid", -1, `"meal.paid" is of schema version -1`},
		"unknown":           {"meal.cooked", 1, `to category "meal": "meal.cooked"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := meals.Decode(stored(eventstore.EventData{
				Type: c.eventType, SchemaVersion: c.version, ContentType: eventstore.ContentTypeJSON, Data: []byte(`{}`),
			}))
			require.ErrorIs(t, err, eventstore.ErrUnknownType)
			assert.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, `stream "fruit-7", position 41`)
		})
	}
}

// upcast decodes an event of type meal.odd by an upcaster.
func upcast(convert func(eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error)) ([]mealEvent, error) {
	codec := eventstore.NewCodec("meal", mealTypes, &eventstore.CodecOptions{
		Upcasters: append([]eventstore.Upcaster{
			eventstore.EditFields("meal.odd", 1, func(f *eventstore.Fields) { f.Set("edited", true) }),
			eventstore.Upcast("meal.odd", 2, convert),
		}, mealUpcasters...),
	})
	return codec.Decode(stored(eventstore.EventData{
		Type: "meal.odd", SchemaVersion: 1, ContentType: eventstore.ContentTypeJSON, Data: []byte(`{"name":"Soup"}`),
	}))
}

func TestWhatAnUpcasterIsGivenAndWhatCountsOfWhatItReturns(t *testing.T) {
	var calls []eventstore.RecordedEvent
	events, err := upcast(func(event eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
		calls = append(calls, event)
		return []eventstore.RecordedEvent{
			{Type: "dinner.served", SchemaVersion: 1, ContentType: event.ContentType, Data: event.Data},
			{Type: "meal.photographed", Data: []byte(`no JSON`)},
			{Type: "meal.paid", SchemaVersion: 1, ContentType: event.ContentType, Data: []byte(`{"cents":3}`), Version: 99},
		}, nil
	})
	require.NoError(t, err)
	assert.Equal(t, []mealEvent{soup("", 0, "EUR"), paid{3}}, events)
	assert.Equal(t, []eventstore.RecordedEvent{stored(eventstore.EventData{
		Type: "meal.odd", SchemaVersion: 2, ContentType: eventstore.ContentTypeJSON,
		Data: []byte(`{"name":"Soup","edited":true}`),
	})}, calls)
}

func TestAnUpcasterThatFails(t *testing.T) {
	type event = eventstore.RecordedEvent
	for name, c := range map[string]struct {
		convert func(event) ([]event, error)
		says    string
		unknown bool
	}{
		"with an error": {func(event) ([]event, error) {
			return nil, assert.AnError
		}, `Upcast("meal.odd", 2): ` + assert.AnError.Error(), false},
		"in itself": {func(e event) ([]event, error) { return []event{e}, nil }, "round in a circle", false},
		"in a circle": {func(e event) ([]event, error) {
			e.SchemaVersion = 1
			return []event{e, e, e}, nil
		}, "round in a circle", false},
		"with an unknown type": {func(e event) ([]event, error) {
			e.Type = "meal.cooked"
			return []event{e}, nil
		}, `to category "meal": "meal.cooked"`, true},
		"with a newer version": {func(e event) ([]event, error) {
			e.SchemaVersion = 3
			return []event{e}, nil
		}, `"meal.odd" is of schema version 3, this program knows up to 2`, true},
		"with no schema version": {func(event) ([]event, error) {
			return []event{{Type: "meal.paid"}}, nil
		}, "schema version 0", true},
		"with no content type": {func(event) ([]event, error) {
			return []event{{Type: "meal.paid", SchemaVersion: 1}}, nil
		}, `reads no data of content type ""`, true},
		"with what cannot be edited": {func(e event) ([]event, error) {
			e.Type, e.SchemaVersion, e.ContentType = "meal.served", 1, "text/plain"
			return []event{e}, nil
		}, `EditFields("meal.served", 1): text/plain has no fields that can be edited`, false},
		"with what cannot be decoded": {func(e event) ([]event, error) {
			e.Type, e.SchemaVersion, e.Data = "meal.paid", 1, []byte(`{"cents":""}`)
			return []event{e}, nil
		}, `as "meal.paid" of schema version 1: json: cannot unmarshal`, false},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := upcast(c.convert)
			assert.Empty(t, events)
			assert.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, `decode event "meal.odd" (schema version 1, application/json) at version 3 of stream`)
			assert.Equal(t, c.unknown, err != nil && strings.Contains(err.Error(), eventstore.ErrUnknownType.Error()))
		})
	}
}

func TestUpcastersThatContradictEachOther(t *testing.T) {
	nothing := func(*eventstore.Fields) {}
	same := func(e eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
		return []eventstore.RecordedEvent{e}, nil
	}
	edit := func(version int) eventstore.Upcaster { return eventstore.EditFields("meal.paid", version, nothing) }
	rename := eventstore.RenameType
	type list = []eventstore.Upcaster
	for says, upcasters := range map[string]list{
		"was not made by a function":                            {{}},
		"has no function":                                       {eventstore.EditFields("meal.paid", 1, nil)},
		`Upcast("meal.paid", 1) has no function`:                {eventstore.Upcast("meal.paid", 1, nil)},
		"Type is empty":                                         {eventstore.DropType("")},
		"not valid UTF-8":                                       {eventstore.Upcast("\xff", 1, same)},
		"is for schema version 0, the range is 1 to 32766":      {edit(0)},
		"is for schema version 32767":                           {edit(32767)},
		`EditFields("meal.paid", 1): there is another upcaster`: {edit(1), edit(1)},
		`EditFields("meal.paid", 2): there is no upcaster for schema version 1`: {edit(2)},
		`EditFields("meal.paid", 3): there is no upcaster for schema version 2`: {edit(3), edit(1)},
		`DropType("meal.paid"): the type is one of the family`:                  {eventstore.DropType("meal.paid")},
		`RenameType("a", 1): the type is dropped`:                               {rename("a", 1, "meal.paid", 1), eventstore.DropType("a")},
		`DropType("a"): the type is dropped by another`:                         {eventstore.DropType("a"), eventstore.DropType("a")},
		`RenameType("a", 1): there is no type "b"`:                              {rename("a", 1, "b", 1)},
		`nothing is known of schema version 2 of type "meal.paid"`:              {rename("a", 1, "meal.paid", 2)},
		`nothing is known of schema version 0 of type "meal.paid"`:              {rename("a", 1, "meal.paid", 0)},
		`EditFields("a", 1): nothing is known of schema version 2 of type "a"`:  {eventstore.EditFields("a", 1, nothing)},
		`RenameType("a", 1): upcasters lead round in a circle`:                  {rename("a", 1, "b", 1), rename("b", 1, "a", 1)},
		`RenameType("meal.paid", 1): upcasters lead round in a circle`:          {rename("meal.paid", 1, "meal.paid", 1)},
		`RenameType("a", 2): there is no upcaster for schema version 1`:         {rename("a", 2, "meal.paid", 1)},
		"the limit is 256": {eventstore.DropType(strings.Repeat("a", 257))},
		`category "meal": invalid argument: EditFields("meal.paid", 2)`: {edit(2)},
	} {
		t.Run(says, func(t *testing.T) {
			defer func() {
				message, _ := recover().(string)
				assert.True(t, strings.HasPrefix(message, "eventstore.NewCodec: "), message)
				assert.Contains(t, message, says)
			}()
			eventstore.NewCodec("meal", mealTypes, &eventstore.CodecOptions{Upcasters: upcasters})
		})
	}
	assert.NotPanics(t, func() {
		eventstore.NewCodec("meal", mealTypes, &eventstore.CodecOptions{Upcasters: list{
			edit(3), edit(1), edit(2), // in whatever order
			rename("a", 1, "b", 1), eventstore.DropType("b"),
			eventstore.EditFields("c", 1, nothing), eventstore.Upcast("c", 2, same),
			rename("d", 1, "meal.paid", 4), rename("meal.served", 1, "meal.paid", 2),
		}})
	})
}
