package eventstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// valid has every part of JSON, and each in every place where it can stand.
var valid = []string{
	`null`, `true`, `false`, `""`, `0`, `{}`, `[]`,
	" \t\r\n{ \"a\" : [ 1 , { } , [ ] ] , \"b\" : null } \n",
	`[-0,0.0,-1.25,10,1e5,1E+05,1.0e-007,-0e0]`,
	`["\"\\\/\b\f\n\r\t\u00e9\uD834\udd1E\uffFF\ud800\u0000","a\\"]`,
	`{"":"","":{"a":{"b":[[[true]],false,"\"]}"]}}}`,
	"\"\x7f\u00e9\u2028\U0001f600\ufffd\ufeff\"",
	`["` + strings.Repeat("plain ", 4) + `",1234567890.1234567890e-1234567890]`,
	strings.Repeat(`[{"a":`, 4) + `7` + strings.Repeat(`}]`, 4),
}

// odd are where parsers differ.
var odd = []string{
	"", " ", "\x00", "{}\x00", "\x00{}", "[\x00]", "1\x00", "\xef\xbb\xbf{}", "{} {}", "null true", "1 2", "[]]", "[[]",
	"nul", "nulll", "Null", "True", "truefalse", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "--1", "00", "01",
	"-01", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1e+-1", "1e1.0", "1e 1", "0x1", "1_000", "1,", "1 .5",
	"[,]", "[1,]", "[1,,2]", "[1 2]", "[1:2]", "[1}", "[", "[1", "[1,", ",", "]", "}", ":",
	"{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1,,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `{null:1}`, `{"a":1]`,
	`{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,"`, `{"a"::1}`, `{'a':1}`, `{["a"]:1}`,
	`"`, `"\`, `"\"`, `"\\\"`, `"\u"`, `"\u123"`, `"\u123g"`, `"\u 123"`, `"\U0041"`, `"\u00`, `"\x41"`,
	`"\a"`, `"\'"`, "\"\\\n\"",
	"\"\n\"", "\"\t\"", "\"\x1f\"", "\"\x00\"", "\"\x80\"",
	"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"",
	"\u00a0{}", "{}\u2028", "\v1", "\f1", "[1]//", "/**/1", "[\"a\"\"b\"]", "\xe9",
	"1 \x85",
	strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat("[", 10_001), strings.Repeat(`{"a":`, 1001),
}

func TestValidJSON(t *testing.T) {
	for _, text := range valid {
		assert.NoError(t, validateJSON([]byte(text)), "%q", text)
		checkJSON(t, []byte(text))
	}
	for _, text := range odd {
		assert.Error(t, validateJSON([]byte(text)), "%q", text)
		checkJSON(t, []byte(text))
	}
}

// Every byte instead of, and before, every byte of valid JSON, so that each is seen in every state; and JSON that ends
// after every byte.
func TestValidJSONWithEveryByteEverywhere(t *testing.T) {
	check := func(data []byte) {
		if validJSON(data, MaxJSONDepth) != json.Valid(data) {
			t.Fatalf("%q: %t, not %t", data, !json.Valid(data), json.Valid(data))
		}
	}
	for _, text := range valid {
		data := []byte(text)
		for i := range data {
			check(data[:i:i])
			replaced := slices.Clone(data)
			inserted := slices.Insert(slices.Clone(data), i, 0)
			for b := range 256 {
				replaced[i], inserted[i] = byte(b), byte(b)
				check(replaced)
				check(inserted)
			}
		}
	}
}

// Strings are scanned eight bytes at a time, and what is left one by one.
func TestSkipPlainOfEveryPairOfBytes(t *testing.T) {
	special := func(b byte) bool { return b < ' ' || b == '"' || b == '\\' }
	for _, length := range []int{1, 4, 8, 11} {
		data := bytes.Repeat([]byte("x"), length)
		require.Equal(t, length, skipPlain(data, 0))
		for i := range length - 1 {
			for pair := range 1 << 16 {
				one, other := byte(pair>>8), byte(pair)
				data[i], data[i+1] = one, other
				want := length
				switch {
				case special(one):
					want = i
				case special(other):
					want = i + 1
				}
				if skipPlain(data, 0) != want {
					t.Fatalf("%q: %d, not %d", data, skipPlain(data, 0), want)
				}
			}
			data[i], data[i+1] = 'x', 'x'
		}
	}
}

func FuzzValidJSON(f *testing.F) {
	for _, text := range slices.Concat(valid, odd) {
		f.Add([]byte(text))
	}
	f.Fuzz(checkJSON)
}

// checkJSON compares with package json.
func checkJSON(t *testing.T, data []byte) {
	t.Helper()
	depth := -1
	if json.Valid(data) {
		depth = jsonDepth(data)
	}
	for _, limit := range []int{0, 1, 2, 3, MaxJSONDepth} {
		want := 0 <= depth && depth <= limit
		if validJSON(data, limit) != want {
			t.Fatalf("%q nested at most %d deep: %t, not %t", data, limit, !want, want)
		}
	}
	got := fmt.Sprint(validateJSON(data))
	if want := fmt.Sprint(validateJSONInParts(data)); got != want {
		t.Fatalf("%q: %s, not %s", data, got, want)
	}
}

// validateJSONInParts is what validateJSON stands for.
func validateJSONInParts(data []byte) error {
	switch {
	case !utf8.Valid(data):
		return fmt.Errorf("%w: Data is %s but not valid UTF-8", ErrInvalid, ContentTypeJSON)
	case !json.Valid(data):
		return fmt.Errorf("%w: Data is %s but not valid JSON: %.40q", ErrInvalid, ContentTypeJSON, data)
	case jsonDepth(data) > MaxJSONDepth:
		return fmt.Errorf("%w: Data is nested deeper than the limit of %d", ErrInvalid, MaxJSONDepth)
	}
	return nil
}

// jsonDepth returns how deep valid JSON is nested.
func jsonDepth(data []byte) int {
	depth, deepest := 0, 0
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}
