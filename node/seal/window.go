package seal

// sweep erases what is past its window. It looks once an hour.
func (s *Session) sweep(now int64) {
	if s.broken != nil || now-s.swept < sweepEvery {
		return
	}
	s.slept += max(0, now-s.swept-maxIdle)
	s.swept = now
	s.choose(now)
	for ref, e := range s.epochs {
		if ref != s.current && s.running(now)-e.since >= Window {
			s.expire(e)
		}
	}
	for w, p := range s.peers {
		if _, member := position(s.members, w); !member && p.known() && p.left != 0 && s.running(now)-p.left >= Window {
			p.id = prekeyID{}
			s.savePeer(w, p)
			s.erase(rowKey(rowPublic, w[:]))
		}
	}
	s.trimOwn(now)
	s.saveHead()
}

// running is the time without that in which the device was off: Window counts
// what was a chance to receive, so that nobody loses what is late by being away.
func (s *Session) running(now int64) int64 { return now - s.slept }

// Tick erases what is past its window. The caller calls it when a topic is
// opened and every few hours, so that keys go away where nobody writes.
func (s *Session) Tick(now int64) error {
	s.sweep(now)
	return s.broken
}

// expire erases an epoch with all its chains, and remembers that it was there, so
// that its record does not bring it back.
func (s *Session) expire(e *epoch) {
	ref := e.id.Ref()
	delete(s.epochs, ref)
	for _, kind := range []byte{rowEpoch, rowCovers, rowCount} {
		s.erase(rowKey(kind, ref[:]))
	}
	for _, row := range s.scan(rowKey(rowChain, ref[:])) {
		s.erase(row.Key)
	}
	s.closeEpoch(ref, closedExpired)
	s.stale = true
}

// evict makes room after an epoch of the starter was added: first among its own,
// then among those of whoever has the most chains. What arrived first goes first.
func (s *Session) evict(starter Writer) {
	epochs, chains, all := 0, make(map[Writer]int), 0
	for _, e := range s.epochs {
		if chains[e.starter], all = chains[e.starter]+e.size, all+e.size; e.starter == starter {
			epochs++
		}
	}
	if epochs > maxByStarter {
		s.expireOldest(starter)
		return
	}
	if len(s.epochs) <= maxEpochs && all <= maxChains {
		return
	}
	for w, n := range chains {
		if n > chains[starter] || n == chains[starter] && w.compare(starter) < 0 {
			starter = w
		}
	}
	s.expireOldest(starter)
}

func (s *Session) expireOldest(starter Writer) {
	var oldest *epoch
	for ref, e := range s.epochs {
		if e.starter == starter && ref != s.current && (oldest == nil || e.arrival < oldest.arrival) {
			oldest = e
		}
	}
	if oldest != nil {
		s.expire(oldest)
	}
}
