package shape_test

import (
	"encoding/json"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/aggregate/internal/shape"
)

type (
	address struct {
		Street string `json:"street,omitempty"`
		Lines  []string
	}
	tree struct {
		Left, Right *tree
		Value       int
	}
	color    int
	embedded struct{ Number int }
	whole    struct {
		embedded

		ID       uuid.UUID
		At       time.Time
		Amount   *big.Int
		Where    map[string]address
		ByNumber map[uint8]bool
		ByColor  map[color]string
		ByID     map[uuid.UUID]int
		Raw      json.RawMessage
		Tree     *tree
		Network  netip.Prefix
		Own      ownMethods
	}
	ownMethods struct{ secret int }
	onlyWrites struct{ Value int }
	marked     struct {
		Value int `json:"-"`
	}
	hidden struct {
		Items []struct{ price int }
	}
	pointedTo struct{ *embedded }
	lists     struct{ Parts [2]any }
	calls     struct{ Do map[string]func() }
	waits     struct{ On chan int }
	imaginary struct{ Number complex64 }
	odd       struct{ By map[struct{ A int }]int }
	half      struct{ Value onlyWrites }
	floats    struct{ By map[float64]int }
)

func (color) String() string { return "color" }

func (o ownMethods) MarshalText() ([]byte, error)  { return []byte{byte('0' + o.secret)}, nil }
func (o *ownMethods) UnmarshalText(b []byte) error { o.secret = int(b[0] - '0'); return nil }

func (onlyWrites) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

func TestKeptByJSON(t *testing.T) {
	for _, kept := range []any{whole{}, tree{}, address{}, ownMethods{}, 1, "", map[string][]int{}} {
		assert.NoError(t, shape.KeptByJSON(reflect.TypeOf(kept)))
	}
	for says, state := range map[string]any{
		`marked.Value is left out of JSON by its tag "-"`:                                                marked{},
		"hidden.Items[].price is not exported, so JSON leaves it out":                                    hidden{},
		"pointedTo.embedded is not exported, so JSON leaves it out":                                      pointedTo{},
		"lists.Parts[] is of the interface type interface {}, of which JSON does not keep what is in it": lists{},
		"calls.Do[] is a func, which JSON cannot keep":                                                   calls{},
		"waits.On is a chan, which JSON cannot keep":                                                     waits{},
		"imaginary.Number is a complex64, which JSON cannot keep":                                        imaginary{},
		"odd.By has keys of type struct { A int }, which JSON cannot keep":                               odd{},
		"floats.By has keys of type float64, which JSON cannot keep":                                     floats{},
		"half.Value is of type shape_test.onlyWrites, which has MarshalJSON but not UnmarshalJSON":       half{},
	} {
		assert.EqualError(t, shape.KeptByJSON(reflect.TypeOf(state)), says)
	}
}

func TestWhatIsKeptByJSONComesBack(t *testing.T) {
	original := whole{
		embedded: embedded{4}, ID: uuid.Max, At: time.Now(), Amount: big.NewInt(1 << 40),
		Where: map[string]address{"home": {"Main Street", nil}}, ByNumber: map[uint8]bool{3: true},
		ByColor: map[color]string{1: "red"}, ByID: map[uuid.UUID]int{uuid.Max: 1}, Raw: json.RawMessage(`{"a":1}`),
		Tree: &tree{Left: &tree{Value: 3}}, Network: netip.MustParsePrefix("10.0.0.0/8"), Own: ownMethods{7},
	}
	var copied whole
	data, err := json.Marshal(&original)
	assert.NoError(t, err)
	assert.NoError(t, json.Unmarshal(data, &copied))
	path, differs := shape.Difference(original, copied)
	assert.False(t, differs, path)
}

