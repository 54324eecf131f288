// Package linediff compares two texts line by line, for the failures of tests.
package linediff

import "slices"

// Of returns the lines of both texts: those that only want has begin with "- ", those that only got has with "+ ", and all
// others with two spaces. It keeps as many lines in common as possible. Its time and memory grow with the product of their
// lengths.
func Of(want, got []string) (lines []string) {
	common := commonLines(want, got)
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			lines = append(lines, "  "+want[i])
			i++
			j++
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+want[i])
			i++
		default:
			lines = append(lines, "+ "+got[j])
			j++
		}
	}
	return lines
}

// commonLines returns at [i][j] the length of the longest common subsequence of a[i:] and b[j:].
func commonLines(a, b []string) [][]int {
	longest := make([][]int, len(a)+1)
	for i := range longest {
		longest[i] = make([]int, len(b)+1)
	}
	for i, lineA := range slices.Backward(a) {
		for j, lineB := range slices.Backward(b) {
			if lineA == lineB {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	return longest
}
