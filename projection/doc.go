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
// Any number of processes may run the same projection. They all get the events, and of those that apply the same batch
// one succeeds; the others go on from where it was. It makes nothing faster, but when one process dies the others
// remain.
//
// What a handler does besides the transaction, such as sending an email, is not undone with it and is done again. Such
// things are for package processmanager.
//
// # When an event cannot be applied
//
// A projection does not skip an event by itself: the read model would be wrong and nobody would know. When a handler
// returns an error, or panics, or the codec does not know an event, everything before that event is committed; then the
// event is tried again with growing delays, as [Options] say; and then the projection is paused, in every process,
// until somebody removes the cause and resumes it:
//
//	status, err := sales.Status(ctx)       // Paused, Reason: which event and why
//	err = target.Resume(ctx, "sales")
//
// The usual cures are a new version of the handler, or [Options].IgnoreTypes. A database or network that is away is not
// the event's fault: that is waited out.
//
// # Reading your own writes
//
// A read model is a little behind. Who has appended, and wants to read what follows from it, waits for the position
// that the append returned:
//
//	result, err := store.Append(ctx, …)
//	err = projection.WaitFor(ctx, target, "sales", result.Position)
//
// In tests [Projection.CatchUp] is simpler: it applies everything that is there, returns, and starts no goroutine.
//
// # Changing a read model
//
// A projection whose handler has changed goes on after its checkpoint with what the old one made of the events before.
// To apply the new handler to all events, give the projection another name and its read model another table, run it
// beside the old one until it has caught up, and then read from the new table.
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
