package ordering

// The instructions of those who append, with everything that can come between them.
var (
	readLower = instruction{name: "reads its lower bound", run: func(_ *model, s *state, who int) bool {
		s.sessions[who].lower = s.sequence.last
		return true
	}}

	takeLock = instruction{name: "takes its lock", run: func(_ *model, s *state, who int) bool {
		session := &s.sessions[who]
		session.held, session.lock, session.lower = true, session.lower, 0
		return true
	}}

	// takeLockOnce is for several appends in one transaction.
	takeLockOnce = instruction{name: "takes its lock unless it has it", run: func(m *model, s *state, who int) bool {
		if s.sessions[who].held {
			s.sessions[who].lower = 0
			return true
		}
		return takeLock.run(m, s, who)
	}}

	// It is one statement that draws and inserts. What it inserts nobody sees. Draws come one after another, as nextval
	// locks the page of the sequence, and who reads with pg_sequence_last_value waits for that.
	draw = instruction{name: "draws and inserts", run: func(m *model, s *state, who int) bool {
		m.insert(s, who, m.advance(s, m.block))
		return true
	}}

	// The commit is on disk before it is visible. A crash in between leaves what a crash afterwards does, so it is one
	// step, except in the two parts that mistakes need.
	commit = instruction{name: "commits, and its rows are visible", run: func(m *model, s *state, who int) bool {
		return flushCommit.run(m, s, who) && showCommit.run(m, s, who)
	}}

	flushCommit = instruction{name: "commits: the log is on disk", run: func(_ *model, s *state, who int) bool {
		s.durable |= s.sessions[who].rows
		s.sequence.flushed = s.sequence.logged
		return true
	}}

	showCommit = instruction{name: "commits: its rows are visible", run: func(_ *model, s *state, who int) bool {
		s.visible |= s.sessions[who].rows
		return true
	}}

	releaseLock = instruction{name: "releases its lock", run: func(_ *model, s *state, who int) bool {
		s.sessions[who].held, s.sessions[who].lock = false, 0
		return true
	}}

	acknowledge = instruction{name: "is acknowledged, and wakes the readers", run: func(_ *model, s *state, who int) bool {
		if !s.sessions[who].deaf {
			s.acked |= s.sessions[who].rows
			s.wake()
		}
		s.end(who)
		return true
	}}
)

// The instructions of AppendTx, which cannot see its caller's commit.
var (
	announce = instruction{name: "wakes the readers", run: func(_ *model, s *state, _ int) bool {
		s.wake()
		return true
	}}

	rollBackToSavepoint = instruction{name: "rolls back to the savepoint", run: func(_ *model, s *state, who int) bool {
		session := &s.sessions[who]
		s.forget(session.rows)
		session.rows, session.held, session.lock = 0, false, 0
		return true
	}}

	acknowledgeSilently = instruction{name: "is acknowledged", run: func(_ *model, s *state, who int) bool {
		s.acked |= s.sessions[who].rows
		s.end(who)
		return true
	}}
)

// The instructions of a client that sent a commit in session A, lost the connection, and makes sure of the outcome.
var (
	loseAnswer = instruction{
		name: "loses the connection of A at the commit", outside: true,
		run: func(_ *model, s *state, _ int) bool {
			s.sessions[0].deaf = s.sessions[0].rows != 0
			return s.sessions[0].deaf
		},
	}

	awaitEnd = instruction{name: "sees that A has no lock", outside: true, run: func(_ *model, s *state, _ int) bool {
		return !s.sessions[0].held
	}}

	lookUp = instruction{name: "looks for the events of A", outside: true, run: func(m *model, s *state, who int) bool {
		if rows := s.written[m.appendID(s, who)] & s.visible; rows != 0 {
			s.sessions[who].rows = rows
			return acknowledge.run(m, s, who)
		}
		return true
	}}
)

// The instructions of a transaction that has nothing to do with the store. It has written, so it has an ID.
var (
	takeXID = instruction{name: "gets a transaction ID", run: func(_ *model, s *state, who int) bool {
		s.sessions[who].xid = s.nextXID
		s.nextXID++
		return true
	}}

	stayOpen = instruction{name: "stays open", run: func(*model, *state, int) bool { return false }}
)

// advance draws from the sequence.
func (m *model) advance(s *state, n int8) int8 {
	s.sequence.last += n
	if s.sequence.last > s.sequence.logged {
		s.sequence.logged = s.sequence.last + prelog*m.block
	}
	return s.sequence.last
}

// insert writes the rows of an append, or of as many of its events as a draw has positions for.
func (m *model) insert(s *state, who int, last int8) {
	session := &s.sessions[who]
	rows := block(last, m.block)
	if rows.lowest() <= session.after {
		s.offenses |= oneOrder
	}
	s.written[m.appendID(s, who)] |= rows
	session.rows |= rows
}

// appendID numbers the appends: those of a session, and those of a transaction, in their order. A second attempt at one
// has its number.
func (m *model) appendID(s *state, who int) int {
	session := &s.sessions[who]
	switch {
	case session.xid != 0:
		return int(session.xid)
	case m.sessions[who] == retrying:
		return 0 // the first of A
	}
	return who*maxAppends/maxSessions + int(m.transactions-1-session.left) + session.rows.count()/appendEvents
}
