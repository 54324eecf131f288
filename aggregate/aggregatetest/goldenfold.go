package aggregatetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/linediff"
)

// foldIndent is what the lines of a state begin with.
const foldIndent = "    "

// foldName is the name of a file that Folds has recorded.
var foldName = regexp.MustCompile(`^fold\.v\d+\.txt$`)

// Folds expects that Evolve makes of the golden events what it has always made of them, as long as the version of the
// state is the same: the Version of aggregate.SnapshotOptions. It folds them one after the other and compares the state
// after each with the file fold.v1.txt, for version 1. That is recorded when it is missing, and golden events that are not in
// it yet are added at its end, both of which fail once.
//
// States are compared as they are printed there. The files of older versions are not looked at and can be deleted.
func (g *Golden[S, E]) Folds(version int) *Golden[S, E] {
	t := g.aggregate.t
	t.Helper()
	recording.Lock()
	defer recording.Unlock()
	name := fmt.Sprintf("fold.v%d.txt", version)
	content, err := os.ReadFile(g.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the states of golden events cannot be read: %v", err)
	}
	recorded := linesOfFold(content)
	lines, known, err := g.foldAll(recorded)
	if err != nil {
		t.Errorf("%s: %v", g.path(name), err)
		return g
	}
	if !slices.Equal(recorded, lines[:known]) {
		t.Errorf("Evolve makes other states of the golden events (- %s, + today):\n%s\n"+
			"Restore what Evolve did. Or raise the version to %d, here and in aggregate.SnapshotOptions, "+
			"so that snapshots of the former states are not used.",
			name, indent(linediff.Of(recorded, lines[:known])), version+1)
		return g
	}
	if known < len(lines) {
		g.write(name, []byte(strings.Join(lines, "\n")+"\n"))
	}
	return g
}

// foldAll folds the golden events that are in a file in its order, and the others after them. It returns the lines of
// all, and how many of these are of the ones in the file.
func (g *Golden[S, E]) foldAll(recorded []string) (lines []string, known int, err error) {
	left := slices.Clone(g.files)
	var order []goldenFile
	for _, name := range recorded {
		if strings.HasPrefix(name, foldIndent) {
			continue
		}
		i := slices.IndexFunc(left, func(file goldenFile) bool { return file.name == name })
		if i < 0 {
			return nil, 0, fmt.Errorf("it has the golden event %s, which is not in %s", name, g.dir)
		}
		order = append(order, left[i])
		left = slices.Delete(left, i, i+1)
	}
	named := len(order)
	var stored []eventstore.RecordedEvent
	for i, file := range slices.Concat(order, left) {
		stored = append(stored, g.aggregate.codec.stored(file.event)...)
		state, err := g.aggregate.fold(stored)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", file.name, err)
		}
		lines = append(lines, file.name)
		for line := range strings.SplitSeq(strings.Join(format(state), "\n"), "\n") {
			lines = append(lines, foldIndent+line)
		}
		if i < named {
			known = len(lines)
		}
	}
	return lines, known, nil
}

// linesOfFold returns the lines of a file with states, whatever a checkout has made of their ends.
func linesOfFold(content []byte) []string {
	text := strings.TrimSuffix(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
