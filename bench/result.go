package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// result is what was measured of a work, as it is written to the JSON file.
type result struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Ours and Limit are medians of the rounds' rates, or of all latencies in milliseconds.
	Ours  float64 `json:"ours"`
	Limit float64 `json:"limit"`
	// Ratio is how fast ours is, the limit being 1: Ours/Limit for rates, Limit/Ours for latencies. Of a cost it is
	// how much ours is: Ours/Limit.
	Ratio float64 `json:"ratio"`
	// Target is the least ratio, or with AtMost the greatest, or the greatest median latency in milliseconds.
	Target float64 `json:"target"`
	AtMost bool    `json:"target_at_most,omitzero"`
	// P50 and P99 are our latencies; 0 and left out for rates. TargetP99 is the greatest P99.
	P50       float64 `json:"p50_ms,omitzero"`
	P99       float64 `json:"p99_ms,omitzero"`
	TargetP99 float64 `json:"target_p99_ms,omitzero"`
}

func newResult(w work, ours, limit []sample) result {
	if w.target.isLatency() {
		return latencyResult(w, latencies(ours), latencies(limit))
	}
	r := result{
		Name:   w.name,
		Unit:   w.unit,
		Ours:   medianRate(ours),
		Limit:  medianRate(limit),
		Target: w.target.ratio,
		AtMost: w.target.atMost,
	}
	r.Ratio = r.Ours / r.Limit
	return r
}

func latencyResult(w work, ours, limit []time.Duration) result {
	r := result{
		Name:      w.name,
		Unit:      w.unit,
		Ours:      milliseconds(percentile(ours, 50)),
		Limit:     milliseconds(percentile(limit, 50)),
		Target:    milliseconds(w.target.p50),
		P50:       milliseconds(percentile(ours, 50)),
		P99:       milliseconds(percentile(ours, 99)),
		TargetP99: milliseconds(w.target.p99),
	}
	r.Ratio = r.Limit / r.Ours
	return r
}

func (r result) isLatency() bool { return r.TargetP99 > 0 }

// ok says whether the target was reached.
func (r result) ok() bool {
	if r.isLatency() {
		return r.P50 <= r.Target && r.P99 <= r.TargetP99
	}
	if r.AtMost {
		return r.Ratio <= r.Target
	}
	return r.Ratio >= r.Target
}

func medianRate(samples []sample) float64 {
	rates := make([]float64, len(samples))
	for i, s := range samples {
		rates[i] = s.rate()
	}
	return median(rates)
}

func latencies(samples []sample) []time.Duration {
	each := make([][]time.Duration, len(samples))
	for i, s := range samples {
		each[i] = s.latencies
	}
	return slices.Concat(each...)
}

// writeJSON writes the results as a list, and makes the file's directory where it is missing.
func writeJSON(file string, results []result) error {
	encoded, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, append(encoded, '\n'), 0o644)
}
