package pgtest

import (
	"os"
	"testing"
)

// Main runs the tests of a package and then removes what this package made for them:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// A throwaway server would go without it too; on a server named by PASTTENSE_TEST_DATABASE_URL the templates would stay for a day.
func Main(m *testing.M) { os.Exit(WithCleanup(m).Run()) }

// WithCleanup is Main for those who run the tests by other means:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }
func WithCleanup(m *testing.M) Runner { return Runner{m} }

// Runner runs the tests of a package; see [WithCleanup].
type Runner struct{ m *testing.M }

// Run runs the tests, cleans up, and returns the exit code.
func (r Runner) Run() int {
	defer shared.close()
	return r.m.Run()
}
