package trial_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/bench/internal/trial"
)

func TestSum(t *testing.T) {
	t.Parallel()
	median, most := trial.Sum([]time.Duration{9, 1, 4})
	assert.Equal(t, []time.Duration{4, 9}, []time.Duration{median, most})
	median, most = trial.Sum([]time.Duration{9, 1, 4, 2})
	assert.Equal(t, []time.Duration{3, 9}, []time.Duration{median, most})
}
