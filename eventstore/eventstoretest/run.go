package eventstoretest

import "testing"

// Run tests a backend, clause by clause. The factory makes a harness with a fresh and empty store for each of them; it
// uses its *testing.T to fail and to clean up. See the package documentation.
func Run(t *testing.T, factory func(t *testing.T) Harness) {
	t.Helper()
	conformance[Harness, *trial]{
		guarantees: guarantees(),
		harness:    factory,
		parallel:   func(h Harness) bool { return h.Parallel },
		run:        runTrial,
	}.test(t)
}

// guarantees lists all clauses of a store. Each guarantee has a file of its own.
func guarantees() []guarantee[*trial] {
	return []guarantee[*trial]{
		{"S1 atomic", atomicClauses()},
		{"S2 one winner", oneWinnerClauses()},
		{"S3 no holes", noHolesClauses()},
		{"S4 stable prefix", stablePrefixClauses()},
		{"S5 one order", oneOrderClauses()},
		{"S6 durable", durableClauses()},
		{"S7 idempotent", idempotentClauses()},
		{"S8 live", liveClauses()},
		{"S9 alone in failure", aloneInFailureClauses()},
		{"S10 honest in doubt", honestInDoubtClauses()},
		{"S11 faithful", faithfulClauses()},
		{"S12 append-only", appendOnlyClauses()},
		{"S13 where it ends", whereItEndsClauses()},
		{"storms", stormClauses()},
		{"reading", readingClauses()},
		{"counting", countingClauses()},
		{"snapshots", snapshotClauses()},
		{"finding", findingClauses()},
		{"iterators", iteratorClauses()},
		{"lifecycle", lifecycleClauses()},
	}
}
