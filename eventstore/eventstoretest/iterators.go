package eventstoretest

import (
	"errors"
	"fmt"
	"iter"

	"github.com/pasttense/pasttense/eventstore"
)

// iteratorClauses hold: a loop may end early and call the store again, and holds nothing that others need meanwhile.
func iteratorClauses() []clause[*trial] {
	return []clause[*trial]{
		{name: "loops that end early", check: loopsEndEarly},
		{name: "a loop body that calls the store", check: loopBodyCallsStore},
		{name: "many loops at once", check: manyLoopsAtOnce},
		{name: "a loop body that panics", check: loopBodyPanics},
	}
}

// loops gives each kind of loop, over stream a or over everything, as a sequence of nothing but errors.
func (c *trial) loops() map[string]iter.Seq[error] {
	return map[string]iter.Seq[error]{
		"ReadStream":           errorsOf(c.Store.ReadStream(c.ctx, stream("a"), eventstore.ReadOptions{})),
		"ReadStream backwards": errorsOf(c.Store.ReadStream(c.ctx, stream("a"), eventstore.ReadOptions{Backwards: true})),
		"ReadAll":              errorsOf(c.Store.ReadAll(c.ctx, 0, everything)),
		"Subscribe":            errorsOf(c.Store.Subscribe(c.ctx, 0, everything)),
	}
}

func errorsOf[V any](sequence iter.Seq2[V, error]) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, err := range sequence {
			if !yield(err) {
				return
			}
		}
	}
}

func loopsEndEarly(c *trial) {
	c.append(write("a", eventstore.NoStream, events(1000)...))
	for range 5 {
		for name, loop := range c.loops() {
			for err := range loop {
				c.ok(err, "%s", name)
				break
			}
		}
	}
	c.append(begins("after"))
	equal(c, "events", len(c.all(c.Store)), 1001)
}

func loopBodyCallsStore(c *trial) {
	c.append(write("a", eventstore.NoStream, events(10)...))
	n := 0
	for name, loop := range c.loops() {
		rounds := 0
		for err := range loop {
			c.ok(err, "%s", name)
			c.append(begins(counted("inner", n)), write("a", eventstore.AnyVersion, events(1)...))
			c.head(c.Store)
			c.stream(c.Store, "a")
			c.all(c.Store)
			c.follow(c.Store, 0, everything, habits{}).starts()
			n++
			rounds++
			if rounds == 5 {
				break
			}
		}
	}
	equal(c, "events", len(c.all(c.Store)), 10+2*n)
}

// manyLoopsAtOnce has more loops open than a pool has connections.
func manyLoopsAtOnce(c *trial) {
	const copies = 13
	c.append(write("a", eventstore.NoStream, events(1000)...))
	var loops []*openLoop
	defer func() {
		for _, loop := range loops {
			loop.stop()
		}
	}()
	for range copies {
		for name, sequence := range c.loops() {
			loop := open(name, sequence)
			loops = append(loops, loop)
			c.ok(loop.step(), "%s, the first time", name)
		}
	}
	c.race(8, func(i int) error {
		_, err := c.Store.Append(c.ctx, begins(counted("between", i)))
		return err
	})
	equal(c, "events", len(c.all(c.Store)), 1008)
	for _, loop := range loops {
		c.ok(loop.step(), "%s, the second time", loop.name)
	}
}

// openLoop is a loop that stands still in its body.
type openLoop struct {
	name string
	next func() (error, bool)
	stop func()
}

func open(name string, sequence iter.Seq[error]) *openLoop {
	next, stop := iter.Pull(sequence)
	return &openLoop{name: name, next: next, stop: stop}
}

// step lets the loop go round once. It returns an error when the loop has ended.
func (l *openLoop) step() error {
	err, more := l.next()
	if !more {
		return errors.New("there is nothing more")
	}
	return err
}

func loopBodyPanics(c *trial) {
	c.append(write("a", eventstore.NoStream, events(100)...))
	for range 10 {
		for name, loop := range c.loops() {
			c.ok(recovered(func() {
				for err := range loop {
					if err == nil {
						panic(name)
					}
				}
			}, name), "panic in a loop body")
		}
	}
	c.append(begins("after"))
	equal(c, "events", len(c.all(c.Store)), 101)
}

// recovered runs f and returns an error unless it panics with the value wanted.
func recovered(f func(), want any) (err error) {
	defer func() {
		if got := recover(); got != want {
			err = errors.Join(err, fmt.Errorf("the panic was %v, want %v", got, want))
		}
	}()
	f()
	return nil
}
