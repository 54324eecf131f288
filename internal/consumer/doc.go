// Package consumer runs what reads a store's events and keeps a checkpoint: projections and process managers.
//
// A consumer has partitions, and each has a checkpoint. An event belongs to a sequence, that of its stream unless
// [Config].Sequence names another, and a sequence to a partition. Any number of processes run the consumer; the lease of
// each says that it is there, and they share the partitions out (see share.go). A process works on each of its partitions
// in a session: it subscribes after the checkpoint and hands each batch to [Config].Handle, which does its work and moves
// the checkpoint in one transaction.
//
// The processes hold no state that matters: the checkpoint is the truth. A session works in one epoch of its partition.
// Whatever somebody else does to the partition begins the next epoch; then the session's move is refused, or its member
// sees the new epoch when it looks, and a new session reads everything again. So it does not matter how often the same
// consumer runs at once, where it is killed or stopped, or whether a commit was acknowledged.
//
// What fails is told apart like this. When the checkpoint cannot be read either, the failure is that of the
// infrastructure: it is waited out. When the checkpoint is elsewhere or in another epoch, another process was first: the
// next session goes on from there. Otherwise the events are to blame: the batch is halved until the event that fails
// stands alone, so that everything before it is committed; that one is tried again with backoff, and then the consumer's
// [Policy] says what becomes of it. Only a handler can know that neither is true, and says so by [NotHere].
package consumer
