package pgstore

import (
	"context"

	"github.com/pasttense/pasttense/eventstore"
)

// lookUnless waits until it is time, and looks, unless somebody has since changed was current. It is called with the
// token.
func (l *live) lookUnless(ctx context.Context, changed <-chan struct{}, position eventstore.Position) error {
	select {
	case <-changed:
		return nil
	default:
	}
	if err := l.watch.wait(ctx); err != nil {
		return err
	}
	wake := l.tail.store.wake.next()
	after := l.begin()
	view, err := l.tail.store.look(ctx, l.query, after, l.pages.limit)
	if err != nil {
		l.fail(ctx)
		return err
	}
	if view.page.full {
		l.pages.read(view.page)
	} else {
		l.pages = newPager()
	}
	l.watch.looked(view, wake)
	l.publish(view, position)
	l.delay.observe(ctx, view)
	return nil
}

// begin returns where the look begins, having settled what it selects.
func (l *live) begin() eventstore.Position {
	t := l.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	l.looking = true
	if t.interests.version != l.version {
		l.version = t.interests.version
		l.selectAll(t.interests.selection())
	}
	return l.window.through
}

func (l *live) selectAll(wanted selection) {
	if wanted.equal(l.selection) {
		return
	}
	l.selection, l.since = wanted, l.window.through
	l.query = newPlainQuery(l.tail.store.sql.readAll, wanted)
}

// publish hands what was seen to the subscriptions.
func (l *live) publish(view view, position eventstore.Position) {
	l.tail.mu.Lock()
	defer l.tail.mu.Unlock()
	l.looking = false
	through := view.through(l.window.through)
	if through == l.window.through && view.head == l.head {
		return
	}
	l.window.add(view.page.events, through)
	l.head = view.head
	if view.page.full && position > through {
		// What lies between is wanted only by those who are busy. They go on by themselves.
		l.window = newWindow(position)
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// fail ends the window after an error. The end of the looker's own context concerns nobody else: the next one looks.
func (l *live) fail(ctx context.Context) {
	t := l.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	l.looking = false
	if ctx.Err() != nil {
		return
	}
	l.over = true
	close(l.changed)
	if t.live == l {
		t.live = nil
	}
}
