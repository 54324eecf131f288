package shape

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"reflect"
)

// Fingerprint is a short text that is another when a type or a type that it contains has another name, kind or tag, or
// other fields, and the same in every build of a program.
func Fingerprint(t reflect.Type) string {
	sum := sha256.New()
	describe(sum, t, make(map[reflect.Type]int))
	return short(sum)
}

// Digest is a short text that is another when any of the texts is.
func Digest(texts ...string) string {
	sum := sha256.New()
	for _, text := range texts {
		write(sum, "%q", text)
	}
	return short(sum)
}

func short(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)[:16]) }

// describe writes a type once, and then its number: types may contain themselves.
func describe(w io.Writer, t reflect.Type, seen map[reflect.Type]int) {
	if number, again := seen[t]; again {
		write(w, "#%d\n", number)
		return
	}
	seen[t] = len(seen)
	write(w, "%q %q %s\n", t.PkgPath(), t.String(), t.Kind())
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			field := t.Field(i)
			write(w, ".%q %q %t\n", field.Name, field.Tag, field.Anonymous)
			describe(w, field.Type, seen)
		}
		write(w, "end\n")
	case reflect.Map:
		describe(w, t.Key(), seen)
		describe(w, t.Elem(), seen)
	case reflect.Array:
		write(w, "%d\n", t.Len())
		describe(w, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice:
		describe(w, t.Elem(), seen)
	default: // its name and kind say it all
	}
}

func write(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...) // a hash takes everything
}
