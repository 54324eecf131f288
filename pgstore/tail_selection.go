package pgstore

import (
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
