package eventstoretest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/memstore"
)

// otherAwait is a target with another Await.
type otherAwait struct {
	*memstore.Target

	await awaitFunc
}

type (
	doneFunc  = func(all []eventstore.Checkpoint) bool
	awaitFunc = func(
		ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
	) ([]eventstore.Checkpoint, error)
)

func (f otherAwait) Await(
	ctx context.Context, id eventstore.ConsumerID, every time.Duration, done func(all []eventstore.Checkpoint) bool,
) ([]eventstore.Checkpoint, error) {
	return f.await(ctx, f.Target, id, every, done)
}

func awaiting(await awaitFunc) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return otherAwait{target, await} }
}

// TestAwaitFlawsAreNoticed breaks Await.
func TestAwaitFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{"it only looks now and then", awaiting(nowAndThen), []string{
			"await/what is so already is returned at once",
			"await/a change by the same handle is seen soon",
			"await/every kind of change is seen",
		}},
		{"it looks once", awaiting(lookOnce), []string{
			"await/a change by the same handle is seen soon",
			"await/a change by another handle is seen",
			"await/a change by another handle ends a long wait",
			"await/a lease that runs out is seen",
			"await/a consumer that is not defined is awaited",
			"await/many waiters",
		}},
		{"it looks no more after a while", awaiting(tiring), []string{"await/a change by another handle ends a long wait"}},
		{"it sees a part of a move", awaiting(uncounted), []string{"await/a move by the same handle is seen in full"}},
		{"it never looks by itself", awaiting(neverLooking), []string{"await/a lease that runs out is seen"}},
		{"it returns too early", awaiting(lookOnly), []string{
			"await/a change by the same handle is seen soon",
			"await/many waiters",
		}},
		{"it forgets what it saw", awaiting(forgetful), []string{"await/an ended context returns what was seen"}},
		{"one waits at a time", oneWaiter(), []string{"await/many waiters"}},
	})
}

func nowAndThen(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	for {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if all, err := target.Checkpoints(ctx, id); err != nil || done(all) {
			return all, err
		}
	}
}

func lookOnce(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, _ time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	all, err := target.Checkpoints(ctx, id)
	if err != nil || done(all) {
		return all, err
	}
	<-ctx.Done()
	return all, ctx.Err()
}

func tiring(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	for begun := time.Now(); time.Since(begun) < 5*moment; {
		all, err := target.Checkpoints(ctx, id)
		if err != nil || done(all) {
			return all, err
		}
		select {
		case <-time.After(min(every, moment)):
		case <-ctx.Done():
			return all, ctx.Err()
		}
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func uncounted(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	withoutCount := func(all []eventstore.Checkpoint) []eventstore.Checkpoint {
		all = slices.Clone(all)
		for i := range all {
			all[i].Handled = 0
		}
		return all
	}
	all, err := target.Await(ctx, id, every, func(all []eventstore.Checkpoint) bool { return done(withoutCount(all)) })
	return withoutCount(all), err
}

func neverLooking(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, _ time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	return target.Await(ctx, id, long, done)
}

func lookOnly(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, _ time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	all, err := target.Checkpoints(ctx, id)
	done(all)
	return all, err
}

func forgetful(
	ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
) ([]eventstore.Checkpoint, error) {
	all, err := target.Await(ctx, id, every, done)
	if err != nil {
		all = nil
	}
	return all, err
}

func oneWaiter() func(target *memstore.Target) memstoreTarget {
	turn := make(chan struct{}, 1)
	return awaiting(func(
		ctx context.Context, target *memstore.Target, id eventstore.ConsumerID, every time.Duration, done doneFunc,
	) ([]eventstore.Checkpoint, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return target.Await(ctx, id, every, done)
	})
}

// backwards lists what is parked and skipped in the other order.
type backwards struct{ *memstore.Target }

func (f backwards) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	all, err := f.Target.Parked(ctx, id, query)
	slices.Reverse(all)
	return all, err
}

func (f backwards) Skipped(ctx context.Context, id eventstore.ConsumerID, limit int) ([]eventstore.Skipped, error) {
	all, err := f.Target.Skipped(ctx, id, limit)
	slices.Reverse(all)
	return all, err
}

// boundless skips limits.
type boundless struct{ *memstore.Target }

func (f boundless) Skipped(ctx context.Context, id eventstore.ConsumerID, _ int) ([]eventstore.Skipped, error) {
	return f.Target.Skipped(ctx, id, 1000)
}

// partial keeps not all of what is parked.
type partial struct {
	*memstore.Target

	lose func(p *eventstore.Parked)
}

func (f partial) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	all, err := f.Target.Parked(ctx, id, query)
	for i := range all {
		f.lose(&all[i])
	}
	return all, err
}

