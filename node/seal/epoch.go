package seal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
)

// epoch is one that this device can open. Its chains are rows.
type epoch struct {
	id      EpochID
	starter Writer
	digest  [32]byte // of its members
	size    int      // how many they are
	seq     uint64   // of the record that it came in
	arrival uint64   // counts up
	started int64
	since   int64  // running time when it arrived, or was last the one to write in
	count   uint32 // records seen in it
}

// before is the order of epochs: the one that was started last comes first, of
// two the one with the smaller id.
func (e *epoch) before(f *epoch) bool {
	if e.started != f.started {
		return e.started > f.started
	}
	return bytes.Compare(e.id[:], f.id[:]) < 0
}

// closing says why an epoch cannot be opened. The numbers are in the stored state.
type closing uint8

const (
	closedNotForMe closing = 1
	closedLost     closing = 2
	closedExpired  closing = 3
)

type closed struct {
	why     closing
	arrival uint64
}

func (c *closed) err() error {
	switch c.why {
	case closedNotForMe:
		return ErrNotForMe
	case closedLost:
		return ErrLost
	}
	return ErrExpired
}

func (s *Session) saveEpoch(e *epoch) {
	ref := e.id.Ref()
	s.put(rowKey(rowEpoch, ref[:]), e.encode())
}

func (s *Session) coversOf(ref Ref) *covers {
	v := s.get(rowKey(rowCovers, ref[:]))
	c, ok := decodeCovers(v)
	if !ok {
		s.fail(damaged("members of epoch", ref[:]))
		return &covers{}
	}
	return c
}

// present returns the members that an epoch of this device would be sealed to:
// those whose prekeys it knows, and itself.
func (s *Session) present() []Writer {
	return slices.DeleteFunc(slices.Clone(s.members), func(w Writer) bool {
		return w != s.self && (s.peers[w] == nil || !s.peers[w].known())
	})
}

// alone reports whether there are other members, and none can be sealed to.
func (s *Session) alone() bool {
	return len(s.present()) == 1 && slices.ContainsFunc(s.members, func(w Writer) bool {
		return w != s.self && !slices.Contains(s.former, w)
	})
}

// Unreachable returns the members that have announced no prekey yet: they will
// not read what is sealed meanwhile. The slice is the caller's.
func (s *Session) Unreachable() []Writer {
	present := s.present()
	return slices.DeleteFunc(slices.Clone(s.members), func(w Writer) bool {
		_, in := position(present, w)
		return in
	})
}

// start makes a new epoch for the present membership, as bodies to publish from
// record seq on.
func (s *Session) start(seq uint64, now int64) ([]*body, error) {
	members := s.present()
	var secret key
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("seal: start an epoch: %w", err)
	}
	defer clear(secret[:])
	e := &epoch{starter: s.self, digest: membersDigest(members), size: len(members), seq: seq, since: s.running(now)}
	e.started = min(max(now, s.latest+1), now+maxAhead)
	e.id = commit(s.topic, &secret, contextOf(s.self, e.started, e.digest))
	c := &covers{members: members, prekeys: make([]prekeyID, len(members))}
	entries, err := s.sealEntries(e.id, c, &secret)
	if err != nil {
		return nil, err
	}
	s.insert(e, c, &secret)
	return split(epochPart{id: e.id, started: e.started, members: members}, entries), nil
}

func (s *Session) sealEntries(id EpochID, c *covers, secret *key) ([]entry, error) {
	var entries []entry
	for i, w := range c.members {
		if w == s.self {
			continue
		}
		p := s.peers[w].id
		public := s.get(rowKey(rowPublic, w[:]))
		if len(public) != 1+publicSize {
			s.fail(damaged("prekey of", w[:]))
			return nil, s.broken
		}
		sealed, err := sealTo(public[1:], secretInfo(s.topic, id, w, p), secret[:])
		if err != nil {
			return nil, fmt.Errorf("seal: start an epoch: seal to %s: %w", w, err)
		}
		c.prekeys[i] = p
		entries = append(entries, entry{p, sealed})
	}
	return entries, nil
}

// split deals the entries of an epoch out to bodies, each with room for a prekey.
func split(whole epochPart, entries []entry) []*body {
	room := (MaxBody - 1 - publicSize - whole.size()) / entrySize
	var bodies []*body
	for offset := 0; offset == 0 || offset < len(entries); offset += room {
		part := whole
		part.offset, part.entries = offset, entries[offset:min(offset+room, len(entries))]
		bodies = append(bodies, &body{epoch: &part})
	}
	return bodies
}

