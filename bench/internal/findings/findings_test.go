package findings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pasttense/pasttense/bench/internal/findings"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	f := findings.New("missed", "doubled")
	assert.True(t, f.None())
	assert.Equal(t, "missed 0, doubled 0", f.String())

	f.Note("doubled", 3, "position %d", 7)
	for range 7 {
		f.Object("stuck")
	}

	assert.False(t, f.None())
	assert.Equal(t, 3, f.Count("doubled"))
	assert.Equal(t, 7, f.Count(findings.Other))
	var out, progress strings.Builder
	f.Tell(&out, &progress, "; nothing was killed")
	assert.Equal(t, "other guarantees broken 7\nmissed 0, doubled 3; nothing was killed\n", out.String())
	assert.Equal(t, "doubled: position 7\n"+strings.Repeat("wrong: stuck\n", 5)+"wrong: and 2 more\n", progress.String())
	assert.Panics(t, func() { f.Note("lost", 1, "") })
}
