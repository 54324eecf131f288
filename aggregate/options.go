package aggregate

// DefaultAttempts is how often a command is tried where [Options] do not say.
const DefaultAttempts = 100

// Options changes what [New] makes. The zero value of a field is its default.
type Options struct {
	// Attempts is how often Execute and ExecuteOnce load, decide and append before they give up with the
	// [*eventstore.ConflictError]; the default is [DefaultAttempts], and 1 never tries again.
	//
	// An attempt fails only when another append to the same stream came between its load and its own append. So n calls
	// at the same time on one stream all succeed within n attempts, whatever their timing. What was decided on cached events
	// and then overtaken is no attempt. The context is the limit in time.
	Attempts int
	// Snapshots keep loads fast where streams are long; nil takes and reads none. The store must be an
	// [eventstore.Snapshots], and an [eventstore.Finder] if ExecuteOnce is to be fast too.
	Snapshots *SnapshotOptions
	// CacheBytes is about how much memory the repository uses for events of the streams that it has used last; 0 keeps
	// none. Execute then decides without reading the store, as the append tells when the stream has gone on; what is
	// refused, or leads to no events, is decided again on what the store has before it is answered. ExecuteOnce and Load
	// read what the store has after the cached events. A stream that would take more than a quarter of the memory is not
	// kept. States are not cached, so they share no memory.
	//
	// A stream that other processes write too costs an append in vain each time they have. And the cache relies on two
	// things. The codec makes the same of an event that was just encoded, of which ID, position, time and metadata are not
	// known yet, as of the stored one. And the store does not lose what it has acknowledged: after a restore from a backup,
	// or a failover to a replica that had not received everything, restart the processes that use the store.
	CacheBytes int
}

func (o *Options) attempts() int {
	if o == nil || o.Attempts <= 0 {
		return DefaultAttempts
	}
	return o.Attempts
}
