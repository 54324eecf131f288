package consumer

import (
	"context"
	"log/slog"

	"github.com/pasttense/pasttense/eventstore"
)

// Config says what a [Runner] runs.
type Config struct {
	// Kind is what messages call the consumer: "projection" or "process manager".
	Kind string
	// Name is the consumer's name, which its checkpoint is kept under. See [eventstore.ValidateConsumer].
	Name        string
	Store       eventstore.Store
	Checkpoints eventstore.Checkpoints
	Filter      eventstore.Filter
	// Handle does the work for some events, in order, and makes the move, through [eventstore.Target].Advance or
	// [eventstore.Agenda].Plan; it returns what they return. There are no events when the checkpoint has to move past
	// events that the filter does not select. It is called from one goroutine at a time for each Run or CatchUp. A panic
	// is an error like any other.
	Handle func(ctx context.Context, move eventstore.Move, events []eventstore.RecordedEvent) error
	// Retry is how often and how soon an event that fails is tried again. Zero fields have their defaults.
	Retry Retry
	// Logger is told what an operator must know; nil is slog.Default().
	Logger *slog.Logger
}
