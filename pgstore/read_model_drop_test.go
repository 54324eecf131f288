package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
)

func TestDrop(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	require.ErrorIs(t, shop.Drop(t.Context(), salesAt(1)), eventstore.ErrInvalid, "live")
	_, err := shop.pool.Exec(t.Context(), "CREATE VIEW public.report AS SELECT * FROM sales_v2.items")
	require.NoError(t, err)
	require.ErrorContains(t, shop.Drop(t.Context(), salesAt(2)), "drop report first")
	_, err = shop.pool.Exec(t.Context(), "DROP VIEW public.report; CREATE VIEW sales_v2.report AS SELECT * FROM sales_v2.items")
	require.NoError(t, err)

	for range 2 { // the second time it does nothing
		require.NoError(t, shop.Drop(t.Context(), salesAt(2)))
		require.Empty(t, shop.checkpoints(salesAt(2)))
		assert.Equal(t, "0", shop.text("SELECT count(*)::text FROM pg_namespace WHERE nspname = 'sales_v2'"))
	}
	shop.open(salesAt(2), createItems) // anew
	assert.Equal(t, "0", shop.text("SELECT count(*)::text FROM sales_v2.items"))
}

func TestDropRefusesWhileAMemberWorks(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	shop.consumers.give(salesAt(2), "worker", time.Hour)
	require.ErrorIs(t, shop.Drop(t.Context(), salesAt(2)), eventstore.ErrOwned)
	assert.Equal(t, "0", shop.text("SELECT count(*)::text FROM sales_v2.items"))
}
