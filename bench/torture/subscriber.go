package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// subscription says what a subscriber selects and how it behaves.
type subscription struct {
	Index    int // among those of all processes
	Name     string
	Filter   eventstore.Filter
	Through  int64 // its checkpoint
	Slow     bool  // it takes its time for each batch
	Restless bool  // it throws a batch away now and then, and subscribes again from its checkpoint
}

// subscriptions returns what the main process and the child subscribe to.
func subscriptions() (ours, childs []subscription) {
	all := eventstore.Filter{}
	category := eventstore.Filter{Categories: []string{"order"}}
	types := eventstore.Filter{Types: []string{eventType(1), eventType(3)}}
	both := eventstore.Filter{Categories: []string{"cart", "skew"}, Types: []string{eventType(0), eventType(1)}}
	ours = []subscription{
		{Name: "all", Filter: all},
		{Name: "all, restarted", Filter: all, Restless: true},
		{Name: "all, slow", Filter: all, Slow: true},
		{Name: "category", Filter: category},
		{Name: "category, slow, restarted", Filter: category, Slow: true, Restless: true},
		{Name: "types", Filter: types},
		{Name: "types, restarted", Filter: types, Restless: true},
		{Name: "categories and types", Filter: both, Restless: true},
	}
	childs = []subscription{
		{Name: "child: all", Filter: all},
		{Name: "child: category, slow", Filter: category, Slow: true},
		{Name: "child: types, restarted", Filter: types, Restless: true},
	}
	for i := range ours {
		ours[i].Index = i
	}
	for i := range childs {
		childs[i].Index = len(ours) + i
	}
	return ours, childs
}

const (
	restartOneIn = 40 // batches
	slowest      = 40 * time.Millisecond
)

var errRestart = errors.New("a restart on purpose")

// subscriber follows the store from its checkpoint, which it moves with each batch that it handles.
type subscriber struct {
	*process
	subscription
	rng    *rand.Rand
	thrown []sighting // the batch that was thrown away: the next ones must begin with it
}

func newSubscriber(p *process, s subscription) *subscriber {
	return &subscriber{process: p, subscription: s, rng: p.random(subscriberRole, s.Index)}
}

// run subscribes until ctx ends, again after each error.
func (s *subscriber) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errRestart):
			s.report.count("subscriber: restarted from its checkpoint")
		case err == nil:
			s.report.wrong("subscriber %q: the sequence ended", s.Name)
			return
		default:
			s.failed("subscriber", err)
		}
		wait.For(ctx, wait.RetryPause)
	}
}

func (s *subscriber) follow(ctx context.Context) error {
	for b, err := range s.reader.Subscribe(ctx, eventstore.Position(s.Through), s.Filter) {
		if err != nil {
			return err
		}
		seen := s.look(b)
		if s.Restless && s.rng.IntN(restartOneIn) == 0 {
			if len(seen) > len(s.thrown) {
				s.thrown = seen
			}
			return errRestart
		}
		s.expectThrown(seen)
		s.Through = int64(b.Through)
		s.report(report{Batch: &batch{Subscriber: s.Index, Through: s.Through, Seen: seen}})
		if s.Slow && !s.finishing.Load() {
			wait.For(ctx, time.Duration(s.rng.Int64N(int64(slowest))))
		}
	}
	return nil
}

// look takes down the events of a batch, which lie between the checkpoint and its Through. Their order is for the checker.
func (s *subscriber) look(b eventstore.Batch) []sighting {
	seen := make([]sighting, 0, len(b.Events))
	for _, event := range b.Events {
		sighted, err := sight(event)
		switch {
		case err != nil:
			s.report.wrong("subscriber %q: %v", s.Name, err)
		case !s.Filter.Matches(event.Stream.Category, event.Type):
			s.report.wrong("subscriber %q was given %s of stream %s at position %d, which it has not selected",
				s.Name, event.Type, event.Stream, event.Position)
		case event.Position > b.Through:
			s.report.wrong("subscriber %q was given position %d through %d", s.Name, event.Position, b.Through)
		}
		seen = append(seen, sighted)
	}
	if int64(b.Through) < s.Through {
		s.report.wrong("subscriber %q: Through went back from %d to %d", s.Name, s.Through, b.Through)
	}
	return seen
}

// expectThrown compares what comes with what was thrown away: nothing may have appeared among it meanwhile.
func (s *subscriber) expectThrown(seen []sighting) {
	n := min(len(seen), len(s.thrown))
	for i := range n {
		if seen[i] != s.thrown[i] {
			s.report.wrong("subscriber %q was given position %d, and %d in its place when it asked again after %d",
				s.Name, s.thrown[i].Position, seen[i].Position, s.Through)
			break
		}
	}
	s.thrown = s.thrown[n:]
}
