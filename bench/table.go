package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

var heading = []string{"work", "unit", "ours", "limit", "ratio", "target", "p50 ms", "p99 ms", "verdict"}

// isText tells which columns are aligned to the left.
var isText = []bool{true, true, false, false, false, false, false, false, true}

// table lays the results out in columns, for a terminal or a text file.
func table(results []result) string {
	rows := [][]string{heading}
	for _, r := range results {
		rows = append(rows, r.cells())
	}
	widths := make([]int, len(heading))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(strings.TrimRight(strings.Join(align(row, widths), "  "), " ") + "\n")
	}
	return out.String()
}

// align pads the cells of a row to the widths of their columns.
func align(row []string, widths []int) []string {
	aligned := make([]string, len(row))
	for i, cell := range row {
		padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if isText[i] {
			aligned[i] = cell + padding
		} else {
			aligned[i] = padding + cell
		}
	}
	return aligned
}

func (r result) cells() []string {
	verdict := "missed"
	if r.ok() {
		verdict = "ok"
	}
	target, p50, p99 := fmt.Sprintf("≥ %.2f", r.Target), "", ""
	switch {
	case r.AtMost:
		target = fmt.Sprintf("≤ %.2f", r.Target)
	case r.isLatency():
		target = fmt.Sprintf("≤ %g/%g ms", r.Target, r.TargetP99)
		p50, p99 = fmt.Sprintf("%.2f", r.P50), fmt.Sprintf("%.2f", r.P99)
	}
	return []string{
		r.Name, r.Unit, number(r.Ours), number(r.Limit), fmt.Sprintf("%.2f", r.Ratio), target, p50, p99, verdict,
	}
}

// number writes a large number with commas between its thousands, and a small one with two decimals.
func number(x float64) string {
	if x < 100 {
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	digits := strconv.FormatFloat(x, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
