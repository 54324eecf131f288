package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/pasttense/pasttense/bench/internal/wait"
	"github.com/pasttense/pasttense/eventstore"
)

// Roles tell the sources of chance apart.
const (
	writerRole = iota + 1
	subscriberRole
	terminatorRole
	serverKillerRole
	childKillerRole
	skewRole
	proxyRole
)

const (
	meanPause  = 3 * time.Millisecond // of a writer between appends
	manyEvents = 500
)

// writer appends at random, one append after the other.
type writer struct {
	*process
	rng  *rand.Rand
	made []made // the last appends with IDs of their own, to be repeated
	lost bool   // the last step has found the database gone
}

func newWriter(p *process, index int) *writer {
	return &writer{process: p, rng: p.random(writerRole, index)}
}

func (w *writer) run(ctx context.Context) {
	for {
		w.lost = false
		w.step(ctx)
		rest := time.Duration(w.rng.ExpFloat64() * float64(meanPause))
		if w.lost {
			rest += wait.RetryPause
		}
		select {
		case <-w.stop:
			return
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// step does one thing of those there are.
func (w *writer) step(ctx context.Context) {
	switch n := w.rng.IntN(100); {
	case n < 60:
		w.append(ctx, w.plan())
	case n < 67:
		w.repeat(ctx)
	case n < 70:
		w.reuse(ctx)
	case n < 74:
		w.skew(ctx)
	case n < 82:
		w.read(ctx)
	default:
		w.transaction(ctx)
	}
}

// plan composes an append: usually of a few events to one stream.
func (w *writer) plan() *plan {
	p := &plan{given: w.rng.IntN(6) == 0}
	number, index := w.appends.Add(1), 0
	streams, checks := 1, 0
	switch n := w.rng.IntN(20); {
	case n < 2:
		streams = 2 + w.rng.IntN(4)
	case n < 4:
		checks = 1 + w.rng.IntN(2)
	}
	add := func(stream streamNumber, count int) {
		if !p.writesTo(stream) {
			p.add(stream, w.expectation(stream), newTag(w.Incarnation, number, index), count)
			index += count
		}
	}
	for range streams {
		add(w.stream(), w.count())
	}
	for range checks {
		add(w.stream(), 0)
	}
	w.rng.Shuffle(len(p.writes), func(i, j int) {
		p.writes[i], p.writes[j] = p.writes[j], p.writes[i]
		p.records[i], p.records[j] = p.records[j], p.records[i]
	})
	return p
}

func (w *writer) count() int {
	if w.rng.IntN(300) == 0 {
		return 1 + w.rng.IntN(manyEvents)
	}
	return 1 + w.rng.IntN(3)
}

// stream returns a hot one, one of many, or a new one.
func (w *writer) stream() streamNumber {
	category := w.rng.IntN(skewCategory)
	switch n := w.rng.IntN(10); {
	case n < 3:
		return newStream(category, w.rng.IntN(hotKeys))
	case n < 8:
		return newStream(category, w.rng.IntN(sharedKeys))
	default:
		return newStream(category, w.newKey())
	}
}

// newKey returns the key of streams that nobody has written to.
func (p *process) newKey() int {
	const keysPerProcess = 1 << 21
	return p.Incarnation*keysPerProcess + sharedKeys + int(p.streams.Add(1))%(keysPerProcess-2*sharedKeys)
}

// expectation returns what the stream probably meets, and now and then what it does not.
func (w *writer) expectation(stream streamNumber) eventstore.ExpectedVersion {
	version := w.version(stream)
	switch n := w.rng.IntN(20); {
	case n == 0:
		return eventstore.NoStream
	case n == 1:
		return eventstore.Exactly(version + 1)
	case n < 5 && version > 0:
		return eventstore.StreamExists
	case n < 12:
		return eventstore.Exactly(version)
	default:
		return eventstore.AnyVersion
	}
}

// read reads a stream's last events and learns its version.
func (w *writer) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	stream := w.stream()
	var last eventstore.Version
	options := eventstore.ReadOptions{Backwards: true, Limit: 1 + w.rng.IntN(20)}
	for event, err := range w.appender.ReadStream(ctx, stream.id(), options) {
		if err != nil {
			w.failed("read", err)
			return
		}
		if _, err := sight(event); err != nil {
			w.report.wrong("%v", err)
		}
		if last == 0 {
			w.learn(stream, event.Version)
		} else if event.Version != last-1 {
			w.report.wrong("stream %s was read backwards: version %d after %d", stream.id(), event.Version, last)
		}
		last = event.Version
	}
	w.report.count("streams read")
}

func (w *writer) failed(what string, err error) {
	w.lost = classify(err) == connectionError
	w.process.failed(what, err)
}

// failed counts an expected error, and reports one that is not.
func (p *process) failed(what string, err error) {
	if kind := classify(err); kind != "" && kind != deadlineError {
		p.report.count(what + ": " + kind)
		return
	}
	p.report.wrong("unexpected error of %s: %v", what, err)
}
