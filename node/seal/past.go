package seal

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Past is how much of what was written before a newcomer may read. The zero
// value is nothing, and then no key is kept for it.
type Past struct {
	All  bool // everything from when the setting was made
	Last int  // the last so many records, at most MaxPast
}

// SetPast tells the session the topic's setting. What it no longer allows is
// erased; what it allows is kept from now on.
func (s *Session) SetPast(p Past) error {
	if p.Last < 0 || p.Last > MaxPast || (p.All && p.Last != 0) {
		return fmt.Errorf("%w: past of the last %d", ErrLimit, p.Last)
	}
	if p == s.past {
		return s.broken
	}
	s.past = p
	if !p.All {
		for _, row := range s.scan([]byte{rowSecret}) {
			s.erase(row.Key)
		}
	}
	if p.Last == 0 {
		clear(s.fresh)
		for _, row := range s.scan([]byte{rowGiven}) {
			s.erase(row.Key)
		}
		s.given = 0
	}
	s.trimKept()
	s.saveHead()
	return s.broken
}

// Kinds of entries in a past. The numbers are on the wire (PROTOCOL.md §11.5).
const (
	pastEpochs   = 1
	pastRecords  = 2
	epochEntry   = 32 + 32 + 8 + 32 + 32
	recordEntry  = 8 + 32 + 32 + 32
	pastCapacity = MaxBody - 1 - pastOverhead - encSize - tagSize - 1
)

// Past returns bodies that give the newcomer what the topic's setting allows, as
// far as this device holds it: what was sealed before the first epoch that was
// sealed to the newcomer too. The error is ErrNoPast, or ErrNoPrekey while
// none of the newcomer is known.
func (s *Session) Past(newcomer Writer) ([][]byte, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if _, member := position(s.members, newcomer); !member {
		return nil, fmt.Errorf("%w: past for %s", ErrNotMember, newcomer)
	}
	kind, size, entries := byte(pastEpochs), epochEntry, s.archivedUntil(s.firstOf(newcomer))
	if s.past.Last > 0 {
		kind, size, entries = pastRecords, recordEntry, s.keptUntil(s.firstOf(newcomer))
	}
	defer clear(entries)
	if len(entries) == 0 {
		return nil, cmp.Or(s.broken, ErrNoPast)
	}
	p := s.peers[newcomer]
	public := s.get(rowKey(rowPublic, newcomer[:]))
	if p == nil || len(public) != 1+publicSize {
		return nil, cmp.Or(s.broken, ErrNoPrekey)
	}
	var bodies [][]byte
	for some := range slices.Chunk(entries, pastCapacity/size*size) {
		sealed, err := sealTo(public[1:], pastInfo(s.topic, s.self, newcomer, p.id), append([]byte{kind}, some...))
		if err != nil {
			return nil, fmt.Errorf("seal: past for %s: %w", newcomer, err)
		}
		bodies = append(bodies, (&body{past: &pastPart{newcomer, p.id, sealed}}).encode())
	}
	return bodies, s.broken
}

// receivePast imports what an inviter gave, as far as the setting allows it.
func (s *Session) receivePast(r Record, p *pastPart) (news News, err error) {
	if p.to != s.self {
		return news, nil
	}
	own := s.ownByID(p.prekey)
	if own == nil {
		return news, ErrExpired
	}
	if !s.past.All && s.past.Last == 0 {
		return news, ErrPending // the setting may come after it
	}
	plain, err := openFrom(&own.seed, pastInfo(s.topic, r.Writer, s.self, p.prekey), p.sealed)
	if err != nil || len(plain) == 0 {
		return news, fmt.Errorf("%w: past by %s", ErrForged, r.Writer)
	}
	defer clear(plain)
	switch entries := plain[1:]; {
	case plain[0] == pastEpochs && len(entries)%epochEntry == 0 && s.past.All:
		return s.importEpochs(entries), nil
	case plain[0] == pastRecords && len(entries)%recordEntry == 0 && s.past.Last > 0:
		return s.importRecords(entries, r.Time), nil
	}
	return news, fmt.Errorf("%w: past by %s", ErrForged, r.Writer)
}

// importEpochs takes the secrets that match their epochs' ids.
func (s *Session) importEpochs(entries []byte) (news News) {
	for e := range slices.Chunk(entries, epochEntry) {
		a, ok := decodeArchived(slices.Concat([]byte{rowsVersion}, e))
		if !ok || commit(s.topic, &a.secret, contextOf(a.starter, a.started, a.members)) != a.id {
			continue
		}
		ref := a.id.Ref()
		s.put(rowKey(rowSecret, ref[:]), a.encode())
		news.Epochs = append(news.Epochs, ref)
	}
	return news
}

// importRecords takes keys as far as there is room.
func (s *Session) importRecords(entries []byte, until int64) (news News) {
	for e := range slices.Chunk(entries, recordEntry) {
		r := &reader{b: e}
		k := keptKey{r.time(), RecordID(r.key())}
		if r.bad || k.time > until || s.given >= s.past.Last {
			continue
		}
		if s.get(k.given()) == nil {
			s.given++
		}
		s.put(k.given(), slices.Concat([]byte{rowsVersion}, r.rest()))
		news.Records = append(news.Records, k.id)
	}
	return news
}

// firstOf returns when the first epoch started that was sealed to w too, as far
// as this device knows. Later ones without w may know of w's removal.
func (s *Session) firstOf(w Writer) int64 {
	first := int64(math.MaxInt64)
	for ref, e := range s.epochs {
		if _, in := position(s.coversOf(ref).members, w); in {
			first = min(first, e.started)
		}
	}
	return first
}
