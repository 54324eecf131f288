// Package consumer runs what reads a store's events and keeps a checkpoint: projections and process managers.
//
// A [Runner] subscribes after the checkpoint and hands each batch to [Config].Handle, which does its work and moves the
// checkpoint in one transaction. The runner itself holds no state that matters: the checkpoint is the truth, and after
// any error it is read again. So it does not matter how often the same consumer runs at once, where it is killed, or
// whether a commit was acknowledged.
//
// What fails is told apart like this. When the checkpoint cannot be read either, the failure is that of the
// infrastructure: it is waited out. When the checkpoint has moved or is paused, another process was first: the runner
// goes on from there. Otherwise the events are to blame: the batch is halved until the event that fails stands alone,
// so that everything before it is committed; that one is tried again with backoff, and then the consumer is paused.
package consumer
