package docstest

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The guide to testing shows tests of package order, which has them.
func TestWhatTheGuideToTestingShowsOfOrdersRuns(t *testing.T) {
	t.Parallel()
	code := codeOf(t, filepath.Join("order", "*_test.go"))
	shown := 0
	for line, block := range blocksOf(t, "testing.md") {
		if strings.Contains(block, "aggregatetest.") {
			shown++
			assert.True(t, occurs(block, code), "docs/testing.md:%d is in no test of package order", line)
		}
	}
	assert.Equal(t, 4, shown)
}
