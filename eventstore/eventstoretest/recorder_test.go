package eventstoretest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder stands in for a *testing.T, to see a clause fail.
type recorder struct {
	ctx context.Context

	mu     sync.Mutex
	failed bool
	log    []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// flawed is something broken, and the clauses that must notice.
type flawed struct {
	flaw    string
	make    func() Harness
	notices []string
}

// patience is how long a clause waits for what a broken store never does.
const patience = time.Second

// areNoticed runs, for each flaw, the clauses that must notice it.
func areNoticed(t *testing.T, flaws []flawed) {
	t.Helper()
	for _, f := range flaws {
		for _, name := range f.notices {
			t.Run(f.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				h := f.make()
				h.Patience, h.Appends = patience, 400
				isNoticed(t, findClause(t, guarantees(), name), func(r reporter, check func(*trial)) { runTrial(r, h, check) })
			})
		}
	}
}

// isNoticed fails the test unless the clause fails.
func isNoticed[C any](t *testing.T, k clause[C], run func(r reporter, check func(c C))) {
	t.Helper()
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(r, k.check)
	}()
	<-done
	if !r.failed {
		t.Fatalf("the clause %q has not noticed", k.name)
	}
	t.Logf("noticed: %.300s", strings.Join(r.log, "\n"))
}

// findClause returns the clause with a name such as "S1 atomic/writes all streams".
func findClause[C any](t *testing.T, guarantees []guarantee[C], name string) clause[C] {
	t.Helper()
	for _, g := range guarantees {
		prefix, inGroup := strings.CutPrefix(name, g.name+"/")
		if !inGroup {
			continue
		}
		if i := slices.IndexFunc(g.clauses, func(k clause[C]) bool { return k.name == prefix }); i >= 0 {
			return g.clauses[i]
		}
	}
	t.Fatalf("there is no clause %q", name)
	return clause[C]{}
}
