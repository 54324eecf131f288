package main

import "sync"

// report is what is counted while there is trouble. It is safe for concurrent use.
type report struct {
	mu        sync.Mutex
	incidents [kinds]int
	takeovers []takeover
	notTaken  int            // stops that ended before the takeover
	counts    map[string]int // of anything else
	findings  findings
}

func newReport() *report { return &report{counts: make(map[string]int)} }

func (r *report) count(k kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.incidents[k]++
}

func (r *report) add(t takeover) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeovers = append(r.takeovers, t)
}

func (r *report) untaken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notTaken++
}

func (r *report) tally(name string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name] += n
}
