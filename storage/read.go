package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/crypto/chacha20poly1305"
)

// Get returns the record with this id, or ErrNotFound.
func (s *Store) Get(sp Space, id ID) (Record, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return Record{}, err
	}
	defer sn.close()
	if !ok {
		return Record{}, ErrNotFound
	}
	ln, at, err := lookupID(sn.txn, in.num, id)
	if err != nil {
		return Record{}, err
	}
	return readRecord(sn.txn, in.num, sp, ln, Pos{Time: at, ID: id})
}

// Has tells whether the record with this id is here.
func (s *Store) Has(sp Space, id ID) (bool, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return false, err
	}
	defer sn.close()
	if !ok {
		return false, nil
	}
	_, _, err = lookupID(sn.txn, in.num, id)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// At returns the record at a place in a chain, or ErrNotFound.
func (s *Store) At(sp Space, ch Chain, seq uint64) (Record, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return Record{}, err
	}
	defer sn.close()
	if !ok {
		return Record{}, ErrNotFound
	}
	v, err := getCopy(sn.txn, appendChainKey(nil, in.num, ch, seq))
	if err != nil {
		return Record{}, err
	}
	ln, p, err := parseLink(v)
	if err != nil {
		return Record{}, fmt.Errorf("%w: chain %s seq %d: %w", ErrDamaged, ch, seq, err)
	}
	return readRecord(sn.txn, in.num, sp, ln, p)
}

// Head sums up a chain, or is ErrNotFound.
func (s *Store) Head(sp Space, ch Chain) (Head, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return Head{}, err
	}
	defer sn.close()
	if !ok {
		return Head{}, ErrNotFound
	}
	v, err := getCopy(sn.txn, appendHeadKey(nil, in.num, ch))
	if err != nil {
		return Head{}, err
	}
	h, err := parseHead(v)
	if err != nil {
		return Head{}, fmt.Errorf("%w: head of chain %s: %w", ErrDamaged, ch, err)
	}
	return h.Head, nil
}

// Chains lists up to limit (0: all) chains of a space, ascending, those above after. The zero Chain starts at the beginning.
func (s *Store) Chains(sp Space, after Chain, limit int) ([]ChainHead, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return nil, err
	}
	defer sn.close()
	if !ok {
		return nil, nil
	}
	var out []ChainHead
	start := append(appendHeadKey(nil, in.num, after), 0)
	err = scan(sn.txn, appendNum(nil, keyHead, in.num), start, func(k, v []byte) error {
		_, ch, err := parseHeadKey(k)
		if err != nil {
			return err
		}
		h, err := parseHead(v)
		if err != nil {
			return err
		}
		out = append(out, ChainHead{Chain: ch, Head: h.Head})
		if len(out) == limit {
			return errStop
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: chains of %s: %w", ErrDamaged, sp, err)
	}
	return out, nil
}

// Query chooses part of a lane. The bounds are exclusive, nil is no bound. Limit and Bytes, which counts Record.Data, are
// not exceeded, but that there is at least one record; 0 is no limit. With Newest set the limits take the newest records
// within the bounds, otherwise the oldest; the result is ascending either way.
type Query struct {
	After, Before *Pos
	Limit         int
	Bytes         int
	Newest        bool
}

// Range returns the records of a lane that q chooses, ascending.
func (s *Store) Range(sp Space, ln Lane, q Query) ([]Record, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return nil, err
	}
	defer sn.close()
	if !ok || ln > MaxLane {
		return nil, nil
	}
	var out []Record
	size := 0
	err = walkLane(sn.txn, in.num, ln, q, func(p Pos, item *badger.Item) error {
		v, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		r := Record{Space: sp, Lane: ln, Time: p.Time, ID: p.ID}
		if r.Chain, r.Seq, r.Data, err = parseRecordValue(v); err != nil {
			return err
		}
		if size += len(r.Data); q.Bytes > 0 && size > q.Bytes && len(out) > 0 {
			return errStop
		}
		out = append(out, r)
		return nil
	})
	if err != nil {
		return nil, explainLane(sp, ln, err)
	}
	if q.Newest {
		slices.Reverse(out)
	}
	return out, nil
}

// Count is the number of records of a lane after a place (nil: from the start), at most limit (0: no limit). It reads keys only.
func (s *Store) Count(sp Space, ln Lane, after *Pos, limit int) (int, error) {
	sn, in, ok, err := s.snapshotOf(sp)
	if err != nil {
		return 0, err
	}
	defer sn.close()
	if !ok || ln > MaxLane {
		return 0, nil
	}
	n := 0
	err = walkLane(sn.txn, in.num, ln, Query{After: after, Limit: limit}, func(Pos, *badger.Item) error {
		n++
		return nil
	})
	if err != nil {
		return 0, explainLane(sp, ln, err)
	}
	return n, nil
}

