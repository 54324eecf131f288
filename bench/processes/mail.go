package main

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"

	"github.com/google/uuid"
)

const keyHeader = "Idempotency-Key"

type mailKind string

const (
	confirmationMail mailKind = "confirmation"
	reminder         mailKind = "reminder"
)

// mail is what is asked for. It also names what there is to be one mail of.
type mail struct {
	Order string   `json:"order"`
	Kind  mailKind `json:"kind"`
}

// mailService takes mails over HTTP, and fails at random. A key that it has seen it answers as before, as a service with
// idempotency keys does.
type mailService struct {
	seed   uint64
	report *report
	// isConfirmed looks whether an order is confirmed, which it must not be before its mail.
	isConfirmed func(ctx context.Context, order string) (bool, error)
	server      *http.Server
	url         string
	serving     sync.WaitGroup

	mu       sync.Mutex
	asked    map[mail]int
	accepted map[mail]map[uuid.UUID]bool
	down     map[string]bool // orders whose mails fail until they are repaired
}

// openMail starts a service. The caller closes it.
func openMail(
	ctx context.Context, seed uint64, report *report,
	isConfirmed func(ctx context.Context, order string) (bool, error),
) (*mailService, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &mailService{
		seed: seed, report: report, isConfirmed: isConfirmed,
		url:   "http://" + listener.Addr().String(),
		asked: make(map[mail]int), accepted: make(map[mail]map[uuid.UUID]bool), down: make(map[string]bool),
	}
	//nolint:gosec // its clients are ours, and it is to bear with those that are stopped
	s.server = &http.Server{Handler: s}
	s.serving.Go(func() { _ = s.server.Serve(listener) })
	return s, nil
}

// close ends all that is under way.
func (s *mailService) close() error {
	err := s.server.Close()
	s.serving.Wait()
	return err
}

// breakDown makes the mails of an order fail, and repair ends that.
func (s *mailService) breakDown(order string) { s.setDown(order, true) }

func (s *mailService) repair(order string) { s.setDown(order, false) }

func (s *mailService) setDown(order string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[order] = down
}

// mishap is what becomes of a request.
type mishap int

const (
	none         mishap = iota
	fails               // the service does nothing and says that it failed
	cuts                // it does nothing and cuts the connection
	hangs               // it does nothing, and does not answer
	losesAnswer         // it takes the mail and cuts the connection
	hangsWithIt         // it takes the mail, and does not answer
	takesItLater        // it takes the mail when nobody waits for the answer any more
)

// mishaps are as likely as they are often here.
var mishaps = []mishap{
	none, none, none, none, none, none, none, none, none, fails, fails, fails,
	cuts, hangs, losesAnswer, losesAnswer, hangsWithIt, takesItLater,
}

// ServeHTTP implements [http.Handler].
func (s *mailService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m mail
	err := json.NewDecoder(r.Body).Decode(&m)
	key, keyErr := uuid.Parse(r.Header.Get(keyHeader))
	if err != nil || keyErr != nil {
		http.Error(w, "no mail or no key", http.StatusBadRequest) // of a client that was killed while it wrote
		return
	}
	what := s.draw(m)
	takes := what != fails && what != cuts && what != hangs
	if what == hangs || what == takesItLater {
		<-r.Context().Done()
	}
	if takes && !s.take(context.WithoutCancel(r.Context()), m, key) {
		what = fails
	}
	switch what {
	case fails:
		http.Error(w, "out of order", http.StatusInternalServerError)
	case hangsWithIt:
		<-r.Context().Done()
	case cuts, losesAnswer:
		panic(http.ErrAbortHandler)
	default: // the answer is empty and says that all is well
	}
}

// draw draws what becomes of a request. It depends on how often the same mail was asked for, and on nothing else.
func (s *mailService) draw(m mail) mishap {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[m]++
	what := fails
	if !s.down[m.Order] {
		name := fnv.New64a()
		_, _ = name.Write([]byte(m.Order + "/" + string(m.Kind)))
		rng := rand.New(rand.NewPCG(s.seed^name.Sum64(), uint64(s.asked[m])))
		what = mishaps[rng.IntN(len(mishaps))]
	}
	if what != none {
		s.report.Add("mishaps of the mail service")
	}
	return what
}

// take accepts a mail. It looks first whether the order is confirmed: if so it has been before the mail.
func (s *mailService) take(ctx context.Context, m mail, key uuid.UUID) bool {
	late, err := s.isConfirmed(ctx, m.Order)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accepted[m] == nil {
		s.accepted[m] = make(map[uuid.UUID]bool)
		if late && m.Kind == confirmationMail {
			s.report.findings.Note(reordered, 1, "order %s was confirmed before its mail was accepted", m.Order)
		}
	}
	s.accepted[m][key] = true
	return true
}

// keys returns those under which a mail was accepted.
func (s *mailService) keys(m mail) []uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []uuid.UUID
	for key := range s.accepted[m] {
		keys = append(keys, key)
	}
	return keys
}

// counts returns how often mails were asked for, and how many were accepted, by key.
func (s *mailService) counts() (asked, accepted int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.asked {
		asked += n
	}
	for _, keys := range s.accepted {
		accepted += len(keys)
	}
	return asked, accepted
}
