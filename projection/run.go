package projection

import (
	"context"

	"github.com/pasttense/pasttense/internal/consumer"
)

// Runner is what [Run] runs: projections, whatever the type of their transactions.
type Runner interface {
	// Run works until ctx ends and then returns nil, or an error when it cannot go on.
	Run(ctx context.Context) error
}

// Run runs projections side by side until ctx ends, and returns nil once all have stopped. When one of them cannot go
// on, which is not the case for one that is paused, all are stopped and their errors are joined.
func Run(ctx context.Context, projections ...Runner) error {
	return consumer.RunAll(ctx, projections...)
}
