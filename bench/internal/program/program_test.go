package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	broken := errors.New("broken")

	require.NoError(t, outcome(t.Context(), nil))
	assert.Equal(t, broken, outcome(t.Context(), broken))
	require.NoError(t, outcome(t.Context(), fmt.Errorf("flags: %w", flag.ErrHelp)))
	require.NoError(t, outcome(interrupted, nil), "it had ended by itself")
	assert.Equal(t, errInterrupted, outcome(interrupted, broken))
}
