package ordering

// instruction is one step of a program. It changes the state, or returns false where it has to wait. Whatever others can
// do between two looks at shared memory must be able to happen between two instructions.
type instruction struct {
	name string
	run  func(m *model, s *state, who int) bool

	// outside says that the client does this outside a transaction, so that it can go on after a crash.
	outside bool
}

type program []instruction

// model is a protocol at work in a scenario.
type model struct {
	protocol
	scenario
}

func (m *model) start() state {
	s := state{crashes: m.crashes, restarts: m.restarts, nextXID: 1}
	for i := range m.sessions {
		s.sessions[i].left = m.transactions
	}
	for i := range m.readers {
		s.readers[i].due = true
	}
	return s
}

var (
	sessionNames = [maxSessions]string{"A", "B", "C"}
	readerNames  = [maxReaders]string{"R1", "R2"}
)

// next visits all that can happen in a state: any session or reader takes its next step, a transaction is rolled back,
// the database crashes, a process restarts.
func (m *model) next(from state, visit func(label, state)) {
	for i := range m.sessions {
		to := from
		if what, ok := m.stepSession(&to, i); ok {
			visit(label{sessionNames[i], what}, to)
		}
		if to := from; m.abort(&to, i) {
			visit(label{sessionNames[i], "rolls back, or its backend is killed"}, to)
		}
	}
	for i := range m.readers {
		to := from
		if what, ok := m.stepReader(&to, i); ok {
			visit(label{readerNames[i], what}, to)
		}
	}
	if from.crashes > 0 {
		// Somewhere between what commits have brought to disk and all of it the log ends.
		for last := from.sequence.flushed; last <= from.sequence.logged; last += m.block {
			to := from
			m.crash(&to, last)
			visit(label{"-", "the database crashes and comes back"}, to)
		}
	}
	if from.restarts > 0 {
		to := from
		m.restart(&to)
		visit(label{"-", "the readers' process is killed and started again"}, to)
	}
}

func (m *model) stepSession(s *state, i int) (what string, ok bool) {
	session := &s.sessions[i]
	if session.pc == 0 {
		if session.left == 0 || m.mirrored(s, i) {
			return "", false
		}
		session.left--
		session.after = s.acked.highest()
	}
	instruction := m.programs[m.sessions[i]][session.pc]
	session.pc++
	return instruction.name, instruction.run(m, s, i)
}

// mirrored tells whether a session must not begin because another one that is just like it has not begun yet. If it did,
// all would go on as it does with the two exchanged.
func (m *model) mirrored(s *state, i int) bool {
	return i > 0 && m.sessions[i-1] == m.sessions[i] && s.sessions[i-1].left == m.transactions
}

func (m *model) stepReader(s *state, i int) (what string, ok bool) {
	reader := &s.readers[i]
	if reader.stopped {
		return "", false
	}
	instruction := m.programs[looking][reader.pc]
	reader.pc++
	return instruction.name, instruction.run(m, s, i)
}

// end makes a session ready for its next transaction.
func (s *state) end(i int) {
	s.sessions[i] = session{left: s.sessions[i].left, cached: s.sessions[i].cached}
}

// abort rolls a session's transaction back, unless it has nothing to lose or is committed. To be killed in the middle of
// nextval is not possible.
func (m *model) abort(s *state, i int) bool {
	session := &s.sessions[i]
	committed := session.rows&(s.durable|s.visible) != 0
	if !session.held && session.rows == 0 || committed || int(s.sequence.drawer) == i+1 {
		return false
	}
	s.forget(session.rows)
	s.end(i)
	return true
}

// crash loses what is not on disk, connections included. What was committed is visible afterwards.
func (m *model) crash(s *state, last int8) {
	s.crashes--
	s.sequence = sequence{last: last, logged: last, flushed: last}
	for i := range m.sessions {
		session := &s.sessions[i]
		s.forget(session.rows &^ s.durable)
		session.cached = 0
		if session.pc > 0 && !m.programs[m.sessions[i]][session.pc].outside {
			s.end(i)
		}
	}
	s.forget(s.visible &^ s.durable)
	s.visible = s.durable
	for i := range m.readers {
		if reader := &s.readers[i]; !m.looksSurviveCrashes {
			reader.pc, reader.look = 0, look{}
		}
	}
	s.wake() // whoever listens connects again, and wakes everybody for what may have been missed
}

// restart loses what the readers' process has in memory. Their checkpoints are kept elsewhere, with what they made of
// the events.
func (m *model) restart(s *state) {
	s.restarts--
	s.settled = 0
	for i := range m.readers {
		reader := &s.readers[i]
		reader.pc, reader.look = 0, look{}
	}
	s.wake()
}
