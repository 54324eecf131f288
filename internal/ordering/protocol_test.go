package ordering

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// protocol is what the store does. The zero values of what is not a program are right.
type protocol struct {
	programs [kinds]program
	block    int8 // positions to a draw
	rebuild  func(m *model, key, last int8) int8

	looksSurviveCrashes bool // the statements of a look need not share a connection
}

// kind is what a session or a reader does.
type kind int8

const (
	appending   kind = iota // Append
	inCallersTx             // AppendTx
	retrying                // Append again, after the outcome of what session A did is unknown
	bystanding              // a transaction that has nothing to do with the store
	looking                 // a reader
	kinds
)

// rightProtocol is what pgstore does.
func rightProtocol() protocol {
	appendOnce := program{readLower, takeLock, draw, commit, releaseLock, acknowledge}
	appendTx := program{readLower, takeLockOnce, draw, announce}
	return protocol{
		block:   appendEvents,
		rebuild: rebuildNearest,
		programs: [kinds]program{
			appending: appendOnce,
			inCallersTx: slices.Concat(
				appendTx, program{rollBackToSavepoint}, appendTx, appendTx, program{commit, releaseLock, acknowledgeSilently}),
			retrying:   slices.Concat(program{loseAnswer, awaitEnd, lookUp}, appendOnce),
			bystanding: {takeXID, stayOpen},
			looking:    {beginLook, readLast, readLocks, readRows, tell},
		},
	}
}

// scenario is who is there, and what may befall them.
type scenario struct {
	name         string
	sessions     []kind
	transactions int8 // of each session
	readers      int  // all of one process

	crashes, restarts int8
}

var (
	racing = scenario{
		name:     "three appends race",
		sessions: []kind{appending, appending, appending}, transactions: 1, readers: 1,
	}
	inTurn = scenario{
		name:     "two sessions append again and again",
		sessions: []kind{appending, appending}, transactions: 2, readers: 1,
	}
	sharing = scenario{
		name:     "two readers share a process that restarts",
		sessions: []kind{appending, appending}, transactions: 1, readers: 2, restarts: 1,
	}
	crashing = scenario{
		name:     "three appends race, and the database crashes",
		sessions: []kind{appending, appending, appending}, transactions: 1, readers: 1, crashes: 1,
	}
	callers = scenario{
		name:     "a caller's transaction rolls back to a savepoint",
		sessions: []kind{inCallersTx, appending}, transactions: 1, readers: 1,
	}
	doubtful = scenario{
		name:     "the answer to a commit is lost",
		sessions: []kind{appending, retrying, appending}, transactions: 1, readers: 1, crashes: 1,
	}
	besideOther = scenario{
		name:     "an unrelated transaction stays open",
		sessions: []kind{appending, bystanding}, transactions: 1, readers: 1,
	}
)

// TestTheProtocolHolds goes through every interleaving. (Those of racing are among those of crashing.)
func TestTheProtocolHolds(t *testing.T) {
	for _, scenario := range []scenario{crashing, inTurn, sharing, callers, doubtful, besideOther} {
		t.Run(scenario.name, func(t *testing.T) {
			m := &model{protocol: rightProtocol(), scenario: scenario}
			x := m.explore(allGuarantees)
			t.Logf("%d states, %d steps between them", len(x.states), x.steps)
			assert.Empty(t, m.story(x))
		})
	}
}

// explore looks for a state in which one of the guarantees is broken.
func (m *model) explore(must guarantee) exploration[state] {
	return explore(m.start(), m.next, func(s state) bool { return m.broken(&s)&must != 0 })
}
