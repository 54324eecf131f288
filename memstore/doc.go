// Package memstore keeps events in memory, and the read models and process managers' agendas that follow from them. It is
// for tests, for examples, and for programs that may forget.
//
// It keeps the guarantees that the Postgres backend does and passes the same tests, so what works with one works with
// the other. Two things are different, as memory is: nothing survives the process, and there is only one process. And
// some things are simpler than they must be, on which nobody should rely who may change the backend: positions have no
// gaps, an append is never in doubt, and nothing in flight holds a subscriber back.
//
// # Store
//
// [New] makes an [eventstore.Store]:
//
//	store := memstore.New(nil)
//	orders := aggregate.New[Order](store, order.Events, nil)
//
// Appends take turns, for a moment each. Readers look at the events that were there when they began, and disturb
// neither writers nor each other. An append wakes waiting subscriptions directly.
//
// # Target
//
// [NewTarget] makes an [eventstore.Target] for projections, which is an [eventstore.Agenda] for process managers too.
// Read models are in tables, made by [NewTable]. Handlers change tables through a [Tx]:
//
//	target := memstore.NewTarget(nil)
//	totals := memstore.NewTable[string, int](target)
//
//	sales := projection.New("sales", store, target, nil)
//	projection.On(sales, order.Events,
//		func(_ context.Context, tx *memstore.Tx, e eventstore.Envelope[order.Event]) error {
//			total, _ := totals.GetTx(tx, e.Stream.Key)
//			totals.PutTx(tx, e.Stream.Key, total+1)
//			return nil
//		})
//
// What a handler stages appears together with the checkpoint, in all tables at once, or not at all. Everybody else
// reads with [Table.Get] and [Table.All] what was committed, and waits for no handler.
//
// A consumer can have several partitions and members here too, with leases by the target's clock, which a test may move.
// But the handlers of a target take turns, so they are no faster for it. A target keeps one version of a read model: it
// is no [eventstore.ReadModels].
//
// # Memory
//
// Everything is kept until the store is closed or, like a target, no longer used. An event costs its data and about 300
// bytes, and some 50 more if appends to its stream give event IDs. Of each stream and kind one snapshot is kept; it costs
// its data and about 300 bytes.
package memstore
