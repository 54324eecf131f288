package projection

import (
	"context"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/internal/consumer"
)

// Repartition changes the number of partitions of a projection, while it runs: they go on to one position, are replaced
// there, and those who run the projection share out the new ones. Order in each stream is kept and nothing is applied
// twice. It works on the version that is live, or on the one that id names.
//
// It returns an error, and leaves the partitions as they were, when they do not come to one position within ten seconds,
// as nobody works on one of them, or one is paused ([eventstore.ErrPaused]); when the number is out of range
// ([eventstore.ErrInvalid]); when ctx ends first; and when the target fails.
func Repartition[Tx any](
	ctx context.Context, target eventstore.Target[Tx], id eventstore.ConsumerID, partitions int,
) error {
	return consumer.Repartition(ctx, target, id, partitions)
}
