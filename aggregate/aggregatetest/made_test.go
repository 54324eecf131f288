package aggregatetest

import (
	"encoding/json"
	"errors"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type amount int64

type embedded struct{ Embedded string }

type stamp struct{ text string }

func (s *stamp) UnmarshalBinary(data []byte) error {
	if string(data) != "de" {
		return errors.New("not this one")
	}
	s.text = string(data)
	return nil
}

type choosy struct{ Value int }

func (*choosy) UnmarshalText([]byte) error { panic("never") }

type list struct {
	Value int
	Next  *list
}

type everything struct {
	embedded
	Bool    bool
	Amount  amount
	Small   uint8
	Float   float32
	Text    string
	Number  json.Number
	Raw     json.RawMessage
	At      time.Time
	Until   *time.Time
	Took    time.Duration
	ID      uuid.UUID
	Array   [2]int
	Big     *big.Int
	Address netip.Addr
	Page    *url.URL
	Stamp   stamp
	Choosy  choosy
	Names   []string
	Prices  map[uuid.UUID]amount
	Any     any
	Func    func()
	Channel chan int
	Complex complex128
	List    list
	hidden  hidden
	text    string
}

type hidden struct{ Text string }

func TestMadeValues(t *testing.T) {
	at := time.Date(2001, time.February, 3, 4, 5, 6, 0, time.UTC)
	id := uuid.MustParse("00000000-0000-4000-8000-000000000001")
	value, some := made(reflect.TypeFor[everything](), unaltered)
	require.True(t, some)
	got := value.Interface().(everything)
	assert.LessOrEqual(t, got.List.depth(), maxNesting)
	got.List = list{}
	assert.Empty(t, got.hidden.Text+got.text)
	assert.Equal(t, everything{
		embedded: embedded{"a"}, Bool: true, Amount: 1, Small: 1, Float: 1.5, Text: "a", Number: "1",
		Raw: json.RawMessage("1"), At: at, Until: &at, Took: 1, ID: id, Array: [2]int{1, 1}, Big: big.NewInt(1),
		Address: netip.MustParseAddr("192.0.2.1"), Page: &url.URL{Path: "1"}, Stamp: stamp{"de"}, Choosy: choosy{1},
		Names: []string{"a"}, Prices: map[uuid.UUID]amount{id: 1},
	}, got)
}

func (l list) depth() int {
	if l.Next == nil {
		return 1
	}
	return 1 + l.Next.depth()
}

// Each alteration differs from the usual value in one part.
func TestAlteredValues(t *testing.T) {
	type small struct {
		ID   uuid.UUID
		Key  [4]byte
		Text []string
		On   bool
		Sub  struct{ At time.Time }
	}
	usual, _ := made(reflect.TypeFor[small](), unaltered)
	want := usual.Interface().(small)
	alter := []func(*small){
		func(s *small) { s.ID = uuid.MustParse("00000000-0000-4000-8000-000000000002") },
		func(s *small) { s.Key[3] = 2 },
		func(s *small) { s.Text = []string{"b"} },
		func(s *small) { s.On = false },
		func(s *small) { s.Sub.At = s.Sub.At.AddDate(1, 0, 0) },
	}
	for i, change := range alter {
		want := want
		change(&want)
		got, some := made(reflect.TypeFor[small](), i)
		assert.True(t, some)
		assert.Equal(t, want, got.Interface())
	}
	_, some := made(reflect.TypeFor[small](), len(alter))
	assert.False(t, some)
}

func TestMadePointersAndScalars(t *testing.T) {
	pointer, some := made(reflect.TypeFor[*embedded](), 0)
	assert.True(t, some)
	assert.Equal(t, &embedded{"b"}, pointer.Interface())

	scalar, _ := made(reflect.TypeFor[amount](), unaltered)
	assert.Equal(t, amount(1), scalar.Interface())

	_, some = made(reflect.TypeFor[struct{}](), 0)
	assert.False(t, some)
}
