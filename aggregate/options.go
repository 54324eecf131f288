package aggregate

// DefaultAttempts is how often a command is tried where [Options] do not say.
const DefaultAttempts = 100

// Options changes what [New] makes. The zero value of a field is its default.
type Options struct {
	// Attempts is how often Execute and ExecuteOnce load, decide and append before they give up with the
	// [*eventstore.ConflictError]; the default is [DefaultAttempts], and 1 never tries again.
	//
	// An attempt fails only when another append to the same stream came between its load and its own append. So n calls
	// at the same time on one stream all succeed within n attempts, whatever their timing. The context is the limit in
	// time.
	Attempts int
}

func (o *Options) attempts() int {
	if o == nil || o.Attempts <= 0 {
		return DefaultAttempts
	}
	return o.Attempts
}
