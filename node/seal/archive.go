package seal

import (
	"bytes"
	"cmp"
	"slices"
)

// archived is an epoch's secret, kept where the whole past may be given, with what
// the epoch's id commits to. It gives every record key of the epoch, and proves itself.
type archived struct {
	id      EpochID
	starter Writer
	started int64
	members [32]byte
	secret  key
}

func (a *archived) encode() []byte {
	b := slices.Concat([]byte{rowsVersion}, a.id[:], a.starter[:], appendTime(nil, a.started), a.members[:])
	return append(b, a.secret[:]...)
}

func decodeArchived(value []byte) (*archived, bool) {
	r := open(value)
	a := &archived{EpochID(r.key()), Writer(r.key()), r.time(), r.key(), r.key()}
	return a, r.whole()
}

// keptKey names a record whose key is kept, where the last ones may be given.
type keptKey struct {
	time int64
	id   RecordID
}

// keptSize is the length of a kept key's row: version, epoch, key.
const keptSize = 1 + 32 + 32

func (k keptKey) compare(l keptKey) int {
	return cmp.Or(cmp.Compare(k.time, l.time), bytes.Compare(k.id[:], l.id[:]))
}

func (k keptKey) row() []byte { return rowKey(rowKept, appendTime(nil, k.time), k.id[:]) }

// given is the row of a key that an inviter gave. It waits there for its record,
// however many newer ones come before that.
func (k keptKey) given() []byte { return rowKey(rowGiven, appendTime(nil, k.time), k.id[:]) }

// keep keeps the key of a record that was just opened, if the setting is Last.
func (s *Session) keep(r Record, id EpochID, k key) {
	if r.Aside {
		return
	}
	s.keepRow(keptKey{r.Time, r.ID}, slices.Concat([]byte{rowsVersion}, id[:], k[:]))
}

func (s *Session) keepRow(k keptKey, value []byte) {
	at, found := slices.BinarySearchFunc(s.kept, k, keptKey.compare)
	if s.past.Last == 0 || found {
		return
	}
	s.kept = slices.Insert(s.kept, at, k)
	s.put(k.row(), value)
	s.trimKept()
}

// keepOwn does the same for a record of this device that came back signed.
func (s *Session) keepOwn(r Record, m *message, e *epoch) {
	name := freshKey{m.ref, m.index}
	if k, ok := s.fresh[name]; ok && e != nil {
		s.keep(r, e.id, k)
		delete(s.fresh, name)
	}
}

func (s *Session) trimKept() {
	excess := max(0, len(s.kept)-s.past.Last)
	for _, k := range s.kept[:excess] {
		s.erase(k.row())
	}
	s.kept = slices.Delete(s.kept, 0, excess)
}

// openArchived opens a record that no chain opens any more, if a past has its
// key, and otherwise says why it does not open.
func (s *Session) openArchived(r Record, m *message) ([]byte, error) {
	if v := s.get(keptKey{r.Time, r.ID}.row()); len(v) == keptSize {
		k := key(v[33:])
		if text, err := s.openWith(&k, EpochID(v[1:33]), r, m); err == nil {
			return text, nil // else an inviter gave a wrong key
		}
	}
	if v := s.get(keptKey{r.Time, r.ID}.given()); len(v) == keptSize {
		k := key(v[33:])
		if text, err := s.openWith(&k, EpochID(v[1:33]), r, m); err == nil {
			s.erase(keptKey{r.Time, r.ID}.given())
			s.given--
			s.keep(r, EpochID(v[1:33]), k)
			return text, nil
		}
	}
	if a, ok := decodeArchived(s.get(rowKey(rowSecret, m.ref[:]))); ok {
		root := rootOf(&a.secret, a.id)
		k, _, _ := newTree(chainOf(&root, r.Writer)).take(m.index)
		return s.openWith(&k, a.id, r, m)
	}
	if s.epochs[m.ref] != nil {
		return nil, ErrExpired
	}
	if c := s.closed[m.ref]; c != nil {
		return nil, c.err()
	}
	return nil, ErrPending
}

func (s *Session) archivedUntil(until int64) (entries []byte) {
	for _, row := range s.scan([]byte{rowSecret}) {
		if a, ok := decodeArchived(row.Value); ok && a.started < until {
			entries = append(entries, row.Value[1:]...)
		}
	}
	return entries
}

func (s *Session) keptUntil(until int64) (entries []byte) {
	for _, k := range s.kept {
		v := s.get(k.row())
		if len(v) != keptSize {
			continue
		}
		if e := s.epochs[EpochID(v[1:33]).Ref()]; k.time < until && (e == nil || e.started < until) {
			entries = slices.Concat(entries, appendTime(nil, k.time), k.id[:], v[1:])
		}
	}
	return entries
}
