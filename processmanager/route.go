package processmanager

import (
	"time"

	"github.com/pasttense/pasttense/eventstore"
)

// Route says which instance an event is for, and what it may do there. It is made by [Start], [Continue] and
// [StartOrContinue]. The zero value is an event that is not for this process.
type Route struct {
	key     string
	mode    mode
	missing missing
	limit   time.Duration
}

// mode is what an event may do.
type mode int

const (
	ignoring mode = iota
	starting
	continuing
	startingOrContinuing
)

// missing is what becomes of an event for an instance that has not started.
type missing int

const (
	missingIgnored missing = iota
	missingKept
	missingFails
)

// Start routes an event that starts an instance. Where the instance has started already, the event is recorded there and
// not reacted to. An empty key is an event that is not for this process, here and in the functions below.
func Start(key string) Route { return routeTo(key, starting) }

// Continue routes an event that continues an instance. Where the instance has not started, the event is ignored, unless
// [Route.OrKeep] or [Route.OrFail] say otherwise.
func Continue(key string) Route { return routeTo(key, continuing) }

// StartOrContinue routes an event that starts an instance where there is none, and continues it where there is one.
func StartOrContinue(key string) Route { return routeTo(key, startingOrContinuing) }

func routeTo(key string, m mode) Route {
	if key == "" {
		return Route{}
	}
	return Route{key: key, mode: m}
}

// OrKeep keeps an event that [Continue] routes to an instance that has not started: the instance reacts to it right
// after it has started, unless what starts it was recorded more than the limit later than the event was.
func (r Route) OrKeep(limit time.Duration) Route {
	r.missing, r.limit = missingKept, limit
	return r
}

// OrFail makes it an error that an event which [Continue] routes is for an instance that has not started. The events of
// that instance are then parked, and so is the one that would start it: [Manager.Skip] is the way out.
func (r Route) OrFail() Route {
	r.missing = missingFails
	return r
}

// ByStream starts or continues the instance that has the key of the event's stream: one instance for each order, say.
func ByStream[E any](e eventstore.Envelope[E]) Route { return StartOrContinue(e.Stream.Key) }
