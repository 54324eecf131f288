// Package eventstore defines what an event store is: streams of events that are only ever added to, and the words to
// speak of them. Packages pgstore and memstore implement it, on Postgres and in memory.
//
// # Streams
//
// An event is a fact that was recorded: an item was added to order 42. The events of one thing are its stream, named by
// a [StreamID] of a category and a key: the stream order-42. Within its stream an event has a [Version], 1, 2, 3 and so
// on without gaps; in the whole store it has a [Position], which grows and may have gaps.
//
// A stream is written with Append, which says what it expects of the stream. Who has read order-42 up to version 3 and
// decided on that ground appends with Exactly(3), and gets a [*ConflictError] when somebody else was first:
//
//	_, err := store.Append(ctx, eventstore.Write{
//		Stream:   eventstore.StreamID{Category: "order", Key: "42"},
//		Expected: eventstore.Exactly(3),
//		Events:   []eventstore.EventData{{Type: "order.item-added", Data: []byte(`{"name":"Socks"}`)}},
//	})
//
// One append can write several streams, and check the versions of streams that it does not write: all of it happens, or
// nothing. See [Store] for what an append guarantees.
//
// # Subscriptions
//
// A subscription reads all events from a position and then on as they come. It is complete: a reader that was given
// position 17 will never find that another event has appeared at 16. That is hard where transactions that drew their
// positions early commit late, and it is what this library was written for.
//
// Subscribe yields batches: events, how far it has looked, and whether that is the head. A consumer that stores
// [Batch].Through as its checkpoint goes on after a restart where it stopped. Package projection and package
// processmanager do this, exactly once.
//
// # Events and codecs
//
// The events of a category are a family: a sealed interface with a struct for each event. A [Codec] names each of them
// once, and turns them into bytes and back:
//
//	type Event interface{ order() }
//
//	type ItemAdded struct{ Name string }
//
//	func (ItemAdded) order() {}
//
//	var Events = eventstore.JSON("order", map[string]Event{
//		"order.item-added": ItemAdded{},
//	})
//
// A struct that is not an order event does not compile there, and a mistake in the names ends the program when it
// starts. [NewCodec] is for events that are stored otherwise, or that once were: what is stored never changes, and an
// [Upcaster] makes today's form of it when it is read.
//
// # Metadata
//
// [WithMetadata] sets once, for everything that a request appends, who asked for it and what caused it.
//
// # Writing a backend
//
// A backend implements [Store], begins each Append with [Prepare], so that it refuses what all others refuse, answers
// repeated appends with the help of [Prepared.FirstResult], and is held to its guarantees by the tests of package
// eventstoretest. To keep read models it implements [Target] for its kind of transaction, and for process managers
// [Agenda].
package eventstore
