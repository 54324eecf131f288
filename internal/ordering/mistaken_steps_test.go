package ordering

// What mistakes put in the place of the right instructions.

// Readers that know of no appends in flight.

var readWhatIsThere = instruction{name: "reads the rows after the last one", run: func(m *model, s *state, who int) bool {
	reader := &s.readers[who]
	reader.look.bound = maxPosition
	reader.selectRows(s.visible)
	m.deliver(s, who, max(reader.told, reader.look.rows.highest()), 0)
	return true
}}

// byXID stores a transaction ID with each event, and lets a reader see those below the oldest transaction that is open.
func byXID(p *protocol) {
	p.programs[appending] = program{takeXID, draw, commitWithXID, acknowledge}
	p.programs[looking] = program{beginLook, readBelowXmin}
}

// A transaction is no longer open for a new snapshot as soon as that shows its rows.
var commitWithXID = instruction{name: commit.name, run: func(m *model, s *state, who int) bool {
	s.sessions[who].xid = 0
	return commit.run(m, s, who)
}}

var readBelowXmin = instruction{name: "reads the rows below xmin", run: func(m *model, s *state, who int) bool {
	reader := &s.readers[who]
	xmin := s.nextXID
	for i := range m.sessions {
		if xid := s.sessions[i].xid; xid != 0 {
			xmin = min(xmin, xid)
		}
	}
	for xid := int8(1); xid < xmin; xid++ {
		reader.look.rows |= s.written[xid] & s.visible &^ reader.given
	}
	reader.look.heldBack = xmin < s.nextXID
	m.deliver(s, who, max(reader.told, reader.look.rows.highest()), 0)
	return true
}}

// The order of a look's statements.

var (
	takeSnapshot = instruction{name: "takes the snapshot of its statement", run: func(_ *model, s *state, who int) bool {
		s.readers[who].look.snapshot = s.visible
		return true
	}}

	readRowsOfSnapshot = instruction{name: "reads the rows with that snapshot", run: func(_ *model, s *state, who int) bool {
		s.readers[who].selectRows(s.readers[who].look.snapshot)
		return true
	}}

	tellBySnapshot = instruction{name: tell.name, run: func(m *model, s *state, who int) bool {
		reader := &s.readers[who]
		stable := (reader.look.snapshot & through(reader.look.bound)).highest()
		m.deliver(s, who, max(reader.told, stable), stable)
		return true
	}}

	readLocksEarly = instruction{name: readLocks.name, run: func(m *model, s *state, who int) bool {
		look := &s.readers[who].look
		look.bound = maxPosition
		for i := range m.sessions {
			if session := &s.sessions[i]; session.held {
				look.bound = min(look.bound, session.lock)
			}
		}
		return true
	}}

	readLastLate = instruction{name: readLast.name, run: func(m *model, s *state, who int) bool {
		look := &s.readers[who].look
		locks := look.bound
		ok := readLast.run(m, s, who)
		look.heldBack = locks < look.last
		look.bound = max(min(look.last, locks), look.floor)
		return ok
	}}
)

// What the sequence says.

// drawInTwoSteps lets others look while nextval is at work.
func drawInTwoSteps(p *protocol) {
	p.programs[appending] = program{readLower, takeLock, beginDraw, endDraw, commit, releaseLock, acknowledge}
}

// page is what SELECT last_value shows: what nextval is about to log, while it is at it.
func (m *model) page(s *state) int8 {
	next := s.sequence.last + m.block
	if s.sequence.drawer != 0 && next > s.sequence.logged {
		return next + prelog*m.block
	}
	return s.sequence.last
}

var (
	beginDraw = instruction{name: "begins to draw", run: func(_ *model, s *state, who int) bool {
		if s.sequence.drawer != 0 {
			return false
		}
		s.sequence.drawer = int8(who) + 1
		return true
	}}

	endDraw = instruction{name: "has drawn and inserts", run: func(m *model, s *state, who int) bool {
		s.sequence.drawer = 0
		return draw.run(m, s, who)
	}}

	readLowerFromPage = instruction{name: readLower.name, run: func(m *model, s *state, who int) bool {
		s.sessions[who].lower = m.page(s)
		return true
	}}

	readLastFromPage = instruction{name: readLast.name, run: func(m *model, s *state, who int) bool {
		s.readers[who].look.last = m.page(s)
		return true
	}}

	// A sequence that was never used shows the first value that it will give.
	readLowerUncalled = instruction{name: readLower.name, run: func(m *model, s *state, who int) bool {
		ok := readLower.run(m, s, who)
		s.sessions[who].lower = max(s.sessions[who].lower, m.block)
		return ok
	}}

	drawCached = instruction{name: draw.name, run: func(m *model, s *state, who int) bool {
		session := &s.sessions[who]
		position := session.cached
		if session.cached = 0; position == 0 {
			position = m.advance(s, m.block)
			session.cached = m.advance(s, m.block)
		}
		m.insert(s, who, position)
		return true
	}}
)

// What a lock's key says.

func rebuildWithHighBits(m *model, key, last int8) int8 { return last + (key-m.key(last))*m.block }

func rebuildBelow(m *model, key, last int8) int8 {
	return last - (m.key(last)-key+keys)%keys*m.block
}

// What a reader is told, and what stays settled.

var (
	tellBound = instruction{name: "is told the bound", run: func(m *model, s *state, who int) bool {
		reader := &s.readers[who]
		stable := (s.visible & through(reader.look.bound)).highest()
		m.deliver(s, who, max(reader.told, reader.look.bound), stable)
		return true
	}}

	tellAndSettleBound = instruction{name: tell.name, run: func(m *model, s *state, who int) bool {
		reader := &s.readers[who]
		stable := (s.visible & through(reader.look.bound)).highest()
		m.deliver(s, who, max(reader.told, stable), reader.look.bound)
		return true
	}}

	tellStable = instruction{name: tell.name, run: func(m *model, s *state, who int) bool {
		stable := (s.visible & through(s.readers[who].look.bound)).highest()
		m.deliver(s, who, stable, stable)
		return true
	}}

	readLocksWithoutFloor = instruction{name: readLocks.name, run: func(m *model, s *state, who int) bool {
		look := &s.readers[who].look
		floor := look.floor
		look.floor = 0
		ok := readLocks.run(m, s, who)
		look.floor = floor
		return ok
	}}

	readLocksAfterFloor = instruction{name: readLocks.name, run: func(m *model, s *state, who int) bool {
		s.readers[who].look.floor = s.settled
		return readLocks.run(m, s, who)
	}}
)

// Transactions of callers.

var takeLockUnlessRemembered = instruction{name: takeLockOnce.name, run: func(m *model, s *state, who int) bool {
	session := &s.sessions[who]
	if session.remembered {
		session.lower = 0
		return true
	}
	session.remembered = true
	return takeLock.run(m, s, who)
}}

// Waking.

var (
	tellAndSleep = instruction{name: tell.name, run: func(m *model, s *state, who int) bool {
		s.readers[who].look.heldBack = false
		return tell.run(m, s, who)
	}}

	tellAndForgetWaking = instruction{name: tell.name, run: func(m *model, s *state, who int) bool {
		s.readers[who].due = false
		return tell.run(m, s, who)
	}}
)

// A lost answer.

var doNotAwaitEnd = instruction{name: "does not wait", outside: true, run: func(*model, *state, int) bool { return true }}
