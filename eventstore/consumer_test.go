package eventstore_test

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestValidateConsumer(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventstore.ValidateConsumer("Verkäufe 2"))
	require.NoError(t, eventstore.ValidateConsumer(strings.Repeat("x", eventstore.MaxConsumerBytes)))
	for _, bad := range []string{"", "a\x00b", "\xff", strings.Repeat("x", eventstore.MaxConsumerBytes+1)} {
		require.ErrorIs(t, eventstore.ValidateConsumer(bad), eventstore.ErrInvalid)
		require.ErrorIs(t, eventstore.ConsumerID{Name: bad, Version: 1}.Validate(), eventstore.ErrInvalid)
	}
}

func TestConsumerIDIsValid(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2, eventstore.MaxConsumerVersion} {
		require.NoError(t, eventstore.ConsumerID{Name: "sales", Version: version}.Validate())
	}
	for _, version := range []int{-1, 0, eventstore.MaxConsumerVersion + 1} {
		err := eventstore.ConsumerID{Name: "sales", Version: version}.Validate()
		require.ErrorIs(t, err, eventstore.ErrInvalid)
		require.ErrorContains(t, err, fmt.Sprint(version), "the message names what is wrong")
		require.ErrorContains(t, err, "sales")
	}
}

func TestConsumerIDPrints(t *testing.T) {
	t.Parallel()
	for version, want := range map[int]string{0: "sales", 1: "sales", 2: "sales (version 2)", 10: "sales (version 10)"} {
		assert.Equal(t, want, eventstore.ConsumerID{Name: "sales", Version: version}.String())
	}
}

func TestDefinitionHasPartitions(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, eventstore.MaxPartitions} {
		require.NoError(t, eventstore.Definition{Partitions: partitions}.Validate())
	}
	for _, partitions := range []int{-1, 0, eventstore.MaxPartitions + 1} {
		require.ErrorIs(t, eventstore.Definition{Partitions: partitions}.Validate(), eventstore.ErrInvalid)
	}
}

func TestMoveDoesNotGoBack(t *testing.T) {
	t.Parallel()
	sales := eventstore.ConsumerID{Name: "sales", Version: 1}
	last := eventstore.MaxPartitions - 1
	require.NoError(t, eventstore.Move{Consumer: sales, From: 3, To: 3, Partition: last}.Validate())
	for _, bad := range []eventstore.Move{
		{Consumer: sales, From: 3, To: 2},
		{Consumer: sales, From: -1, To: 2},
		{Consumer: sales, Partition: -1},
		{Consumer: sales, Partition: last + 1},
		{Consumer: eventstore.ConsumerID{Name: "sales"}, To: 1},
		{From: 1, To: 2},
	} {
		require.ErrorIs(t, bad.Validate(), eventstore.ErrInvalid, "%+v", bad)
	}
}

// What a partition has handled is told by its checkpoint alone. So the partition of a stream can never change: neither
// these values nor those of [TestPartitionOfIsAsItIsDocumented] may.
func TestPartitionOfNeverChanges(t *testing.T) {
	t.Parallel()
	numbers := []int{1, 2, 3, 4, 7, 8, 16, 100, 1000, 1024}
	for _, pinned := range []struct {
		category, key string
		partitions    []int
	}{
		{"order", "42", []int{0, 0, 0, 2, 3, 6, 6, 54, 654, 902}},
		{"order", "43", []int{0, 0, 1, 0, 0, 4, 4, 72, 372, 852}},
		{"a", "b-c", []int{0, 1, 0, 3, 1, 3, 3, 91, 491, 163}},
		{"account", "6f1d1c8e-8a5b-4d3c-9f5e-2b7c1a0d9e8f", []int{0, 1, 1, 3, 4, 7, 7, 99, 599, 103}},
		{"$pm.checkout", "42", []int{0, 0, 2, 2, 3, 6, 14, 2, 702, 286}},
		{"größe", "😀", []int{0, 0, 1, 2, 5, 2, 2, 74, 274, 98}},
		{"x", " ", []int{0, 1, 1, 3, 5, 3, 11, 31, 331, 363}},
	} {
		for i, n := range numbers {
			stream := eventstore.StreamID{Category: pinned.category, Key: pinned.key}
			assert.Equal(t, pinned.partitions[i], eventstore.PartitionOf(stream, n), "partition of %q, of %d", stream, n)
		}
	}
}

// TestPartitionOfIsAsItIsDocumented computes it in another way.
func TestPartitionOfIsAsItIsDocumented(t *testing.T) {
	t.Parallel()
	for i := range 1000 {
		stream := eventstore.StreamID{Category: "order", Key: fmt.Sprint(i, "-ä")}
		hash := fnv.New64a()
		_, _ = hash.Write([]byte(stream.String()))
		mixed := hash.Sum64()
		for _, factor := range []uint64{0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53, 1} {
			mixed = (mixed ^ mixed>>33) * factor
		}
		for _, n := range []int{2, 3, 64, eventstore.MaxPartitions} {
			assert.Equal(t, int(mixed%uint64(n)), eventstore.PartitionOf(stream, n))
		}
	}
}

func TestPartitionOfFewIsTheFirst(t *testing.T) {
	t.Parallel()
	stream := eventstore.StreamID{Category: "order", Key: "42"}
	for _, n := range []int{-1, 0, 1} {
		assert.Zero(t, eventstore.PartitionOf(stream, n))
	}
}

// Keys that differ little, such as numbers in a row, are spread as evenly as random ones: no partition has a share that
// chance would not give it (five standard deviations).
func TestPartitionsAreEven(t *testing.T) {
	t.Parallel()
	const streams = 10_000
	for name, key := range map[string]func(i int) string{
		"numbers":         func(i int) string { return fmt.Sprint(i) },
		"padded numbers":  func(i int) string { return fmt.Sprintf("%012d", i) },
		"common ends":     func(i int) string { return fmt.Sprintf("%d-of-a-customer", i) },
		"multiples of 64": func(i int) string { return fmt.Sprint(64 * i) },
	} {
		for _, partitions := range []int{2, 3, 12, 64} {
			counts := make([]int, partitions)
			for i := range streams {
				counts[eventstore.PartitionOf(eventstore.StreamID{Category: "order", Key: key(i)}, partitions)]++
			}
			want := float64(streams) / float64(partitions)
			for partition, count := range counts {
				deviation := (float64(count) - want) * (float64(count) - want) / want
				assert.Less(t, deviation, 25.0, "%s: partition %d of %d has %d streams", name, partition, partitions, count)
			}
		}
	}
}
