package eventstore

import (
	"fmt"
	"slices"
)

// Filter selects events by category and by type. The zero value selects every event but those in categories of the
// library's own, which begin with '$' and are selected only by name.
type Filter struct {
	// Categories selects events in any of these categories; empty selects all categories without '$'.
	Categories []string
	// Types selects events of any of these types; empty selects all types.
	Types []string
}

// Matches reports whether the filter selects events of a type in a category.
func (f Filter) Matches(category, eventType string) bool {
	if len(f.Categories) == 0 {
		if IsSystemCategory(category) {
			return false
		}
	} else if !slices.Contains(f.Categories, category) {
		return false
	}
	return len(f.Types) == 0 || slices.Contains(f.Types, eventType)
}

// Validate returns an error wrapping [ErrInvalid] when the filter names a category or type that cannot exist.
func (f Filter) Validate() error {
	for _, category := range f.Categories {
		if err := ValidateCategory(category); err != nil {
			return fmt.Errorf("filter: %w", err)
		}
	}
	for _, eventType := range f.Types {
		if err := validateType(eventType); err != nil {
			return fmt.Errorf("filter: %w", err)
		}
	}
	return nil
}

// Validate returns an error wrapping [ErrInvalid] when From or Limit is negative.
func (o ReadOptions) Validate() error {
	if o.From < 0 {
		return fmt.Errorf("%w: From is %d, the least is 0", ErrInvalid, o.From)
	}
	if o.Limit < 0 {
		return fmt.Errorf("%w: Limit is %d, the least is 0", ErrInvalid, o.Limit)
	}
	return nil
}
