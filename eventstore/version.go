package eventstore

import (
	"fmt"
	"math"
	"strconv"
)

// Version is an event's place in its stream: 1, 2, 3 and so on without gaps.
// The version of a stream is that of its last event; 0 is a stream with no events.
type Version int64

// VersionUnknown stands in a [ConflictError] when the store cannot say what the stream's version was.
const VersionUnknown Version = -1

// Position is an event's place in the whole store. Positions grow in the order of events and may have gaps.
// 0 is before the first event.
type Position int64

// ExpectedVersion is what an append requires of a stream. The zero value is [NoStream], the strictest.
type ExpectedVersion int64

const (
	// NoStream requires that the stream has no events. It equals Exactly(0).
	NoStream ExpectedVersion = 0
	// StreamExists requires that the stream has at least one event.
	StreamExists ExpectedVersion = -1
	// AnyVersion requires nothing.
	AnyVersion ExpectedVersion = -2

	// invalidExpectation is what Exactly makes of a negative version, lest it turn into a laxer expectation.
	invalidExpectation ExpectedVersion = math.MinInt64
)

// Exactly requires that the stream is at version v. An append with a negative v is refused with [ErrInvalid].
func Exactly(v Version) ExpectedVersion {
	if v < 0 {
		return invalidExpectation
	}
	return ExpectedVersion(v)
}

// Allows reports whether a stream at version actual meets the expectation.
func (e ExpectedVersion) Allows(actual Version) bool {
	switch e {
	case AnyVersion:
		return true
	case StreamExists:
		return actual > 0
	default:
		return Version(e) == actual
	}
}

// Exact returns the one version that e allows, and false when e allows several.
func (e ExpectedVersion) Exact() (Version, bool) { return Version(e), e >= 0 }

// String returns the expectation in words, such as "version 3" or "no stream".
func (e ExpectedVersion) String() string {
	switch {
	case e == NoStream:
		return "no stream"
	case e == StreamExists:
		return "an existing stream"
	case e == AnyVersion:
		return "any version"
	case e > 0:
		return "version " + strconv.FormatInt(int64(e), 10)
	default:
		return "an invalid version"
	}
}

func (e ExpectedVersion) validate() error {
	if e < AnyVersion {
		return fmt.Errorf("%w: expected version is negative", ErrInvalid)
	}
	return nil
}
