// Package projection keeps read models: what queries need, made of events.
//
// Events are good at saying what happened, and bad at answering questions: which orders are open, what was sold today.
// A read model is a table, or anything else, that has the answer ready. A projection fills it, by applying every event
// of some families in order, and goes on applying new ones as they come. A read model can be thrown away at any time
// and made again from the events.
//
// # A projection
//
// A projection has a name, a store to read and a target to write to. [On] says what to do for the events of a family:
//
//	sales := projection.New("sales", store, target, nil)
//	projection.On(sales, order.Events,
//		func(ctx context.Context, tx pgx.Tx, e eventstore.Envelope[order.Event]) error {
//			out, ok := e.Event.(order.CheckedOut)
//			if !ok {
//				return nil
//			}
//			_, err := tx.Exec(ctx, `INSERT INTO sales (order_id, total) VALUES ($1, $2)`, e.Stream.Key, out.Total)
//			return err
//		})
//
//	err := projection.Run(ctx, sales) // until ctx ends
//
// # Exactly once
//
// The target runs the handlers in a transaction, and in the same transaction moves the projection's checkpoint: the
// position up to which everything was applied. Both are committed or neither is. So each event counts exactly once in
// the read model, whatever is killed, and wherever. The store sees to it that no event is missed.
//
// One transaction holds a batch of events. When there is a backlog the batches are large, and a projection from the
// first event on is fast; when there is none, each event is applied as it comes.
//
// What a handler does besides the transaction, such as sending an email, is not undone with it and is done again. Such
// things are for package processmanager.
//
// # Several processes and partitions
//
// Any number of processes may run the same projection. It has as many partitions as [Options] say, one by default, each
// with a checkpoint, and the processes share them out. Order is kept in each stream, which belongs to one partition, and
// with a single partition among all events. [Repartition] changes the number while the projection runs.
//
// A process has a lease that it renews. When it is stopped the others take over its partitions at once, and when it dies
// or stands still, once the lease has run out. That a process which comes back late applies nothing twice does not rest
// on leases: each move of a checkpoint names the position and the epoch that it begins in, and the next owner has begun
// another epoch.
//
// # When an event cannot be applied
//
// When a handler returns an error, or panics, or the codec does not know an event, everything before that event is
// committed; then the event is tried again with growing delays, unless [Permanent] says that this is of no use; and then
// the [Policy] decides:
//
//   - [Pause], the default, stops the partition before the event, in every process, until [Projection.Resume]. The read
//     model is never wrong, and falls behind.
//   - [Park] sets the event aside with whatever comes later in its stream, in order, and goes on with all other streams.
//     [Projection.Parked] lists what waits, [Projection.Retry] has it applied and [Projection.Discard] gives it up.
//   - [Skip] passes the event over. [Projection.Skipped] tells which.
//
// Types that are to be passed over in any case are listed in [Options].IgnoreTypes. A database or network that is away is
// not the event's fault: that is waited out.
//
// # Reading your own writes
//
// A read model is a little behind. Who has appended, and wants to read what follows from it, waits for the position
// that the append returned:
//
//	result, err := store.Append(ctx, …)
//	err = projection.WaitFor(ctx, target, "sales", result.Position)
//
// [WaitForStream] waits for the partition of one stream only, and tells when that stream is parked. In tests
// [Projection.CatchUp] is simpler: it applies everything that is there, returns, and leaves no goroutine behind.
//
// # New versions
//
// A projection whose handler has changed goes on after its checkpoint with what the old one made of the events before.
// To apply the new handler to all events, make it another version:
//
//	sales.Versioned(2, func(ctx context.Context, tx pgx.Tx) error {
//		_, err := tx.Exec(ctx, `CREATE TABLE totals (order_id text PRIMARY KEY, total bigint NOT NULL)`)
//		return err
//	})
//
// The target keeps a read model for each version, on Postgres in a schema of its own. The new version is filled beside
// the one that is live, and [Projection.Progress] tells how far it is. Once it has caught up it becomes the live one, in
// one transaction; or it waits for [Switch], so that [Compare] can tell first in what the two differ. Switch goes back as
// well. A handler with effects besides its read model asks [IsLive].
//
// # Status and health
//
// [Projection.Status] tells where the partitions are and who works on them, how many events the projection is behind and
// for how long, what is parked, and the last error. [Status.Health] makes an answer for health checks of it. It does not
// matter in which process they are called.
//
// # Inline
//
// [Inline] makes a store whose appends keep a read model in their own transaction, so that it is never behind. Appends
// are slower for it, and fail when its handler does.
//
// # Views in memory
//
// A [View] is a value that each process folds from the events for itself, and queries directly. It keeps no checkpoint:
// it reads all events when the process starts.
//
// # Targets
//
// Packages pgstore and memstore have targets whose transactions hold the read model. What can be kept in their
// transactions needs no other target. To write to something else, such as a search index, implement
// [eventstore.Target] with a Tx that collects what handlers want, and send it from within the Advance of one that
// exists:
//
//	// IndexTarget keeps its checkpoints in Postgres.
//	type IndexTarget struct {
//		*pgstore.Target
//		client *search.Client
//	}
//
//	func (t IndexTarget) Advance(
//		ctx context.Context, move eventstore.Move, work func(ctx context.Context, bulk *search.Bulk) error,
//	) error {
//		if work == nil { // only the checkpoint moves
//			return t.Target.Advance(ctx, move, nil)
//		}
//		return t.Target.Advance(ctx, move, func(ctx context.Context, _ pgx.Tx) error {
//			bulk := t.client.NewBulk()
//			if err := work(ctx, bulk); err != nil {
//				return err
//			}
//			return bulk.Send(ctx)
//		})
//	}
//
// Two systems do not commit as one: when the process dies after Send and before the commit, the batch is sent again,
// perhaps cut differently. Such a target applies each event at least once, in order, and what it sends must bear
// repetition: set a document to a value, and do not add to it. The example SearchIndex shows it whole.
package projection
