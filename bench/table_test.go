package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTable(t *testing.T) {
	t.Parallel()
	got := table([]result{
		{Name: "append-64", Unit: "events/s", Ours: 27_810.4, Limit: 9_270, Ratio: 3, Target: 3},
		{Name: "load-100x8", Unit: "streams/s", Ours: 2_812, Limit: 3_227, Ratio: 0.871, Target: 0.95},
		{Name: "live", Unit: "ms", Ours: 0.561, Limit: 0.25, Ratio: 0.446, Target: 1, P50: 0.561, P99: 5.5, TargetP99: 5},
		{Name: "soak", Unit: "MB", Ours: 13, Limit: 10, Ratio: 1.3, Target: 2, AtMost: true},
	})

	assert.Equal(t, `work        unit         ours  limit  ratio    target  p50 ms  p99 ms  verdict
append-64   events/s   27,810  9,270   3.00    ≥ 3.00                  ok
load-100x8  streams/s   2,812  3,227   0.87    ≥ 0.95                  missed
live        ms           0.56   0.25   0.45  ≤ 1/5 ms    0.56    5.50  missed
soak        MB          13.00  10.00   1.30    ≤ 2.00                  ok
`, got)
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		0:         "0.00",
		0.125:     "0.12",
		99.5:      "99.50",
		100:       "100",
		999.4:     "999",
		999.6:     "1,000",
		12_345:    "12,345",
		1_234_567: "1,234,567",
	} {
		assert.Equal(t, want, number(x))
	}
}
