package aggregate

import (
	"fmt"
	"math"
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Point says as of when an aggregate is looked at, see [Repository.LoadAt]. It is made by [AtVersion], [AtPosition] or
// [AtTime]; the zero value is no point.
type Point struct {
	axis     axis
	version  eventstore.Version
	position eventstore.Position
	time     time.Time
}

// axis is what a point is measured by.
type axis int

const (
	noAxis axis = iota
	byVersion
	byPosition
	byTime
)

// AtVersion is the point right after the event of that version; 0 is before the first event.
func AtVersion(version eventstore.Version) Point { return Point{axis: byVersion, version: version} }

// AtPosition is the point at which the stream has all of its events that are at or below a position of the store, such
// as that of an event in another stream, or the checkpoint of a projection.
//
// What lies before the point does not change any more once a subscription has passed the position, or the stream has an
// event beyond it. Until then an append that is under way may come to lie below it, since a stream is read as it is and
// not only as far as the store is stable. A position that the store has not reached is, for now, after the last event.
func AtPosition(position eventstore.Position) Point {
	return Point{axis: byPosition, position: position}
}

// AtTime is the point before the first event that was recorded later than the time, by the store's clock. As clocks
// step back now and then, an event may follow that bears an earlier time; it is left out, because the order of events
// is that of their versions. A time that has not come is, for now, after the last event.
func AtTime(at time.Time) Point { return Point{axis: byTime, time: at} }

// String returns what the point is measured by, and its value, such as "version 3".
func (p Point) String() string {
	switch p.axis {
	case byVersion:
		return fmt.Sprintf("version %d", p.version)
	case byPosition:
		return fmt.Sprintf("position %d", p.position)
	case byTime:
		return "time " + p.time.UTC().Format(time.RFC3339Nano)
	default:
		return "no point"
	}
}

// validate returns an error wrapping [eventstore.ErrInvalid] for what is no point.
func (p Point) validate() error {
	switch {
	case p.axis == noAxis:
		return fmt.Errorf("%w: make the point by AtVersion, AtPosition or AtTime", eventstore.ErrInvalid)
	case p.version < 0 || p.position < 0:
		return fmt.Errorf("%w: it is negative", eventstore.ErrInvalid)
	default:
		return nil
	}
}

// includes reports whether an event is before the point, if those before the event are.
func (p Point) includes(next eventstore.RecordedEvent) bool {
	switch p.axis {
	case byVersion:
		return next.Version <= p.version
	case byPosition:
		return next.Position <= p.position
	default:
		return !next.RecordedAt.After(p.time)
	}
}

// limited keeps a store from reading what is beyond the point, where reading begins with the event of a version, or at the
// beginning with 0.
func (p Point) limited(from eventstore.Version) eventstore.ReadOptions {
	if p.axis != byVersion {
		return eventstore.ReadOptions{}
	}
	events := p.version - max(from, 1) + 1
	return eventstore.ReadOptions{Limit: int(min(max(events, 1), math.MaxInt))}
}
