package main

import (
	"strconv"

	"github.com/pasttense/pasttense/eventstore"
)

const (
	category     = "counter"
	happenedType = "counter.happened"
)

// happened is the only event.
type happened struct {
	// Poison is the fault for which the event cannot be applied until it is repaired; 0 is none.
	Poison int `json:"poison,omitempty"`
}

var events = eventstore.JSON(category, map[string]happened{happenedType: {}})

func newEvent(poison int) (eventstore.EventData, error) {
	return events.Encode(happened{Poison: poison})
}

const (
	ordinaryStreams = 1000
	// poisonedStreams have events that cannot be applied: one for each of the faults.
	poisonedStreams = 6
	faults          = 2
)

// ordinaryStream is one of ordinaryStreams.
func ordinaryStream(number int) eventstore.StreamID {
	return eventstore.StreamID{Category: category, Key: strconv.Itoa(number)}
}

// poisonedStream is one of poisonedStreams.
func poisonedStream(number int) eventstore.StreamID {
	return eventstore.StreamID{Category: category, Key: "poisoned-" + strconv.Itoa(number)}
}
