package eventstore_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func described(t *testing.T, codec any) eventstore.Described {
	t.Helper()
	require.Implements(t, (*eventstore.Described)(nil), codec)
	return codec.(eventstore.Described)
}

func TestCodecsTellTheirTypes(t *testing.T) {
	assert.Equal(t, []eventstore.EventType{
		{Name: "meal.paid", SchemaVersion: 1, ContentType: "application/json", Go: reflect.TypeFor[paid]()},
		{Name: "meal.served", SchemaVersion: 3, ContentType: "application/json", Go: reflect.TypeFor[served]()},
	}, described(t, meals).EventTypes())
	assert.Equal(t, []eventstore.EventType{
		{Name: "sensor.installed", SchemaVersion: 1, ContentType: "application/json", Go: reflect.TypeFor[installed]()},
		{Name: "sensor.measured", SchemaVersion: 1, ContentType: "application/x-measured", Go: reflect.TypeFor[measured]()},
		{Name: "sensor.moved", SchemaVersion: 1, ContentType: "application/octet-stream", Go: reflect.TypeFor[moved]()},
		{Name: "sensor.sealed", SchemaVersion: 1, ContentType: "application/json", Go: reflect.TypeFor[*sealed]()},
	}, described(t, sensors).EventTypes())
}

// A fingerprint that is another after an update of the library or of Go costs every user the snapshots.
func TestTheSchemaIsTheSameInEveryProcess(t *testing.T) {
	type everything struct {
		Next     *everything
		At       time.Time      `json:"at"`
		ID       uuid.UUID      `json:"id"`
		Lines    []everything   `json:"lines"`
		ByName   map[string]any `json:"by_name"`
		Raw      json.RawMessage
		hidden   int
		Callback func() `json:"-"`
		Error    error
	}
	_ = everything{}.hidden
	codec := eventstore.JSON("thing", map[string]any{"thing.happened": everything{}})
	assert.Equal(t, "42dc092a1418377caa7dd071bf9a95b7", described(t, codec).Schema())
}

func TestTheSchemaIsAnotherWhenEventsMeanSomethingElse(t *testing.T) {
	type (
		one     struct{ A int }
		renamed struct{ B int }
		retyped struct{ A int32 }
		tagged  struct {
			A int `json:"b"`
		}
		extended  struct{ A, B int }
		shortened struct{}
		deep      struct{ A []map[string]*one }
		deeper    struct{ A []map[string]*extended }
		array     struct{ A [2]int }
		longer    struct{ A [3]int }
	)
	edit := eventstore.EditFields("x", 1, func(*eventstore.Fields) {})
	convert := eventstore.Upcast("x", 1, func(eventstore.RecordedEvent) ([]eventstore.RecordedEvent, error) {
		return nil, nil
	})
	with := func(upcasters ...eventstore.Upcaster) *eventstore.CodecOptions {
		return &eventstore.CodecOptions{Upcasters: upcasters}
	}
	type types = map[string]any
	seen := make(map[string]string)
	for name, codec := range map[string]eventstore.Codec[any]{
		"one":              eventstore.JSON("c", types{"x": one{}}),
		"another category": eventstore.JSON("d", types{"x": one{}}),
		"another name":     eventstore.JSON("c", types{"y": one{}}),
		"one more":         eventstore.JSON("c", types{"x": one{}, "y": extended{}}),
		"exchanged":        eventstore.JSON("c", types{"y": one{}, "x": extended{}}),
		"renamed":          eventstore.JSON("c", types{"x": renamed{}}),
		"retyped":          eventstore.JSON("c", types{"x": retyped{}}),
		"tagged":           eventstore.JSON("c", types{"x": tagged{}}),
		"extended":         eventstore.JSON("c", types{"x": extended{}}),
		"shortened":        eventstore.JSON("c", types{"x": shortened{}}),
		"deep":             eventstore.JSON("c", types{"x": deep{}}),
		"deeper":           eventstore.JSON("c", types{"x": deeper{}}),
		"array":            eventstore.JSON("c", types{"x": array{}}),
		"longer":           eventstore.JSON("c", types{"x": longer{}}),
		"edited":           eventstore.NewCodec("c", types{"x": one{}}, with(edit)),
		"converted":        eventstore.NewCodec("c", types{"x": one{}}, with(convert)),
		"once renamed":     eventstore.NewCodec("c", types{"x": one{}}, with(eventstore.RenameType("w", 1, "x", 1))),
		"otherwise":        eventstore.NewCodec("c", types{"x": one{}}, with(eventstore.RenameType("v", 1, "x", 1))),
		"dropped":          eventstore.NewCodec("c", types{"x": one{}}, with(eventstore.DropType("w"))),
		"in a format": eventstore.NewCodec("c", types{"x": one{}}, &eventstore.CodecOptions{Format: eventstore.Format{
			ContentType: "application/x", Marshal: json.Marshal, Unmarshal: json.Unmarshal,
		}}),
	} {
		schema := described(t, codec).Schema()
		assert.Len(t, schema, 32)
		assert.NotContains(t, seen, schema, "%s is %s", name, seen[schema])
		seen[schema] = name
	}
	same := eventstore.NewCodec("c", types{"x": one{}}, &eventstore.CodecOptions{
		CompressAbove: 1, Reads: []eventstore.Format{spaced},
	})
	assert.Equal(t, "one", seen[described(t, same).Schema()])
}
