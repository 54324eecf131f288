// Package eventstoretest is the conformance suite of event stores. It holds a backend to the guarantees that
// eventstore.Store makes, S1 to S13, and to what the port says of its methods. Every backend runs it, those of this
// module and those of others:
//
//	func TestConformance(t *testing.T) {
//		eventstoretest.Run(t, func(t *testing.T) eventstoretest.Harness {
//			store := mystore.New()
//			return eventstoretest.Harness{Store: store}
//		})
//	}
//
// Each clause is a test of its own with a fresh store, named by its guarantee, so that one of them can be run alone:
//
//	go test -race -run 'TestConformance/S4/a_held_append_hides_later_ones'
//
// Clauses race: appenders against each other and against readers, at random, and a clause that fails logs the seed of
// its random choices. Run the suite with the race detector, and again and again.
//
// # Features
//
// The guarantees are easily kept while nothing goes wrong. What goes wrong is brought about by the harness, as far as
// the backend can: an append that has drawn its positions and is not committed yet ([Harness].Hold), a second process
// (Open), broken connections (Kill), a crash (Crash), a transaction of somebody else (OpenUnrelated). A feature that is
// nil leaves out the clauses that need it, and the test logs which they are. For a store in a database the most
// important one is Hold: without it hardly anything is proved of the order in which subscribers see events. For a
// Postgres store it is a few lines, as a pgx.Tx is a [Held] already:
//
//	Hold: func(ctx context.Context, writes ...eventstore.Write) (eventstoretest.Held, error) {
//		tx, err := pool.Begin(ctx)
//		if err != nil {
//			return nil, err
//		}
//		if _, err := store.AppendTx(ctx, tx, writes...); err != nil {
//			return nil, errors.Join(err, tx.Rollback(ctx))
//		}
//		return tx, nil
//	}
//
// What a store may offer besides, as a Counter, a Finder or Snapshots of eventstore, is tested where it does.
//
// A store that looks for new events now and then, should nothing wake it, says so in PollInterval, and is best given a
// long interval for the test: then an event that arrives has not been found by looking.
//
// # Read models and process managers
//
// A backend that keeps read models runs [RunTarget] for its eventstore.Target, and one that serves process managers
// [RunAgenda] for its eventstore.Agenda. What both have in common, checkpoints and leases, is tested of both. Where
// there are several handles (Open) each clause uses them all. Leases run out in earnest, after some milliseconds, or by
// a clock that the harness moves (PassTime).
//
// # What is not tested
//
// The suite sees a store through its port. How fast it is, which roles may change its tables (a part of S12), what it
// tells of an append that holds readers back (a part of S8), how it finds out that acknowledged events were lost under
// it (a part of S13), when it removes snapshots of other kinds, the versions of read models, and when a move that stands
// still is ended (Move.IdleTimeout) are for the tests of the backend.
package eventstoretest
