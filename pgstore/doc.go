// Package pgstore keeps events in Postgres, version 14 or newer, through pgx.
//
//	if err := pgstore.Migrate(ctx, ownerURL, nil); err != nil { … }
//	store, err := pgstore.Open(ctx, databaseURL, nil)
//
// # The tables
//
// A store is a schema of its own, "pasttense" unless told otherwise, with a table of events that anybody can query:
//
//	SELECT position, category, stream_key, version, type, data FROM pasttense.events ORDER BY position DESC LIMIT 10;
//
// Data that is JSON is stored as json, byte for byte; other data as bytea. The table snapshots has what long streams amount
// to; it is derived from the events, and safe to delete from. The other tables belong to consumers and imports; the view
// consumer_status tells operators how the consumers are. [Migrate] sets all of it up, and roles for programs that append,
// consume or only read, none of which can change an event.
//
// # Why nothing is missed
//
// Positions come from a sequence, and a transaction that draws a position early may commit late. A reader that asks for
// what lies above the last position it saw walks past such an event, and never comes back to it. This store's readers
// know which appends are in flight, and how far down these may still write: every appender holds an advisory lock that
// carries a lower bound of its positions until its commit is visible. A reader stops before the lowest of them.
//
// So a subscription waits for appends to this store that are really under way, and for nothing else: not for a forgotten
// transaction elsewhere, a dump or a replication slot. Appenders wait only for others that write to the same stream.
// [Store.InFlightAppends] tells what a subscription waits for.
//
// # Transactions of one's own
//
// [Store.AppendTx] appends inside the caller's transaction, so that an event and a row of the caller's are committed
// together or not at all; [Store.AppendWith] does that in a transaction of the store's, and can be repeated. A [Target]
// does the reverse for projections: it runs a handler and moves its checkpoint in one transaction, that of the read model.
// It keeps versions of a read model side by side, each in a schema of its own.
//
// # History
//
// [Store.Import] loads what another system has recorded, by COPY, and can go on where it was interrupted.
//
// # Many callers
//
// Calls of [Store.Append] that come while others are being committed share a transaction, and calls of [Store.ReadStream]
// that come while others are reading share a statement. Each is decided, answered and canceled by itself, and a lone call
// waits for nothing.
//
// # Connections
//
// A store opens a pool of its own and one connection that listens for notifications. Through a pooler in transaction
// mode, set [Options].NoListen and a short PollInterval, and tell pgx how to run statements if the pooler cannot prepare
// them (default_query_exec_mode in the URL). A standby cannot be opened: it does not know what is in flight on its primary.
//
// Guarantees hold where Postgres keeps what it acknowledged. After a failover to a standby that lagged, or a restore
// from an older backup, consumers stop with [eventstore.ErrBeyondHead] instead of going on without what was lost.
package pgstore
