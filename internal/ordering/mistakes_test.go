package ordering

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mistake is a change to the protocol that looks harmless, and the guarantee that it breaks.
type mistake struct {
	name   string
	breaks guarantee
	in     scenario
	put    func(p *protocol)
}

func appends(steps ...instruction) func(*protocol) {
	return func(p *protocol) { p.programs[appending] = steps }
}

func looks(steps ...instruction) func(*protocol) {
	return func(p *protocol) { p.programs[looking] = steps }
}

// replaces puts an instruction in the place of another one, in all programs.
func replaces(old, by instruction) func(*protocol) {
	return func(p *protocol) {
		for k, program := range p.programs {
			p.programs[k] = nil
			for _, step := range program {
				if step.name == old.name {
					step = by
				}
				p.programs[k] = append(p.programs[k], step)
			}
		}
	}
}

func both(one, other func(*protocol)) func(*protocol) {
	return func(p *protocol) { one(p); other(p) }
}

var mistakes = []mistake{
	// Readers that know of no appends in flight.
	{
		"a reader asks for position > n", stablePrefix, racing,
		looks(beginLook, readWhatIsThere),
	},
	{
		"a reader goes by xmin, and events come out of order", onceInOrder, racing, byXID,
	},
	{
		"a reader goes by xmin, and an unrelated transaction stops it", live, besideOther, byXID,
	},

	// The order of a look's statements.
	{
		"locks and rows are read in one statement", stablePrefix, racing,
		looks(beginLook, readLast, takeSnapshot, readLocks, readRowsOfSnapshot, tell),
	},
	{
		"one snapshot serves the whole look", stablePrefix, racing,
		looks(beginLook, takeSnapshot, readLast, readLocks, readRowsOfSnapshot, tellBySnapshot),
	},
	{
		"locks are read before the sequence", stablePrefix, racing,
		looks(beginLook, readLocksEarly, readLastLate, readRows, tell),
	},
	{
		"a look goes on after a crash, on another connection", stablePrefix, crashing,
		func(p *protocol) { p.looksSurviveCrashes = true },
	},

	// The order of an append's steps.
	{
		"the lock is taken after the draw", stablePrefix, racing,
		appends(readLower, draw, takeLock, commit, releaseLock, acknowledge),
	},
	{
		"the lower bound is read after the draw", stablePrefix, racing,
		appends(draw, readLower, takeLock, commit, releaseLock, acknowledge),
	},
	{
		"the lock is in a CTE that nobody refers to, so it is never taken", stablePrefix, racing,
		appends(draw, commit, acknowledge),
	},
	{
		"the lock is released before the commit is visible", stablePrefix, racing,
		appends(readLower, takeLock, draw, flushCommit, releaseLock, showCommit, acknowledge),
	},
	{
		"the commit is asynchronous", durable, crashing,
		appends(readLower, takeLock, draw, showCommit, releaseLock, acknowledge),
	},

	// What the sequence says.
	{
		"an append reads its lower bound with SELECT last_value", stablePrefix, racing,
		both(drawInTwoSteps, replaces(readLower, readLowerFromPage)),
	},
	{
		"a reader reads the last value with SELECT last_value", stablePrefix, racing,
		both(drawInTwoSteps, replaces(readLast, readLastFromPage)),
	},
	{
		"is_called is ignored", stablePrefix, racing,
		replaces(readLower, readLowerUncalled),
	},
	{
		"the sequence has CACHE 2, and events are missed", stablePrefix, inTurn,
		replaces(draw, drawCached),
	},
	{
		"the sequence has CACHE 2, and positions go back", oneOrder, inTurn,
		replaces(draw, drawCached),
	},
	{
		"each event draws its own position", atomic, racing,
		func(p *protocol) {
			p.block = 1
			p.programs[appending] = program{readLower, takeLock, draw, draw, commit, releaseLock, acknowledge}
		},
	},

	// What a lock's key says.
	{
		"a key is joined to the high bits of the last value", stablePrefix, racing,
		func(p *protocol) { p.rebuild = rebuildWithHighBits },
	},
	{
		"a lower bound above the last value is not expected", live, racing,
		func(p *protocol) { p.rebuild = rebuildBelow },
	},

	// What a reader is told, and what stays settled.
	{
		"a reader is told the bound, and a crash takes the sequence back", stablePrefix, crashing,
		replaces(tell, tellBound),
	},
	{
		"a reader is told the bound, where nothing is", committed, racing,
		replaces(tell, tellBound),
	},
	{
		"a bound that is not committed is held for settled", falseAlarm, crashing,
		replaces(tell, tellAndSettleBound),
	},
	{
		"nothing is settled, and a bound goes back", steady, sharing,
		replaces(readLocks, readLocksWithoutFloor),
	},
	{
		"a checkpoint goes back with the bound after a restart", onceInOrder, sharing,
		replaces(tell, tellStable),
	},
	{
		"what is settled is loaded after the last value", falseAlarm, sharing,
		replaces(readLocks, readLocksAfterFloor),
	},

	// Transactions of callers.
	{
		"the client remembers the lock, but a savepoint does not", stablePrefix, callers,
		replaces(takeLockOnce, takeLockUnlessRemembered),
	},
	{
		"AppendTx wakes the readers before it draws", live, callers,
		func(p *protocol) {
			p.programs[inCallersTx] = program{readLower, takeLockOnce, announce, draw, commit, releaseLock, acknowledgeSilently}
		},
	},

	// Waking.
	{
		"a reader sleeps while an append holds it back, and that one dies", live, racing,
		replaces(tell, tellAndSleep),
	},
	{
		"a wake-up during a look is forgotten", live, racing,
		replaces(tell, tellAndForgetWaking),
	},

	// A lost answer.
	{
		"the outcome is looked up before the old transaction is over", atMostOnce, doubtful,
		replaces(awaitEnd, doNotAwaitEnd),
	},
}

// TestMistakesAreFound puts in one mistake after another. The log tells what each would do.
func TestMistakesAreFound(t *testing.T) {
	var broken guarantee
	for _, mistake := range mistakes {
		broken |= mistake.breaks
		t.Run(mistake.name, func(t *testing.T) {
			m := &model{protocol: rightProtocol(), scenario: mistake.in}
			mistake.put(&m.protocol)
			x := m.explore(mistake.breaks)
			story := m.story(x)
			require.NotEmpty(t, story, "nothing breaks %q in %d states", mistake.breaks, len(x.states))
			t.Logf("breaks %q, as %d states show:\n%s", mistake.breaks, len(x.states), story)
		})
	}
	assert.Equal(t, allGuarantees, broken, "a guarantee that no mistake breaks may not be checked at all")
}
