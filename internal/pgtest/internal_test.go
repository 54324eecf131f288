package pgtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pasttense/pasttense/internal/pgtest/pgserver"
)

func TestAdviceNamesEveryWayToGetPostgres(t *testing.T) {
	t.Parallel()
	err := withAdvice(pgserver.ErrNoBinaries)
	require.ErrorIs(t, err, pgserver.ErrNoBinaries)
	for _, way := range []string{"apt-get install postgresql", "brew install postgresql", pgserver.URLEnv, pgserver.BinEnv, "make test", "-short"} {
		require.ErrorContains(t, err, way)
	}
	other := errors.New("other")
	assert.Equal(t, other, withAdvice(other), "no advice where it would mislead")
}

func TestOnlyOldDatabasesOfOursAreLeftovers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	assert.True(t, isLeftover(newNames(now.Add(-25*time.Hour)).next(), now))
	assert.False(t, isLeftover(newNames(now.Add(-23*time.Hour)).next(), now))
	assert.False(t, isLeftover("postgres", now))
	assert.False(t, isLeftover(fmt.Sprintf("pasttense_%d_x_1", now.Add(-25*time.Hour).Unix()), now))
	assert.False(t, isLeftover(namePrefix+"own", now))
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	require.NoError(t, checkURL(pgserver.URLEnv, "postgres://me@localhost/postgres"))
	require.NoError(t, checkURL(pgserver.URLEnv, "postgresql://localhost"))
	require.ErrorContains(t, checkURL(pgserver.URLEnv, "host=localhost dbname=postgres"), pgserver.URLEnv)
	require.ErrorContains(t, checkURL(pgserver.URLEnv, "postgres://%zz"), pgserver.URLEnv)
}

func TestWithDatabaseKeepsTheRestOfTheURL(t *testing.T) {
	t.Parallel()
	changed := withDatabase("postgres://me:secret@host:5433/postgres?sslmode=disable", "other")
	assert.Equal(t, "postgres://me:secret@host:5433/other?sslmode=disable", changed)
	assert.Equal(t, "other", databaseName(changed))
}
