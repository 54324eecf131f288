package consumer

import (
	"maps"
	"slices"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// share renews a member's lease until a time, and makes its part of the partitions what it should be: each of m members
// has n/m of n partitions, and the first n%m by name have one more. What it has too much it gives back, but for the
// partitions that it is at work on, which it returns; what it lacks it takes from those that nobody owns.
func share(
	roster *eventstore.Roster, member string, until time.Time, atWork func(partition int) bool,
) (surplus []int) {
	maps.DeleteFunc(roster.Members, func(_ string, end time.Time) bool { return end.Before(roster.Now) })
	roster.Members[member] = until
	missing := quota(roster, member)
	for i := range roster.Partitions {
		partition := &roster.Partitions[i]
		if partition.Owner != member {
			continue
		}
		missing--
		switch {
		case missing >= 0:
		case atWork(partition.Partition):
			surplus = append(surplus, partition.Partition)
		default:
			partition.Owner = ""
		}
	}
	for i := range roster.Partitions {
		partition := &roster.Partitions[i]
		if missing > 0 && isFree(roster, *partition) {
			partition.Owner = member
			missing--
		}
	}
	return surplus
}

// quota is how many partitions a member should have.
func quota(roster *eventstore.Roster, member string) int {
	names := slices.Sorted(maps.Keys(roster.Members))
	count := len(roster.Partitions) / len(names)
	if slices.Index(names, member) < len(roster.Partitions)%len(names) {
		count++
	}
	return count
}

// owned returns the partitions that were given to a member.
func owned(roster *eventstore.Roster, member string) map[int]bool {
	owned := make(map[int]bool)
	for _, partition := range roster.Partitions {
		if partition.Owner == member {
			owned[partition.Partition] = true
		}
	}
	return owned
}

func isFree(roster *eventstore.Roster, partition eventstore.Checkpoint) bool {
	_, there := roster.Members[partition.Owner]
	return !there
}

// leave ends a member's lease and gives back what it owns.
func leave(roster *eventstore.Roster, member string) {
	delete(roster.Members, member)
	for i := range roster.Partitions {
		if roster.Partitions[i].Owner == member {
			roster.Partitions[i].Owner = ""
		}
	}
}
