package ordering

import "strings"

// guarantee is a set of things that must hold.
type guarantee uint16

const (
	atomic        guarantee = 1 << iota // an append is seen whole, or not
	stablePrefix                        // nothing appears at or below what a reader was told, unless it was given
	onceInOrder                         // a reader gets each event once, and in the order of positions
	oneOrder                            // an append that begins after another was acknowledged has the higher positions
	durable                             // what was acknowledged or given does not go away
	atMostOnce                          // an append whose outcome was in doubt is not written twice
	live                                // only appends in flight hold a reader back; when there are none it gets to the head
	committed                           // what a reader is told is the position of a committed event
	falseAlarm                          // a reader does not stop for a loss that has not happened
	steady                              // what a process's readers were told, a later look there reaches too
	allGuarantees guarantee = 1<<iota - 1
)

var guaranteeNames = []string{
	"S1 atomic", "S4 stable prefix", "once and in order", "S5 one order", "S6 durable", "S7 at most once", "S8 live",
	"told what is committed", "S13 no false alarm", "steady",
}

func (g guarantee) String() string {
	var names []string
	for i, name := range guaranteeNames {
		if g&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// broken returns the guarantees that do not hold in a state.
func (m *model) broken(s *state) guarantee {
	broken := s.offenses
	note := func(g guarantee, bad bool) {
		if bad {
			broken |= g
		}
	}
	note(durable, s.acked&^s.visible != 0)
	for i := range m.readers {
		reader := &s.readers[i]
		note(stablePrefix, s.visible&through(reader.told)&^reader.given != 0)
		note(durable, reader.given&^s.visible != 0)
		note(falseAlarm, reader.stopped)
		note(committed, reader.told > 0 && s.visible&block(reader.told, 1) == 0)
	}
	for _, rows := range s.written {
		if rows &= s.visible; rows == 0 {
			continue
		}
		note(atMostOnce, rows != block(rows.highest(), appendEvents) && m.block == appendEvents)
		for i := range m.readers {
			seen := rows & s.readers[i].given
			note(atomic, seen != 0 && seen != rows)
		}
	}
	note(live, m.quiet(s) && !m.readersReachHead(*s))
	return broken
}

// quiet tells whether no append is under way.
func (m *model) quiet(s *state) bool {
	for i := range m.sessions {
		if m.sessions[i] != bystanding && s.sessions[i].pc != 0 {
			return false
		}
	}
	return true
}

// readersReachHead lets each reader look for as long as it has reason to.
func (m *model) readersReachHead(s state) bool {
	const enough = 20
	for i := range m.readers {
		for range enough {
			if to := s; s.readers[i].told < s.visible.highest() {
				if _, ok := m.stepReader(&to, i); !ok {
					return false
				}
				s = to
			}
		}
		if s.readers[i].told < s.visible.highest() {
			return false
		}
	}
	return true
}
