package main

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// plannedOrder is what is done with an order, and when, counted from the beginning.
type plannedOrder struct {
	key        string
	placed     placed
	placedAt   time.Duration
	checkedOut time.Duration // the same as placedAt: in one append
	// failedAt is when the instance is failed by hand, 0 for never.
	failedAt time.Duration
	// unlucky has mails that fail until the instance is parked and somebody repairs that.
	unlucky bool
}

const (
	keepingPart, refusingPart, atOncePart = 0.3, 0.15, 0.2
	failedPart, unluckyPart               = 0.06, 0.04
	// mostLate is how long after the placement the checkout comes at most, and so the reminder. The order is closed that long
	// after the checkout, so that a reminder which was not canceled fires before.
	mostLate = 3 * time.Second
	// mostAfter is how long after the checkout an instance is failed by hand at most: in the midst of it.
	mostAfter = 500 * time.Millisecond
)

// plan draws so many orders, which are placed at random over a time.
func plan(rng *rand.Rand, orders int, over time.Duration) []plannedOrder {
	chance := func(part float64) bool { return rng.Float64() < part }
	upTo := func(d time.Duration) time.Duration { return time.Duration(rng.Float64() * float64(d)) }
	all := make([]plannedOrder, orders)
	for n := range all {
		o := plannedOrder{
			key:      strconv.Itoa(n),
			placed:   placed{RemindAfter: upTo(mostLate), Keeps: chance(keepingPart), Refuses: chance(refusingPart)},
			placedAt: upTo(over),
			unlucky:  chance(unluckyPart),
		}
		o.checkedOut = o.placedAt
		if !chance(atOncePart) {
			o.checkedOut += upTo(mostLate)
		}
		if chance(failedPart) {
			o.failedAt = o.checkedOut + upTo(mostAfter)
		}
		all[n] = o
	}
	return all
}