func TestDifference(t *testing.T) {
	now := time.Now()
	loop, same := &tree{Value: 1}, &tree{Value: 1}
	loop.Left, same.Left = loop, same
	other := &tree{Value: 1}
	other.Left = &tree{Value: 1, Left: &tree{Value: 2}}
	one, two := &tree{Value: 1}, &tree{Value: 1}
	none, other0 := &struct{}{}, struct{}{}
	names, empty := map[string]int{"a": 1}, map[string]int{}
	shared := func(values ...any) []any { return values }
	type bag struct {
		Items []int
		Names map[string]int
		Any   any
		Do    func()
		Tree  *tree
		At    time.Time
		Float float64
		own   int
	}
	for name, c := range map[string]struct {
		original, copied bag
		path             string
	}{
		"nil and empty slice":            {bag{Items: []int{}}, bag{}, ""},
		"empty and nil slice":            {bag{}, bag{Items: []int{}}, ""},
		"nil map that comes back empty":  {bag{}, bag{Names: map[string]int{}}, ""},
		"empty map that comes back nil":  {bag{Names: map[string]int{}}, bag{}, "bag.Names"},
		"elements":                       {bag{Items: []int{1, 2}}, bag{Items: []int{1, 3}}, "bag.Items[1]"},
		"lengths":                        {bag{Items: []int{1, 2}}, bag{Items: []int{1}}, "bag.Items"},
		"entries":                        {bag{Names: map[string]int{"a": 1}}, bag{Names: map[string]int{"a": 2}}, "bag.Names[a]"},
		"keys":                           {bag{Names: map[string]int{"a": 1}}, bag{Names: map[string]int{"b": 1}}, "bag.Names"},
		"types in interfaces":            {bag{Any: 1}, bag{Any: 1.0}, "bag.Any"},
		"values in interfaces":           {bag{Any: 1}, bag{Any: 2}, "bag.Any"},
		"the same in interfaces":         {bag{Any: []int{1}}, bag{Any: []int{1}}, ""},
		"nil in interfaces":              {bag{Any: 1}, bag{}, "bag.Any"},
		"functions":                      {bag{Do: func() {}}, bag{}, "bag.Do"},
		"values that contain themselves": {bag{Tree: loop}, bag{Tree: same}, ""},
		"pointers":                       {bag{Tree: loop}, bag{Tree: other}, "bag.Tree.Left"},
		"nil pointers":                   {bag{Tree: loop}, bag{}, "bag.Tree"},
		"pointers to one thing":          {bag{Any: shared(one, one)}, bag{Any: shared(two, &tree{Value: 1})}, "bag.Any[1]"},
		"pointers to one thing again":    {bag{Any: shared(one, one)}, bag{Any: shared(two, two)}, ""},
		"pointers to two things":         {bag{Any: shared(one, two)}, bag{Any: shared(two, one)}, ""},
		"pointers to nothing":            {bag{Any: shared(none, none)}, bag{Any: shared(none, &other0)}, ""},
		"one map twice": {
			bag{Any: shared(names, names)}, bag{Any: shared(names, map[string]int{"a": 1})}, "bag.Any[1]",
		},
		"one empty map twice": {
			bag{Any: shared(empty, empty)}, bag{Any: shared(empty, map[string]int{})}, "bag.Any[1]",
		},
		"instants":                     {bag{At: now}, bag{At: now.UTC().Round(0)}, ""},
		"times":                        {bag{At: now}, bag{At: now.Add(1)}, "bag.At"},
		"not a number":                 {bag{Float: math.NaN()}, bag{Float: math.NaN()}, ""},
		"numbers":                      {bag{Float: 1}, bag{Float: 2}, "bag.Float"},
		"fields that are not exported": {bag{own: 1}, bag{own: 2}, "bag.own"},
	} {
		path, differs := shape.Difference(c.original, c.copied)
		assert.Equal(t, c.path != "", differs, name)
		if differs {
			assert.Equal(t, c.path, path, name)
		}
	}
}

func TestFingerprints(t *testing.T) {
	seen := make(map[string]reflect.Type)
	for _, state := range []any{
		tree{},
		whole{},
		address{},
		marked{},
		embedded{},
		pointedTo{},
		1, color(1),
		[]int{},
		[1]int{},
		[2]int{},
		map[int]string{},
		map[string]int{},
		struct{ A int }{},
		struct{ A int8 }{},
		struct{ B int }{},
		struct{ A, B int }{},
		struct{ B, A int }{},
		struct{ A []struct{ B int } }{},
		struct{ A []struct{ C int } }{},
		struct {
			A int `json:"a"`
		}{},
	} {
		goType := reflect.TypeOf(state)
		fingerprint := shape.Fingerprint(goType)
		assert.Equal(t, fingerprint, shape.Fingerprint(goType))
		assert.Nil(t, seen[fingerprint], "%v", goType)
		seen[fingerprint] = goType
	}
	assert.NotEqual(t, shape.Digest("a", "b"), shape.Digest("ab"))
	assert.NotEqual(t, shape.Digest("a", "b"), shape.Digest("b", "a"))
}
