package aggregate_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/pasttense/pasttense/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.WithCleanup(m)) }
