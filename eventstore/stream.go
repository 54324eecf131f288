package eventstore

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxStreamIDBytes is the greatest length of a stream's category and key together, in bytes.
const MaxStreamIDBytes = 1024

// StreamID names a stream: the events of one thing, such as one order. It is printed as "category-key", for example
// "order-42". Names are compared byte by byte.
//
// A category is not empty and has no '-', so that the printed form can be read back. Categories that begin with '$'
// belong to this library. A key is not empty and may have any character but NUL. Both are valid UTF-8, and together
// they are at most [MaxStreamIDBytes] long.
type StreamID struct {
	Category string
	Key      string
}

// ParseStreamID reads what [StreamID.String] prints. The category ends at the first '-'.
// It returns an error wrapping [ErrInvalid] when s is not the name of a stream.
func ParseStreamID(s string) (StreamID, error) {
	category, key, found := strings.Cut(s, "-")
	if !found {
		return StreamID{}, fmt.Errorf("%w: stream %q has no '-' between category and key", ErrInvalid, s)
	}
	id := StreamID{Category: category, Key: key}
	if err := id.Validate(); err != nil {
		return StreamID{}, err
	}
	return id, nil
}

// String returns "category-key".
func (id StreamID) String() string { return id.Category + "-" + id.Key }

// Validate returns an error wrapping [ErrInvalid] when id cannot name a stream.
func (id StreamID) Validate() error {
	if err := ValidateCategory(id.Category); err != nil {
		return err
	}
	if err := validateName("key", id.Key); err != nil {
		return fmt.Errorf("%w (stream %q)", err, id)
	}
	if n := len(id.Category) + len(id.Key); n > MaxStreamIDBytes {
		return fmt.Errorf("%w: category and key are %d bytes together, the limit is %d", ErrInvalid, n, MaxStreamIDBytes)
	}
	return nil
}

// ValidateCategory returns an error wrapping [ErrInvalid] when category cannot be the category of a stream.
func ValidateCategory(category string) error {
	if err := validateName("category", category); err != nil {
		return err
	}
	if strings.Contains(category, "-") {
		return fmt.Errorf("%w: category %q has a '-'", ErrInvalid, category)
	}
	if len(category) >= MaxStreamIDBytes {
		return fmt.Errorf("%w: category is %d bytes, the limit is %d", ErrInvalid, len(category), MaxStreamIDBytes-1)
	}
	return nil
}

// IsSystemCategory reports whether category belongs to this library. A [Filter] selects such a category only by name.
func IsSystemCategory(category string) bool { return strings.HasPrefix(category, "$") }

// validateName holds what every stored name must be, for every backend to be able to store it.
func validateName(field, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: %s is empty", ErrInvalid, field)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %s %q is not valid UTF-8", ErrInvalid, field, name)
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%w: %s %q contains NUL", ErrInvalid, field, name)
	}
	return nil
}
