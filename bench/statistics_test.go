package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	assert.InDelta(t, 7.0, median([]float64{7}), 0)
	assert.InDelta(t, 3.0, median([]float64{100, 1, 3}), 0)
	assert.InDelta(t, 2.5, median([]float64{4, 1, 3, 2}), 0)
}

func TestMedianLeavesItsArgumentAlone(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	median(values)
	assert.Equal(t, []float64{3, 1, 2}, values)
}

func TestPercentileIsAValueThatWasMeasured(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	assert.Equal(t, time.Duration(50), percentile(hundred, 50))
	assert.Equal(t, time.Duration(99), percentile(hundred, 99))
	assert.Equal(t, time.Duration(100), percentile(hundred, 100))
	assert.Equal(t, time.Duration(1), percentile(hundred, 0))

	assert.Equal(t, time.Duration(2), percentile([]time.Duration{3, 1, 2}, 50))
	assert.Equal(t, time.Duration(3), percentile([]time.Duration{3, 1, 2}, 99))
	assert.Equal(t, time.Duration(9), percentile([]time.Duration{9}, 99))
}
