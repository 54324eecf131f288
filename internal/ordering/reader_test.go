package ordering

// The instructions of a reader's look. Each is a statement with a snapshot of its own.
var (
	// beginLook waits until there is reason to look. From now on a wake-up is for the next look.
	beginLook = instruction{name: "begins a look", run: func(_ *model, s *state, who int) bool {
		reader := &s.readers[who]
		if !reader.due {
			return false
		}
		reader.due = false
		reader.look.floor = s.settled
		return true
	}}

	readLast = instruction{name: "reads the last value drawn", run: func(_ *model, s *state, who int) bool {
		s.readers[who].look.last = s.sequence.last
		return true
	}}

	// readLocks computes the bound. It is no higher than the last value drawn, even if a lock's lower bound is.
	readLocks = instruction{name: "reads the locks", run: func(m *model, s *state, who int) bool {
		look := &s.readers[who].look
		if look.last < look.floor {
			s.readers[who].stop()
			return true
		}
		lowest, reason := look.last, look.last
		for i := range m.sessions {
			if session := &s.sessions[i]; session.held {
				lowest = min(lowest, m.rebuild(m, m.key(session.lock), look.last))
				reason = min(reason, session.lock)
			}
		}
		look.heldBack = lowest < look.last
		look.bound = max(lowest, look.floor)
		if look.bound < reason {
			s.offenses |= live // something else than an append in flight holds it back
		}
		return true
	}}

	readRows = instruction{name: "reads the rows", run: func(_ *model, s *state, who int) bool {
		s.readers[who].selectRows(s.visible)
		return true
	}}

	// tell ends the look, and says how far it went.
	tell = instruction{name: "is told", run: func(m *model, s *state, who int) bool {
		reader := &s.readers[who]
		stable := (s.visible & through(reader.look.bound)).highest()
		m.deliver(s, who, max(reader.told, stable), stable)
		return true
	}}
)

// keys is to how many keys lower bounds are folded, and firstBlock where the sequence begins: so that the keys begin
// anew within a few draws.
const (
	keys       = 8
	firstBlock = 6
)

// key folds a lower bound into the key of a lock.
func (m *model) key(lower int8) int8 { return (firstBlock + lower/m.block) % keys }

// rebuildNearest returns the lower bound that is nearest to the last value drawn, of those that fold into the key.
func rebuildNearest(m *model, key, last int8) int8 {
	distance := (key - m.key(last)) % keys
	switch {
	case distance >= keys/2:
		distance -= keys
	case distance < -keys/2:
		distance += keys
	}
	return last + distance*m.block
}

// selectRows takes the rows of a snapshot that are after the reader's position, up to the bound.
func (r *reader) selectRows(snapshot positions) {
	r.look.rows = snapshot & through(r.look.bound) &^ through(r.told)
}

// deliver hands what the look has brought to the reader, together with how far it has seen everything. It notes what the
// process now holds for settled.
func (m *model) deliver(s *state, who int, told, settled int8) {
	reader := &s.readers[who]
	rows := reader.look.rows
	if reader.told > s.visible.highest() {
		reader.stop()
		return
	}
	if told < reader.look.floor {
		s.offenses |= steady
	}
	if rows&reader.given != 0 || rows != 0 && rows.lowest() <= reader.given.highest() {
		s.offenses |= onceInOrder
	}
	reader.given |= rows
	reader.told = told
	reader.due = reader.due || reader.look.heldBack // nobody wakes it when an append in flight dies
	reader.pc, reader.look = 0, look{}
	s.settled = max(s.settled, settled)
}
