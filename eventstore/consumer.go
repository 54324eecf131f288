package eventstore

import (
	"fmt"
	"strconv"
	"time"
)

// ConsumerID names a consumer: what reads the events of a store and keeps checkpoints. It is a projection or a process
// manager.
type ConsumerID struct {
	Name string
	// Version tells apart the versions of a projection's read model, which may be kept side by side. It counts from 1,
	// and other consumers have no other. Where a consumer is only read, 0 means the version that is live.
	Version int
}

// String returns the name, and the version where it is not the first.
func (id ConsumerID) String() string {
	if id.Version <= 1 {
		return id.Name
	}
	return id.Name + " (version " + strconv.Itoa(id.Version) + ")"
}

// Validate returns an error wrapping [ErrInvalid] when the name is not as [ValidateConsumer] says, or the version is not
// between 1 and [MaxConsumerVersion].
func (id ConsumerID) Validate() error {
	if err := ValidateConsumer(id.Name); err != nil {
		return err
	}
	if id.Version < 1 || id.Version > MaxConsumerVersion {
		return fmt.Errorf("%w: version of consumer %q is %d, it is from 1 to %d",
			ErrInvalid, id.Name, id.Version, MaxConsumerVersion)
	}
	return nil
}

const (
	// MaxConsumerBytes is the greatest length of a consumer's name.
	MaxConsumerBytes = 256
	// MaxConsumerVersion is the greatest version of a consumer.
	MaxConsumerVersion = 1_000_000
	// MaxPartitions is the greatest number of partitions of a consumer.
	MaxPartitions = 1024
)

// ValidateConsumer returns an error wrapping [ErrInvalid] when name cannot be the name of a consumer: it must be not
// empty, at most [MaxConsumerBytes] long, and valid UTF-8 without NUL.
func ValidateConsumer(name string) error {
	if err := validateName("name of the consumer", name); err != nil {
		return err
	}
	if n := len(name); n > MaxConsumerBytes {
		return fmt.Errorf("%w: name of the consumer is %d bytes, the limit is %d", ErrInvalid, n, MaxConsumerBytes)
	}
	return nil
}

// Definition is what a consumer says of itself, for those who look at it, and how it begins.
type Definition struct {
	// Kind is what messages call the consumer: "projection" or "process manager".
	Kind string
	// Categories are those it selects; none are all.
	Categories []string
	// Partitions is how many partitions a new consumer begins with. One that is there keeps its own.
	Partitions int
}

// Validate returns an error wrapping [ErrInvalid] when the number of partitions is not between 1 and [MaxPartitions].
func (d Definition) Validate() error { return ValidatePartitions(d.Partitions) }

// ValidatePartitions returns an error wrapping [ErrInvalid] when a consumer cannot have so many partitions.
func ValidatePartitions(partitions int) error {
	if partitions < 1 || partitions > MaxPartitions {
		return fmt.Errorf("%w: a consumer has 1 to %d partitions, not %d", ErrInvalid, MaxPartitions, partitions)
	}
	return nil
}

// DefinedConsumer is a consumer that was defined.
type DefinedConsumer struct {
	ConsumerID
	Definition

	// Live says that of the versions of its name this is the one that readers see.
	Live bool
	// WasLive says that it was live at some time: at first, or since a switch to it.
	WasLive   bool
	DefinedAt time.Time
}

// PartitionOf returns which of a number of partitions the events of a stream belong to. All programs and backends agree
// on it for ever: it is the 64-bit FNV-1a hash of the stream's name as it prints, mixed by the finalizer of MurmurHash3,
// modulo the number.
func PartitionOf(stream StreamID, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	hash := fnv1a(fnv1a(fnv1a(fnvOffset, stream.Category), "-"), stream.Key)
	hash = (hash ^ hash>>33) * 0xff51afd7ed558ccd
	hash = (hash ^ hash>>33) * 0xc4ceb9fe1a85ec53
	return int((hash ^ hash>>33) % uint64(partitions))
}

// The constants of FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/.
const (
	fnvOffset uint64 = 0xcbf29ce484222325
	fnvPrime  uint64 = 0x00000100000001b3
)

func fnv1a(hash uint64, s string) uint64 {
	for i := range len(s) {
		hash = (hash ^ uint64(s[i])) * fnvPrime
	}
	return hash
}
