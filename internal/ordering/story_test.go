package ordering

import (
	"fmt"
	"slices"
	"strings"
)

// story tells how what was found comes about, a line to a step. It is empty when nothing was.
func (m *model) story(x exploration[state]) string {
	var b strings.Builder
	for i, e := range x.trace(m.next) {
		line := fmt.Sprintf("%4d  %-2s  %-40s  %s", i+1, e.label.who, e.label.what, m.describe(e.label.who, &e.state))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if x.found >= 0 {
		fmt.Fprintf(&b, "      broken: %s\n", m.broken(&x.states[x.found]))
	}
	return b.String()
}

// describe shows what a step may have changed.
func (m *model) describe(who string, s *state) string {
	if i := slices.Index(sessionNames[:], who); i >= 0 {
		session := &s.sessions[i]
		held := ""
		if session.held {
			held = fmt.Sprintf("holds L = %d, ", session.lock)
		}
		return fmt.Sprintf("%srows %v; visible %v", held, session.rows, s.visible)
	}
	if i := slices.Index(readerNames[:], who); i >= 0 {
		reader := &s.readers[i]
		switch reader.pc {
		case 0:
			return fmt.Sprintf("given %v, told %d", reader.given, reader.told)
		case 1:
			return ""
		}
		return fmt.Sprintf("H = %d, bound %d, rows %v", reader.look.last, reader.look.bound, reader.look.rows)
	}
	return fmt.Sprintf("last drawn %d; visible %v", s.sequence.last, s.visible)
}
