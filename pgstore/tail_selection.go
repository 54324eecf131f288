package pgstore

import (
	"fmt"
	"maps"
	"slices"

	"github.com/pasttense/pasttense/eventstore"
)

// interests counts the filters of the subscriptions that there are.
type interests struct {
	categories, types     map[string]int // how many filters name each
	noCategories, noTypes int            // how many filters name none
	version               int            // grows with every change
}

// add counts a filter n times more, or with a negative n fewer.
func (i *interests) add(filter eventstore.Filter, n int) {
	i.version++
	count(&i.categories, &i.noCategories, filter.Categories, n)
	count(&i.types, &i.noTypes, filter.Types, n)
}

func count(named *map[string]int, unnamed *int, names []string, n int) {
	if len(names) == 0 {
		*unnamed += n
	}
	if *named == nil {
		*named = make(map[string]int)
	}
	for _, name := range names {
		if (*named)[name] += n; (*named)[name] == 0 {
			delete(*named, name)
		}
	}
}

// selection returns the union of the filters.
func (i *interests) selection() selection {
	return selection{
		categories:  slices.Sorted(maps.Keys(i.categories)),
		anyCategory: i.noCategories > 0,
		types:       slices.Sorted(maps.Keys(i.types)),
		anyType:     i.noTypes > 0,
	}
}

// selection is what the tail reads: each event that one of several filters selects, and perhaps more. A filter cannot
// say it, as it selects either all categories of the users' own or those that it names.
type selection struct {
	categories  []string // sorted
	anyCategory bool     // of the users' own
	types       []string // sorted; of no account with anyType
	anyType     bool
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

// query reads what the selection selects.
func (s selection) query(readAll string) allQuery {
	query := allQuery{statement: readAll}
	argument := func(names []string) string {
		query.arguments = append(query.arguments, names)
		return fmt.Sprintf("ANY ($%d)", 3+len(query.arguments))
	}
	switch {
	case s.anyCategory && len(s.system()) > 0:
		query.statement += " AND (category NOT LIKE '$%' OR category = " + argument(s.system()) + ")"
	case s.anyCategory:
		query.statement += " AND category NOT LIKE '$%'"
	default:
		query.statement += " AND category = " + argument(s.categories)
	}
	if !s.anyType {
		query.statement += " AND type = " + argument(s.types)
	}
	query.statement += sqlPage
	return query
}

// system returns the library's own among the categories.
func (s selection) system() []string {
	return slices.DeleteFunc(slices.Clone(s.categories), func(category string) bool {
		return !eventstore.IsSystemCategory(category)
	})
}
