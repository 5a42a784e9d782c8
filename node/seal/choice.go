package seal

import "slices"

// Reason says why an epoch is due. The zero value is that none is.
type Reason uint8

// Reasons, in the order in which they are looked for.
const (
	NotDue     Reason = 0
	DueMembers Reason = 1 // none covers the present membership
	DueLost    Reason = 2 // the others write in one that this device cannot open
	DueRecords Reason = 3 // 1,000 records
	DueAge     Reason = 4 // seven days
	DueTurn    Reason = 5 // direct: another device has offered a fresh prekey
)

func (r Reason) String() string {
	return []string{"not due", "members", "lost", "records", "age", "turn"}[r]
}

// Due is what a session would publish now.
type Due struct {
	Epoch Reason // the next Seal starts an epoch, for this reason
	// Start is the time from which this device should call Start although nobody
	// writes; 0 when nobody needs to. Whoever removed a member calls it at once, and
	// whoever added one as soon as its prekey is there.
	Start  int64
	Prekey bool // an Announce is due, or happens with the next Seal
}

// Due says what is due. The caller asks it after a batch of records and now and then.
func (s *Session) Due(now int64) Due {
	s.choose(now)
	if _, member := position(s.members, s.self); !member {
		return Due{}
	}
	d := Due{Epoch: s.reason(now), Prekey: s.prekeyDue(now)}
	switch {
	case s.alone():
	case d.Epoch == DueMembers:
		d.Start = s.noticed + s.rank()*turnWait
	case d.Epoch == DueLost:
		d.Start = now // nobody else can know
	}
	return d
}

// Writing returns the epoch that this device would go on in, and false when it
// must start one first.
func (s *Session) Writing(now int64) (Ref, bool) {
	s.choose(now)
	return s.current, s.reason(now) == NotDue
}

func (s *Session) reason(now int64) Reason {
	e := s.epochs[s.current]
	switch {
	case e == nil:
		return DueMembers
	case s.lost >= e.started:
		return DueLost
	case e.count >= MaxRecords:
		return DueRecords
	case now-e.started >= MaxAge:
		return DueAge
	case s.kind == Direct && s.offered(e):
		return DueTurn
	}
	return NotDue
}

// rank is this device's place in the order in which members start a due epoch
// that nobody starts by writing: different for each membership.
func (s *Session) rank() int64 {
	digest := membersDigest(s.members)
	score := func(w Writer) [32]byte { return hash([]byte(labelRank), digest[:], w[:]) }
	mine, rank := score(s.self), int64(0)
	for _, w := range s.members {
		if other := score(w); string(other[:]) < string(mine[:]) {
			rank++
		}
	}
	return rank
}

// offered reports whether another member has announced a prekey since e.
func (s *Session) offered(e *epoch) bool {
	c := s.coversOf(e.id.Ref())
	for i, w := range c.members {
		p := s.peers[w]
		switch {
		case w == s.self || p == nil || !p.known():
		case w == e.starter:
			if p.seq >= e.seq {
				return true
			}
		case c.prekeys[i] != p.id:
			return true
		}
	}
	return false
}

// choose picks the epoch to write in: the latest, if it covers the present
// membership. An earlier one may cover it again once somebody was removed, but
// who came after it may have been given its secret, as a past.
func (s *Session) choose(now int64) {
	if !s.stale {
		return
	}
	s.stale = false
	var best *epoch
	for _, e := range s.epochs {
		if best == nil || e.before(best) {
			best = e
		}
	}
	if best != nil && !s.covers(best) {
		best = nil
	}
	old, ref := s.epochs[s.current], Ref{}
	if best != nil {
		ref = best.id.Ref()
	}
	if old != nil && old != best {
		old.since = s.running(now)
		s.saveEpoch(old)
	}
	noticed := s.noticed
	if best != nil {
		noticed = 0
	} else if noticed == 0 {
		noticed = max(now, 1)
	}
	if ref != s.current || noticed != s.noticed {
		s.current, s.noticed = ref, noticed
		s.saveHead()
	}
}

// covers reports whether e may be written in: nobody who is no member can open
// it, and every member whose prekey is known can.
func (s *Session) covers(e *epoch) bool {
	if e.size > len(s.members) {
		return false
	}
	if known, ok := s.judged[e.digest]; ok {
		return known
	}
	present := s.present()
	fits := e.digest == membersDigest(present)
	if !fits && e.size >= len(present) {
		sealed := s.coversOf(e.id.Ref()).members
		fits = subset(sealed, s.members) && subset(present, sealed)
	}
	s.judged[e.digest] = fits
	return fits
}

// subset reports whether every writer of a is in b.
func subset(a, b []Writer) bool {
	return !slices.ContainsFunc(a, func(w Writer) bool {
		_, in := position(b, w)
		return !in
	})
}
