// Package ordering tests the argument by which pgstore's subscriptions are complete and in order. It has nothing to
// import: all of it is a test.
//
// That argument is about the order of steps: an append reads a lower bound, takes a lock, draws, commits; a reader reads
// the last value drawn, the locks, the rows (docs/how-ordering-works.md). Tests on a real database meet some of the
// orders in which the steps of several of them can fall. Here is a model small enough to go through all of them.
//
// # The model
//
// A state is a plain value: the sequence with what of it would survive a crash, the rows that are visible and those that
// are on disk, the sessions that append with their locks, and the readers with their checkpoints and what the process
// remembers for them. Sessions and readers run programs. A program is a list of instructions, and an instruction is a
// step that nothing can come between; where a session stands in its program is part of the state. In any state any
// session or reader may take its next step, any transaction may be rolled back, the database may crash, and the readers'
// process may be restarted, as often as the scenario allows.
//
// From the first state the explorer takes every step that is possible, and again from every state that it has not seen
// before, until there are no more. In each it checks what must hold: see guarantee. So a protocol that passes is right in
// all interleavings of that scenario, and one that does not gets the shortest way to go wrong, written out step by step:
//
//	go test -v -run TestMistakesAreFound ./internal/ordering
//
// # What it leaves out
//
// Whatever would only multiply the states. To draw is one step, since nextval locks the sequence's page and
// pg_sequence_last_value waits for it; only mistakes that read the page all the same see it in two. A commit that is on
// disk and one that is visible are one step, since a crash between the two leaves what a crash after both does. Sessions
// that are alike begin in the order of their names. Readers of different processes have nothing in common, so there is
// one process. Pages, filters, versions and conflicts play no part in the order.
//
// The sizes are small: two or three sessions, one or two transactions each, two events to an append, a sequence that logs
// one draw ahead and not 32, eight keys for locks and not 2^31. That the statements do what the instructions say, and
// that Postgres does what the model says, is for the tests of pgstore.
//
// # To add a mistake
//
// Add a line to mistakes: a name that says what somebody might do, the guarantee that it breaks, the scenario in which it
// does, and a change to the protocol. Most changes replace one instruction by another or put a program in another order.
// The test fails when nothing breaks. A change to pgstore's order of steps begins here: change rightProtocol, and
// TestTheProtocolHolds says whether it may be.
package ordering
