// Package aggregate makes decisions on event streams: commands in, events out.
//
// An aggregate is one thing that is decided on as a whole, such as an order. Its state is what its events add up to,
// and its rules are what its commands may decide. Both are plain values with one pure method each:
//
//	type Order struct {
//		Items      []string
//		CheckedOut bool
//	}
//
//	func (o Order) Evolve(e Event) Order { … } // what an event means for the state; cannot fail
//
//	type AddItem struct{ Name string }
//
//	func (c AddItem) Decide(o Order) ([]Event, error) { … } // which events happen, or why none may
//
// A [Repository] joins them to a store. Execute loads the stream, lets the commands decide, and appends what they
// decided on the condition that nobody else has appended meanwhile. If somebody has, it starts again from the new
// state.
//
//	orders := aggregate.New[Order](store, Events, nil)
//	result, err := orders.Execute(ctx, "42", AddItem{Name: "Socks"}, Checkout{})
//
// Events are a closed set, so one switch in Evolve has them all. Commands are an open set: each is a type of its own,
// and one that belongs to another aggregate does not compile.
//
// # Value receivers
//
// Evolve must be declared on the value type, and the state given to [New] as the value type. With a pointer receiver
// the compiler says
//
//	S (type Order) does not satisfy State[S, E] (method Evolve has pointer receiver)
//
// and the remedy is func (o Order) instead of func (o *Order). New[*Order] compiles where Evolve returns *Order, and
// panics: the zero value of a pointer is not an order without events.
//
// # Pure functions
//
// Evolve and Decide are called as often as it takes, so neither may do anything but compute: no clock, no random
// numbers, no calls to other systems. Whatever a decision needs from outside is looked up before and is a field of the
// command.
//
// # States that share memory
//
// A state is a value, but the slices and maps in it are shared by its copies. This package never evolves the same state
// value twice, and never shares one between calls: each call folds its own, from the zero value or from a snapshot that it
// has decoded for itself, each Evolve is given what the last one returned, and an attempt that lost a race is thrown away
// whole. Therefore
//
//   - Evolve may append to a slice of its receiver, o.Items = append(o.Items, e.Name), although the slice may have room
//     for more and the new item is then written into memory that the receiver shares;
//   - Evolve may write to a map of its receiver, once it has made one where there was none;
//   - Evolve may keep slices and maps of the event, if the codec decodes into new memory each time, as that of
//     [eventstore.JSON] does.
//
// Decide must not change the state, neither elements of its slices nor its maps. Its events may share memory with the
// state: they are encoded before any of them is applied.
//
// The state in a [Result] belongs to the caller, who may change it. Code that evolves one state value twice, to see
// what either of two events would lead to, must do without the liberties above: there Evolve has to copy what it
// changes, with [slices.Clip] before an append and [maps.Clone] before a write.
//
// A state that has one pointer or map in two places is not kept as a snapshot, since it would come back with two.
//
// # What a state is folded from
//
// Every state is folded from events as the codec reads them, also the events just decided, which pass through the codec
// before they reach Evolve. So Execute returns the state that Load returns afterwards; a field that is not stored is
// missing in a test already; and an event decided as a pointer reaches Evolve as a value. An event that cannot be read
// back is never appended.
//
// # Commands that come twice
//
// A message may be delivered again, and an HTTP request repeated, after a first delivery whose answer was lost.
// [Repository.ExecuteOnce] takes an ID for the command, and answers a repeat with the outcome of the first execution.
//
// # Long streams, and streams that are used often
//
// Loading folds all events of a stream. With [Options].Snapshots it starts from a snapshot of the state, which the store
// keeps beside the events and on which nothing depends: whatever is wrong with it, the events are folded. Snapshots
// are taken when commands were recorded, by a goroutine that [Repository.Close] waits for. With [Options].CacheBytes the
// repository keeps events of the streams that it used last, so that Execute need not read before it appends.
//
// # Looking back
//
// [Repository.LoadAt] returns the state at a [Point]: a version, a position of the store or a time.
//
// # Testing
//
// Package aggregatetest tests decisions: given these events, when this command is executed, then those events follow.
package aggregate
