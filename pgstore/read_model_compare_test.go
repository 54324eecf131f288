package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/eventstore"
	"github.com/pasttense/pasttense/pgstore"
)

func TestCompareTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	const rest = `
		CREATE TYPE state AS ENUM ('open', 'closed');
		CREATE TABLE same (id serial, state state, states state[], data json, "Odd {one} name" numeric);
		CREATE TABLE bag (word text, data json);
		CREATE TABLE many (id int);
		CREATE VIEW seen AS SELECT * FROM bag;`
	shop.open(salesAt(1), rest+`CREATE TABLE old (); ALTER TABLE old ADD id int; CREATE TABLE shape (id int, name text)`)
	shop.open(salesAt(2), rest+`CREATE TABLE shape (name text, id bigint); CREATE TABLE "New" (id int)`)
	const insertSame = `INSERT INTO same (state, states, data, "Odd {one} name")
		SELECT 'open', '{open,closed}', '{"a": "\u0000"}', NULL FROM generate_series(1, 3);`
	shop.advance(salesAt(1), 10, insertSame+`
		INSERT INTO bag VALUES ('twice', '1'), ('twice', '1'), ('thrice', '1'), ('thrice', '1'), ('thrice', '1'), (NULL, NULL);
		INSERT INTO many SELECT generate_series(1, 20)`)
	shop.advance(salesAt(2), 10, insertSame+`
		INSERT INTO bag VALUES ('twice', '1'), ('twice', '1'), ('thrice', '1'), (NULL, '2');
		INSERT INTO many SELECT generate_series(2, 100)`)

	differences, err := shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.NoError(t, err)
	assert.Equal(t, []eventstore.Difference{
		{Part: "New", OnlyOne: -1, OnlyOther: -1, Reason: `only "sales (version 2)" has it`},
		{
			Part: "bag", OnlyOne: 3, OnlyOther: 1,
			Examples: []string{`-{"data":1,"word":"thrice"}`, `-{"data":null,"word":null}`, `+{"data":2,"word":null}`},
		},
		{
			Part: "many", OnlyOne: 1, OnlyOther: 80,
			Examples: []string{`-{"id":1}`, `+{"id":100}`, `+{"id":21}`, `+{"id":22}`, `+{"id":23}`, `+{"id":24}`},
		},
		{Part: "old", OnlyOne: -1, OnlyOther: -1, Reason: `only "sales" has it`},
		{
			Part: "shape", OnlyOne: -1, OnlyOther: -1,
			Reason: `the columns differ: "sales" has id integer, "sales (version 2)" has id bigint`,
		},
	}, differences)

	none, err := shop.Compare(t.Context(), salesAt(1), salesAt(1))
	require.NoError(t, err)
	assert.Empty(t, none)
}

// The versions go on as soon as there is a snapshot of both, also when a pool has but one connection.
func TestCompareLetsProceed(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	shop.open(salesAt(2), createItems)
	for _, version := range []int{1, 2} {
		shop.advance(salesAt(version), 10, "")
	}
	both := func() []eventstore.Checkpoint {
		return append(shop.checkpoints(salesAt(1)), shop.checkpoints(salesAt(2))...)
	}
	before := both()
	_, err := shop.Halt(t.Context(), time.Hour, salesAt(1), salesAt(2))
	require.NoError(t, err)
	small := newLargePool(t, shop.pool.Config().ConnString(), 1)
	differences, err := pgstore.NewTarget(small, nil).Compare(t.Context(), salesAt(1), salesAt(2))
	require.NoError(t, err)
	assert.Empty(t, differences)
	for i, checkpoint := range both() {
		assert.Equal(t, before[i].Epoch+2, checkpoint.Epoch)
		assert.Zero(t, checkpoint.StopAt)
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	shop := newShop(t)
	shop.open(salesAt(1), createItems)
	_, err := shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.ErrorIs(t, err, eventstore.ErrInvalid, "not defined")
	shop.consumers.define(salesAt(2), 2)
	_, err = shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.ErrorIs(t, err, eventstore.ErrInvalid, "not prepared")
	shop.open(salesAt(2), createItems)
	shop.advance(salesAt(1), 10, "")
	_, err = shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.ErrorIs(t, err, eventstore.ErrCheckpointMoved)
	shop.consumers.advance(salesAt(2), 1, 10)
	_, err = shop.Compare(t.Context(), salesAt(1), salesAt(2))
	require.ErrorIs(t, err, eventstore.ErrCheckpointMoved, "one partition is behind")
}