// walkLane calls f for each record that q chooses: ascending, or descending with q.Newest.
func walkLane(txn *badger.Txn, num uint32, ln Lane, q Query, f func(Pos, *badger.Item) error) error {
	prefix := append(appendNum(nil, keyRecord, num), byte(ln))
	start := prefix
	switch {
	case q.Newest && q.Before != nil:
		start = appendRecordKey(nil, num, ln, *q.Before)
	case q.Newest:
		start = append(append([]byte{}, prefix...), 0xff)
	case q.After != nil:
		start = appendRecordKey(nil, num, ln, *q.After)
	}
	n := 0
	return scanKeys(txn, prefix, start, q.Newest, func(item *badger.Item) error {
		_, _, p, err := parseRecordKey(item.Key())
		if err != nil {
			return err
		}
		low := q.After != nil && p.Compare(*q.After) <= 0
		high := q.Before != nil && p.Compare(*q.Before) >= 0
		switch {
		case low && q.Newest, high && !q.Newest:
			return errStop
		case low, high:
			return nil // the bound itself
		}
		if err := f(p, item); err != nil {
			return err
		}
		if n++; n == q.Limit {
			return errStop
		}
		return nil
	})
}

// Stats sums up a space, from memory. A space that is not there is all zero.
func (s *Store) Stats(sp Space) (Stats, error) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	if s.view.closed {
		return Stats{}, ErrClosed
	}
	return s.view.spaces[sp].stats, nil
}

// Spaces lists the spaces that hold records, ascending.
func (s *Store) Spaces() ([]Space, error) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	if s.view.closed {
		return nil, ErrClosed
	}
	out := make([]Space, 0, len(s.view.spaces))
	for sp := range s.view.spaces {
		out = append(out, sp)
	}
	slices.SortFunc(out, func(a, b Space) int { return compareBytes(a[:], b[:]) })
	return out, nil
}

// State returns the value under a name, or ErrNotFound. ErrDamaged means that it is not as it was written.
func (s *Store) State(key string) ([]byte, error) {
	sn, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer sn.close()
	v, err := getCopy(sn.txn, stateKey(key))
	if err != nil {
		return nil, err
	}
	return s.openState(key, v)
}

// ListState returns all values whose name has the prefix, ascending by name.
func (s *Store) ListState(prefix string) ([]KV, error) {
	sn, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer sn.close()
	var out []KV
	err = scan(sn.txn, stateKey(prefix), nil, func(k, v []byte) error {
		name := string(k[1:])
		plain, err := s.openState(name, v)
		out = append(out, KV{Key: name, Value: plain})
		return err
	})
	if err != nil {
		return nil, explain("list state", err)
	}
	return out, nil
}

func (s *Store) openState(name string, v []byte) ([]byte, error) {
	if len(v) < chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("%w: state %q", ErrDamaged, name)
	}
	nonce, sealed := v[:chacha20poly1305.NonceSizeX], v[chacha20poly1305.NonceSizeX:]
	plain, err := s.state.Open([]byte{}, nonce, sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("%w: state %q does not open", ErrDamaged, name)
	}
	return plain, nil
}

func lookupID(txn *badger.Txn, num uint32, id ID) (ln Lane, at int64, err error) {
	item, err := txn.Get(appendIDKey(make([]byte, 0, lenIDKey), num, id))
	if err != nil {
		return 0, 0, explain("read id", err)
	}
	err = item.Value(func(v []byte) error {
		ln, at, err = parsePlace(v)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%w: index of %s: %w", ErrDamaged, id, err)
	}
	return ln, at, nil
}

// readRecord reads a record that an index names: if it is not there the store is damaged.
func readRecord(txn *badger.Txn, num uint32, sp Space, ln Lane, p Pos) (Record, error) {
	v, err := getCopy(txn, appendRecordKey(make([]byte, 0, lenRecordKey), num, ln, p))
	if errors.Is(err, ErrNotFound) {
		return Record{}, fmt.Errorf("%w: record %s is in an index but not here", ErrDamaged, p.ID)
	}
	if err != nil {
		return Record{}, err
	}
	r := Record{Space: sp, Lane: ln, Time: p.Time, ID: p.ID}
	if r.Chain, r.Seq, r.Data, err = parseRecordValue(v); err != nil {
		return Record{}, fmt.Errorf("%w: record %s: %w", ErrDamaged, p.ID, err)
	}
	return r, nil
}
