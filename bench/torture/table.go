package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/pasttense/pasttense/bench/internal/trial"
)

// Tell prints what was counted and found. It returns an error when anything is wrong.
func (t *torture) Tell(out io.Writer) error {
	counts, events, _ := t.collector.totals()
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name string, value any) { fmt.Fprintf(table, "%s\t%v\n", name, value) }
	line("events in the table", t.rows.all)
	line("  appended by the child process", t.rows.child)
	line("  appended by the child process, killed before it told", t.rows.untold)
	line("events acknowledged", events[acknowledged])
	line("events refused or rolled back", events[refused])
	line("events of unknown outcome", events[unknown])
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		line(name, counts[name])
	}
	line("child process killed", t.children.kills)
	t.tellKills(line)
	for _, f := range t.collector.followers {
		line("events seen by subscriber \""+f.Name+"\"", f.seen.length)
	}
	line("heap of the main process, warm", megabytes(t.heapStart))
	line("heap of the main process, at the end", megabytes(t.heapEnd))
	if err := table.Flush(); err != nil {
		return err
	}
	remark := ""
	if t.server.Local() == nil {
		remark = "; the server was not killed, as it was given"
	}
	t.collector.findings.Tell(out, t.progress, remark)
	if !t.collector.findings.None() {
		return errors.New("the store has broken its guarantees")
	}
	return nil
}

// tellKills tells how often the server was killed, and how long it took from a kill until the old server was gone, the new
// one took connections, and an append was acknowledged.
func (t *torture) tellKills(line func(name string, value any)) {
	if t.server.Local() == nil {
		line("server killed", "never, as it was given")
		return
	}
	line("server killed", len(t.killer.recoveries))
	if len(t.killer.recoveries) == 0 {
		return
	}
	for _, step := range []struct {
		name string
		time func(recovery) time.Duration
	}{
		{"from kill -9 to the old server gone", func(r recovery) time.Duration { return r.gone }},
		{"from kill -9 to connections", func(r recovery) time.Duration { return r.server }},
		{"from kill -9 to an append acknowledged", func(r recovery) time.Duration { return r.appended }},
	} {
		var times []time.Duration
		var each []string
		for _, r := range t.killer.recoveries {
			times = append(times, step.time(r))
			each = append(each, trial.Round(step.time(r)).String())
		}
		median, most := trial.Sum(times)
		line(step.name, fmt.Sprintf("median %s, max %s (%s)",
			trial.Round(median), trial.Round(most), strings.Join(each, ", ")))
	}
}
