package eventstore_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestValidateConsumer(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventstore.ValidateConsumer("Verkäufe 2"))
	for _, bad := range []string{"", "a\x00b", "\xff", strings.Repeat("x", eventstore.MaxConsumerBytes+1)} {
		require.ErrorIs(t, eventstore.ValidateConsumer(bad), eventstore.ErrInvalid)
	}
}

func TestMoveDoesNotGoBack(t *testing.T) {
	t.Parallel()
	require.NoError(t, eventstore.Move{Consumer: "sales", From: 3, To: 3}.Validate())
	require.ErrorIs(t, eventstore.Move{Consumer: "sales", From: 3, To: 2}.Validate(), eventstore.ErrInvalid)
	require.ErrorIs(t, eventstore.Move{Consumer: "sales", From: -1, To: 2}.Validate(), eventstore.ErrInvalid)
	require.ErrorIs(t, eventstore.Move{From: 1, To: 2}.Validate(), eventstore.ErrInvalid)
}
