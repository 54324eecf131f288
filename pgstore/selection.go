package pgstore

import (
	"fmt"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// selection is what a query selects: what a filter does, or each event that one of several filters does, and perhaps
// more. A filter cannot say that, as it selects either all categories of the users' own or those that it names.
type selection struct {
	categories  []string // sorted where it is compared with others
	anyCategory bool     // of the users' own
	types       []string // sorted, too; of no account with anyType
	anyType     bool
}

func selectionOf(filter eventstore.Filter) selection {
	return selection{
		categories:  filter.Categories,
		anyCategory: len(filter.Categories) == 0,
		types:       filter.Types,
		anyType:     len(filter.Types) == 0,
	}
}

// where returns the conditions of a statement that selects what the selection does, and their arguments, which the
// statement numbers from first on.
func (s selection) where(first int) (conditions string, arguments []any) {
	anyOf := func(names []string) string {
		arguments = append(arguments, names)
		return fmt.Sprintf("ANY ($%d)", first+len(arguments)-1)
	}
	switch {
	case s.anyCategory && len(s.system()) > 0:
		conditions = " AND (category NOT LIKE '$%' OR category = " + anyOf(s.system()) + ")"
	case s.anyCategory:
		conditions = " AND category NOT LIKE '$%'"
	default:
		conditions = " AND category = " + anyOf(s.categories)
	}
	if !s.anyType {
		conditions += " AND type = " + anyOf(s.types)
	}
	return conditions, arguments
}

// system returns the library's own among the categories.
func (s selection) system() []string {
	return slices.DeleteFunc(slices.Clone(s.categories), func(category string) bool {
		return !eventstore.IsSystemCategory(category)
	})
}

func (s selection) equal(other selection) bool {
	return s.anyCategory == other.anyCategory && s.anyType == other.anyType &&
		slices.Equal(s.categories, other.categories) && slices.Equal(s.types, other.types)
}

// covers reports whether the selection selects all that a filter does.
func (s selection) covers(filter eventstore.Filter) bool {
	return s.coversCategories(filter.Categories) && s.coversTypes(filter.Types)
}

func (s selection) coversCategories(categories []string) bool {
	if len(categories) == 0 {
		return s.anyCategory
	}
	for _, category := range categories {
		if s.anyCategory && !eventstore.IsSystemCategory(category) {
			continue
		}
		if _, found := slices.BinarySearch(s.categories, category); !found {
			return false
		}
	}
	return true
}

func (s selection) coversTypes(types []string) bool {
	if s.anyType {
		return true
	}
	for _, name := range types {
		if _, found := slices.BinarySearch(s.types, name); !found {
			return false
		}
	}
	return len(types) > 0
}
