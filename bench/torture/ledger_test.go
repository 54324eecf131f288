package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

// The append of these tests: two events to stream a, at versions 4 and 5, and one to stream b.
var (
	first  = newTag(0, 7, 0)
	a, b   = newStream(0, 1), newStream(1, 2)
	whole  = []row{{first, a, 4, 101}, {first + 1, a, 5, 102}, {first + 2, b, 1, 103}}
	killed = row{newTag(1, 3, 0), a, 6, 201}
)

func records(o outcome) []record {
	records := []record{{Tag: first + 2, Stream: b, Count: 1, Outcome: o}, {Tag: first, Stream: a, Count: 2, Outcome: o}}
	if o == acknowledged {
		records[0].Version, records[0].Position = 1, 103
		records[1].Version, records[1].Position = 5, 102
	}
	return records
}

func TestLedgerFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	moved := func(i int, change func(*row)) []row {
		rows := append([]row(nil), whole...)
		change(&rows[i])
		return rows
	}
	const (
		well  = "missed 0, doubled 0, reordered 0, lost 0"
		lost  = "missed 0, doubled 0, reordered 0, lost 1"
		twice = "missed 0, doubled 1, reordered 0, lost 0"
	)
	for name, c := range map[string]struct {
		outcome outcome
		rows    []row
		verdict string
		others  int
	}{
		"acknowledged":                       {acknowledged, whole, well, 0},
		"acknowledged, gone":                 {acknowledged, nil, "missed 0, doubled 0, reordered 0, lost 3", 0},
		"acknowledged, one gone":             {acknowledged, whole[:2], lost, 0},
		"acknowledged elsewhere":             {acknowledged, moved(1, func(r *row) { r.position++ }), lost, 0},
		"acknowledged at another version":    {acknowledged, moved(1, func(r *row) { r.version++ }), lost, 0},
		"acknowledged in another stream":     {acknowledged, moved(1, func(r *row) { r.stream = b }), well, 1},
		"acknowledged, twice there":          {acknowledged, append(whole, row{first + 1, a, 9, 301}), twice, 0},
		"refused":                            {refused, nil, well, 0},
		"refused, there":                     {refused, whole, well, 3},
		"unknown, there":                     {unknown, whole, well, 0},
		"unknown, not there":                 {unknown, nil, well, 0},
		"unknown, twice there":               {unknown, append(whole, row{first + 2, b, 2, 301}), twice, 0},
		"unknown, one stream there":          {unknown, whole[2:], well, 1},
		"unknown, part of a stream there":    {unknown, whole[:1], well, 1},
		"of nobody":                          {acknowledged, append(whole, row{newTag(0, 8, 0), a, 6, 301}), well, 1},
		"of a killed process":                {acknowledged, append(whole, killed), well, 0},
		"of a killed process, twice":         {acknowledged, append(whole, killed, killed), twice, 0},
		"of a process that was never killed": {acknowledged, append(whole, row{newTag(2, 3, 0), a, 6, 201}), well, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := newFindings()
			l, err := newLedger(withoutErrors(records(c.outcome)), 1, found)
			require.NoError(t, err)
			for _, row := range c.rows {
				l.row(row)
			}
			l.finish()
			assert.Equal(t, c.verdict, found.String(), found.Details())
			assert.Equal(t, c.others, found.Count(findings.Other), found.Details())
		})
	}
}
