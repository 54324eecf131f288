package consumer

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/pasttense/pasttense/eventstore"
)

// Whoever comes and goes: a partition has one owner at most, a member that works on one never loses it by another's doing
// while its lease lasts, and when all have asked three times after the last change, the parts are as even as they can be.
func TestShare(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		roster := &eventstore.Roster{Now: time.Unix(1000, 0), Members: make(map[string]time.Time)}
		for i := range rapid.IntRange(1, 20).Draw(t, "partitions") {
			roster.Partitions = append(roster.Partitions, eventstore.Checkpoint{Partition: i})
		}
		const lease = 10 * time.Second
		names := []string{"a", "b", "c", "d", "e"}
		work := make(map[string]map[int]bool)
		ask := func(name string) {
			for range 2 {
				surplus := share(roster, name, roster.Now.Add(lease), func(p int) bool { return work[name][p] })
				work[name] = owned(roster, name)
				for _, partition := range surplus {
					require.True(t, work[name][partition])
					delete(work[name], partition)
				}
			}
		}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "member")
			before := make(map[string]int)
			for _, other := range names {
				before[other] = len(owned(roster, other))
			}
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				leave(roster, name)
				delete(work, name)
				require.Empty(t, owned(roster, name))
			case 1:
				roster.Now = roster.Now.Add(rapid.SampledFrom([]time.Duration{time.Second, lease + 1}).Draw(t, "passes"))
			default:
				ask(name)
			}
			for _, other := range names {
				if _, there := roster.Members[other]; there && other != name && !roster.Members[other].Before(roster.Now) {
					require.Len(t, owned(roster, other), before[other], "of %s", other)
				}
			}
		}
		there := names[:rapid.IntRange(1, len(names)).Draw(t, "in the end")]
		roster.Now = roster.Now.Add(lease + 1)
		for range 3 {
			for _, name := range there {
				ask(name)
			}
		}
		for _, name := range there {
			count := len(owned(roster, name))
			require.InDelta(t, float64(len(roster.Partitions))/float64(len(there)), count, 0.99, "of %s", name)
		}
		for _, partition := range roster.Partitions {
			require.NotEmpty(t, partition.Owner, fmt.Sprint("partition ", partition.Partition))
		}
	})
}
