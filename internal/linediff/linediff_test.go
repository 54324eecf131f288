package linediff

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestOf(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"- a", "  b", "+ x", "  c"}, Of([]string{"a", "b", "c"}, []string{"b", "x", "c"}))
	assert.Equal(t, []string{"- a", "+ b"}, Of([]string{"a"}, []string{"b"}), "what is wanted comes first")
	assert.Empty(t, Of(nil, nil))
}

func TestOfHasBothTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 12)
		want, got := text.Draw(t, "want"), text.Draw(t, "got")
		lines := Of(want, got)

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
		assert.Len(t, lines, len(want)+len(got)-commonLines(want, got)[0][0])
	})
}
