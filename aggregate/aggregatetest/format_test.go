package aggregatetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

type inner struct {
	Name string
	wait time.Duration
}

type outer struct {
	Pointer *int
	Nil     *int
	Any     any
	Time    time.Time
	Bytes   []byte
	Map     map[string]inner
	Array   [2]bool
	Wait    time.Duration
	hidden  []byte
}

type endless struct{ Next *endless }

func TestFormat(t *testing.T) {
	number := 7
	value := outer{
		Pointer: &number,
		Any:     inner{"a", time.Second},
		Time:    time.Date(2025, 1, 1, 0, 0, 0, 0, time.FixedZone("CET", 3600)),
		Bytes:   []byte("{}"),
		Map:     map[string]inner{"l": {}, "k": {}},
		Array:   [2]bool{true, false},
		Wait:    2 * time.Second,
		hidden:  []byte("h"),
	}
	assert.Equal(t, strings.TrimSpace(`
aggregatetest.outer
  Pointer: 7
  Nil: nil
  Any: aggregatetest.inner
    Name: "a"
    wait: 1s
  Time: 2025-01-01T00:00:00+01:00
  Bytes: "{}"
  Map: map[string]aggregatetest.inner
    "k": aggregatetest.inner
      Name: ""
      wait: 0s
    "l": aggregatetest.inner
      Name: ""
      wait: 0s
  Array: [2]bool
    true
    false
  Wait: 2s
  hidden: "h"
`), strings.Join(format(value), "\n"))

	assert.Equal(t, []string{"7"}, format(7))
	assert.Equal(t, []string{`"a\n"`}, format("a\n"))
	assert.Equal(t, []string{"nil"}, format(nil))

	loop := &endless{}
	loop.Next = loop
	assert.Len(t, format(loop), maxDepth+1)
}
