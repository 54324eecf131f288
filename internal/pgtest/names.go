package pgtest

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// namePrefix marks the databases that this package may drop on a server that is not its own.
	namePrefix = "pasttense_test_"
	// leftoverAge is far beyond the length of any test run.
	leftoverAge = 24 * time.Hour
)

// names makes the names of databases: pasttense_test_<Unix seconds>_<who>_<number>. The second part lets a later run tell what a
// killed one has left behind; the third keeps apart test binaries that share a server.
type names struct {
	prefix string
	last   *atomic.Int64
}

func newNames(now time.Time) names {
	who := strings.ToLower(rand.Text()[:8])
	return names{fmt.Sprintf("%s%d_%s_", namePrefix, now.Unix(), who), new(atomic.Int64)}
}

func (n names) next() string { return n.prefix + strconv.FormatInt(n.last.Add(1), 10) }

// isLeftover tells whether a database was made so long ago that its maker cannot be at work any more.
func isLeftover(name string, now time.Time) bool {
	rest, ours := strings.CutPrefix(name, namePrefix)
	if !ours {
		return false
	}
	made, _, _ := strings.Cut(rest, "_")
	seconds, err := strconv.ParseInt(made, 10, 64)
	return err == nil && now.Sub(time.Unix(seconds, 0)) > leftoverAge
}
