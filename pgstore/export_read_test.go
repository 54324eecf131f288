package pgstore

// HoldReads takes the lanes for reads, and lets there be no more of them than usual. Release gives them back.
func (s *Store) HoldReads() (release func()) {
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	s.reads.maxLanes = s.reads.usualLanes
	held := s.reads.usualLanes - s.reads.lanes
	s.reads.lanes += held
	return func() {
		for range held {
			s.reads.end()
		}
	}
}

// WaitingReads returns how many reads wait for a lane.
func (s *Store) WaitingReads() int {
	s.reads.mu.Lock()
	defer s.reads.mu.Unlock()
	return len(s.reads.waiting)
}