func losing(lose func(p *eventstore.Parked)) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return partial{target, lose} }
}

// asked answers another query than the one that it is asked.
type asked struct {
	*memstore.Target

	change func(query *eventstore.ParkedQuery)
}

func (f asked) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	f.change(&query)
	return f.Target.Parked(ctx, id, query)
}

func asking(change func(query *eventstore.ParkedQuery)) func(target *memstore.Target) memstoreTarget {
	return func(target *memstore.Target) memstoreTarget { return asked{target, change} }
}

// retryless does nothing when it is asked to retry or discard.
type retryless struct{ *memstore.Target }

func (retryless) Retry(context.Context, eventstore.ConsumerID, eventstore.StreamID) error { return nil }

func (retryless) Discard(context.Context, eventstore.ConsumerID, eventstore.StreamID) error {
	return nil
}

// discarding gives up what it is asked to retry.
type discarding struct{ *memstore.Target }

func (f discarding) Retry(ctx context.Context, id eventstore.ConsumerID, stream eventstore.StreamID) error {
	return f.Discard(ctx, id, stream)
}

// sharing keeps what consumers park in one place.
type sharing struct{ *memstore.Target }

func (f sharing) Parked(
	ctx context.Context, id eventstore.ConsumerID, query eventstore.ParkedQuery,
) ([]eventstore.Parked, error) {
	if id.Version > 1 {
		id.Version = 1
	}
	return f.Target.Parked(ctx, id, query)
}

// TestParkingFlawsAreNoticed breaks what is told of what is parked.
func TestParkingFlawsAreNoticed(t *testing.T) {
	t.Parallel()
	areNoticedInTargets(t, []flawedTarget{
		{"lists are backwards", func(target *memstore.Target) memstoreTarget { return backwards{target} }, []string{
			"parking/sequences are listed by position",
			"parking/skipped events are listed from the latest",
		}},
		{"a limit is ignored", func(target *memstore.Target) memstoreTarget { return boundless{target} }, []string{
			"parking/skipped events are listed from the latest",
		}},
		{"attempts are lost", losing(func(p *eventstore.Parked) { p.Attempts = 0 }), []string{
			"parking/sequences are parked with the move",
			"parking/a sequence stays parked as it is now",
		}},
		{"a reason is lost", losing(func(p *eventstore.Parked) { p.Reason = "" }), []string{
			"parking/sequences are parked with the move",
			"parking/a reason of any bytes",
		}},
		{"nobody knows since when", losing(func(p *eventstore.Parked) { p.ParkedAt = time.Now() }), []string{
			"parking/a sequence stays parked as it is now",
		}},
		{"names lose their marks", losing(func(p *eventstore.Parked) { p.Stream.Key = "a" }), []string{
			"parking/odd streams are distinct",
			"parking/what was handled is parked no more",
			"parking/many sequences in one move",
		}},
		{"all streams are wanted", asking(func(q *eventstore.ParkedQuery) { q.Streams = nil }), []string{
			"parking/a query finds what it wants",
		}},
		{"whether to retry is of no account", asking(func(q *eventstore.ParkedQuery) { q.Retry = false }), []string{
			"parking/a query finds what it wants",
		}},
		{"pages begin anew", asking(func(q *eventstore.ParkedQuery) { q.After = 0 }), []string{
			"parking/a query finds what it wants",
			"parking/an invalid query is refused",
		}},
		{"pages do not end", asking(func(q *eventstore.ParkedQuery) { q.Limit = 0 }), []string{
			"parking/a query finds what it wants",
			"parking/the latest come first",
			"parking/an invalid query is refused",
		}},
		{"reasons come along", asking(func(q *eventstore.ParkedQuery) { q.WithoutReason = false }), []string{
			"parking/a query finds what it wants",
		}},
		{"there is one order", asking(func(q *eventstore.ParkedQuery) { q.LatestFirst = false }), []string{
			"parking/the latest come first",
		}},
		{"nothing is retried or discarded", func(target *memstore.Target) memstoreTarget { return retryless{target} }, []string{
			"retry and discard/retry marks a sequence and begins an epoch",
			"retry and discard/discard removes a sequence and begins an epoch",
			"retry and discard/what is not parked is refused",
			"retry and discard/one of many racing discards wins",
			"retry and discard/a discard races a move",
			"retry and discard/an ended context ends every method",
		}},
		{"a retry is a discard", func(target *memstore.Target) memstoreTarget { return discarding{target} }, []string{
			"retry and discard/retry marks a sequence and begins an epoch",
		}},
		{"consumers share", func(target *memstore.Target) memstoreTarget { return sharing{target} }, []string{
			"parking/consumers park for themselves",
		}},
	})
}
