package docstest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// guides says where the code of each guide runs: in the test files of a package, and in packages that these use. Of a
// guide that is not here nothing is checked.
var guides = map[string][]string{
	"aggregates.md":             {"../../aggregate/*_test.go", "order/*.go"},
	"projections.md":            {"../../projection/*_test.go"},
	"failure-policies.md":       {"../../projection/*_test.go"},
	"rebuilding.md":             {"../../projection/*_test.go"},
	"running-several-copies.md": {"../../projection/*_test.go"},
	"snapshots.md":              {"../../aggregate/*_test.go"},
	"uniqueness.md":             {"../../aggregate/*_test.go", "address/*.go"},
	"why.md":                    {"../../processmanager/*_test.go"},
	"schema-evolution.md":       {"later/order/*.go", "../../examples/protobuf/*.go"},
	"booking-a-trip.md": {
		"../../processmanager/*_test.go", "booking/*.go", "first/booking/*.go", "flight/*.go", "trip/*.go",
	},
}

var (
	blocks  = regexp.MustCompile("(?s)\n```(?:go|sql)\n(.*?\n)```")
	imports = regexp.MustCompile(`(?s)\nimport (?:"[^"]*"|\(.*?\n\))\n`)
)

func TestWhatGuidesShowIsInTestsThatRun(t *testing.T) {
	t.Parallel()
	for guide, places := range guides {
		var code []string
		for _, pattern := range places {
			code = append(code, codeOf(t, filepath.FromSlash(pattern))...)
		}
		for line, block := range blocksOf(t, guide) {
			assert.True(t, occurs(block, code), "docs/%s:%d is in none of %s:\n%s", guide, line, places, block)
		}
	}
}

// The guides share the package of the events, which two of them make.
func TestWhatGuidesShowOfPackageOrderIsInIt(t *testing.T) {
	t.Parallel()
	code := codeOf(t, filepath.Join("order", "*.go"))
	shown := 0
	for _, guide := range []string{"events-and-codecs.md", "aggregates.md"} {
		for line, block := range blocksOf(t, guide) {
			if strings.Contains("\n"+block, "\npackage order\n") {
				shown++
				assert.True(t, occurs(block, code), "docs/%s:%d is not in package order", guide, line)
			}
		}
	}
	assert.Equal(t, 2, shown)
}

// blocksOf returns the Go and SQL blocks of a guide, by line.
func blocksOf(t *testing.T, guide string) map[int]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", guide))
	require.NoError(t, err)
	found := make(map[int]string)
	for _, at := range blocks.FindAllSubmatchIndex(text, -1) {
		line := 1 + strings.Count(string(text[:at[2]]), "\n")
		found[line] = string(text[at[2]:at[3]])
	}
	require.NotEmpty(t, found, guide)
	return found
}

// codeOf returns the normalized files of a pattern.
func codeOf(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, names, pattern)
	files := make([]string, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		files[i] = normalize(imports.ReplaceAllString(string(text), "\n"))
	}
	return files
}

// occurs reports whether the lines of a block stand one after the other in one of the files.
func occurs(block string, files []string) bool {
	block = normalize(block)
	for _, file := range files {
		if strings.Contains(file, block) {
			return true
		}
	}
	return false
}

// normalize leaves out what a guide need not show as the code has it: indentation and empty lines.
func normalize(text string) string {
	var lines strings.Builder
	lines.WriteString("\n")
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			fmt.Fprintln(&lines, line)
		}
	}
	return lines.String()
}
