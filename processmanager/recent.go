package processmanager

import (
	"container/list"
	"sync"

	"github.com/pasttense/pasttense/eventstore"
)

// maxRecent is how many instances a manager remembers.
const maxRecent = 1000

// recent are the instances that a manager has written last, so that it need not read them again when it dispatches what
// they have just decided. What it has of an instance may be older than the stream, and then an append finds that out.
type recent struct {
	mu    sync.Mutex
	order list.List // of *instance, the one that was written last at the front
	byKey map[string]*list.Element
}

func newRecent() *recent { return &recent{byKey: make(map[string]*list.Element)} }

// remember takes note of an instance as it was written. One that has not started, or has nothing more to do, is
// forgotten.
func (r *recent) remember(i *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(i.stream.Key)
	if !i.hasStarted() || i.isOver() && len(i.Pending) == 0 {
		return
	}
	r.byKey[i.stream.Key] = r.order.PushFront(i.clone())
	if r.order.Len() > maxRecent {
		r.forget(r.order.Back().Value.(*instance).stream.Key)
	}
}

// drop forgets an instance that others may have gone on with.
func (r *recent) drop(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(key)
}

func (r *recent) forget(key string) {
	if found := r.byKey[key]; found != nil {
		r.order.Remove(found)
		delete(r.byKey, key)
	}
}

// recall returns an instance if it is remembered as of at least a version, and nil otherwise.
func (r *recent) recall(key string, version eventstore.Version) *instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := r.byKey[key]
	if found == nil || found.Value.(*instance).version < version {
		return nil
	}
	return found.Value.(*instance).clone()
}
