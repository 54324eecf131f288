package aggregatetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestDiffHasBothSides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 12)
		want, got := text.Draw(t, "want"), text.Draw(t, "got")
		lines, differ := diff(want, got)

		var left, right []string
		for _, line := range lines {
			if !strings.HasPrefix(line, "+") {
				left = append(left, line[2:])
			}
			if !strings.HasPrefix(line, "-") {
				right = append(right, line[2:])
			}
		}
		assert.Equal(t, strings.Join(want, ""), strings.Join(left, ""))
		assert.Equal(t, strings.Join(got, ""), strings.Join(right, ""))
		assert.Equal(t, strings.Join(want, "") != strings.Join(got, ""), differ)
		assert.LessOrEqual(t, len(lines), len(want)+len(got)-commonLines(want, got)[0][0])
	})
}
