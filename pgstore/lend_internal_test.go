package pgstore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheURLSetsTheTimesOfConnections(t *testing.T) {
	config, err := poolConfig("postgres://host/database")
	require.NoError(t, err)
	assert.Equal(t, defaultConnectTimeout, config.ConnConfig.ConnectTimeout)
	assert.Equal(t, defaultPingTimeout, config.PingTimeout)

	config, err = poolConfig("postgres://host/database?connect_timeout=3&pool_ping_timeout=7s")
	require.NoError(t, err)
	assert.Equal(t, 3*time.Second, config.ConnConfig.ConnectTimeout)
	assert.Equal(t, 7*time.Second, config.PingTimeout)
}

func TestAnAttemptHasTimeToWaitForALock(t *testing.T) {
	store := &Store{options: Options{AnswerTimeout: time.Second}}
	a := &attempt{store: store, batch: &batch{calls: []*call{{}, {late: 2}, {}}}, lockTimeout: time.Minute}
	assert.Equal(t, 4*time.Second+time.Minute, a.limit())
	assert.Equal(t, time.Second<<maxDoublings, store.answerTimeout(maxDoublings+1))
}
