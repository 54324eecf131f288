package eventstore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/eventstore"
)

func TestFlatten(t *testing.T) {
	broken := errors.New("broken")
	batches := func(yield func(eventstore.Batch, error) bool) {
		_ = yield(batchOf(1, 2), nil) && yield(batchOf(), nil) && yield(batchOf(3), nil) &&
			yield(eventstore.Batch{}, broken) && yield(batchOf(4), nil)
	}
	var positions []eventstore.Position
	var failures []error
	for event, err := range eventstore.Flatten(batches) {
		if err != nil {
			failures = append(failures, err)
			continue
		}
		positions = append(positions, event.Position)
	}
	assert.Equal(t, []eventstore.Position{1, 2, 3}, positions)
	assert.Equal(t, []error{broken}, failures)

	for event, err := range eventstore.Flatten(batches) {
		assert.NoError(t, err)
		if event.Position == 2 {
			break
		}
	}
}

func batchOf(positions ...eventstore.Position) eventstore.Batch {
	var batch eventstore.Batch
	for _, position := range positions {
		batch.Events = append(batch.Events, eventstore.RecordedEvent{Position: position})
	}
	return batch
}