// receiveEpoch takes in a part of an epoch and reports whether it opened now.
func (s *Session) receiveEpoch(r Record, p *epochPart, now int64) (bool, error) {
	ref := p.id.Ref()
	if _, in := position(p.members, r.Writer); !in || p.started > r.Time+maxAhead {
		return false, fmt.Errorf("%w: epoch %s by %s", ErrForged, ref, r.Writer)
	}
	if s.epochs[ref] != nil {
		return false, nil
	}
	c := s.closed[ref]
	if c != nil && c.why == closedExpired {
		return false, nil
	}
	if p.started > s.latest {
		s.latest = p.started
		s.saveHead()
	}
	if r.Writer == s.self {
		return false, s.loseEpoch(ref, p) // state went back to before it was started
	}
	at, in := p.place(s.self, r.Writer)
	if !in {
		s.closeEpoch(ref, closedNotForMe)
		return false, nil
	}
	if at -= p.offset; at < 0 || at >= len(p.entries) {
		return false, nil // ours is in another part
	}
	return s.openEpoch(r, p, p.entries[at], now)
}

func (s *Session) openEpoch(r Record, p *epochPart, mine entry, now int64) (bool, error) {
	own := s.ownByID(mine.prekey)
	if own == nil {
		return false, s.loseEpoch(p.id.Ref(), p)
	}
	s.noteUse(r.Writer, r.Seq, own.number)
	plain, err := openFrom(&own.seed, secretInfo(s.topic, p.id, s.self, mine.prekey), mine.sealed)
	digest := membersDigest(p.members)
	if err != nil || len(plain) != secretSize {
		return false, s.loseEpoch(p.id.Ref(), p)
	}
	secret := key(plain)
	defer clear(secret[:])
	clear(plain)
	if commit(s.topic, &secret, contextOf(r.Writer, p.started, digest)) != p.id {
		return false, s.loseEpoch(p.id.Ref(), p)
	}
	if !own.used {
		own.used = true
		s.saveOwn(own)
	}
	c := &covers{members: p.members, prekeys: make([]prekeyID, len(p.members))}
	for i, w := range p.members {
		if at, ok := p.place(w, r.Writer); ok && at >= p.offset && at < p.offset+len(p.entries) {
			c.prekeys[i] = p.entries[at-p.offset].prekey
		}
	}
	e := &epoch{id: p.id, starter: r.Writer, digest: digest, size: len(p.members), seq: r.Seq, started: p.started, since: s.running(now)}
	s.insert(e, c, &secret)
	return true, nil
}

// insert opens an epoch: from here on there are chains and no secret.
func (s *Session) insert(e *epoch, c *covers, secret *key) {
	ref := e.id.Ref()
	root := rootOf(secret, e.id)
	defer clear(root[:])
	for _, w := range c.members {
		s.put(rowKey(rowChain, ref[:], w[:]), encodeTree(newTree(chainOf(&root, w))))
	}
	s.arrivals++
	e.arrival = s.arrivals
	s.latest = max(s.latest, e.started)
	s.epochs[ref] = e
	s.saveEpoch(e)
	s.put(rowKey(rowCovers, ref[:]), c.encode())
	if s.past.All {
		a := archived{e.id, e.starter, e.started, e.digest, *secret}
		s.put(rowKey(rowSecret, ref[:]), a.encode())
	}
	if s.closed[ref] != nil {
		delete(s.closed, ref)
		s.erase(rowKey(rowClosed, ref[:]))
	}
	s.stale = true
	s.saveHead()
	s.evict(e.starter)
}

// closeEpoch remembers that an epoch cannot be opened, and why.
func (s *Session) closeEpoch(ref Ref, why closing) {
	if c := s.closed[ref]; c != nil && c.why == why {
		return
	}
	s.arrivals++
	c := &closed{why, s.arrivals}
	s.closed[ref] = c
	s.put(rowKey(rowClosed, ref[:]), c.encode())
	if len(s.closed) > maxClosed {
		oldest := ref
		for r, c := range s.closed {
			if c.arrival < s.closed[oldest].arrival {
				oldest = r
			}
		}
		delete(s.closed, oldest)
		s.erase(rowKey(rowClosed, oldest[:]))
	}
	s.saveHead()
}

// loseEpoch notes an epoch that this device should be able to open and cannot.
func (s *Session) loseEpoch(ref Ref, p *epochPart) error {
	if s.closed[ref] == nil {
		s.closeEpoch(ref, closedLost)
		s.lost = max(s.lost, p.started)
		s.stale = true
		s.saveHead()
	}
	return ErrLost
}
