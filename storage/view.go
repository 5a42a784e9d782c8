package storage

import (
	"bytes"
	"maps"
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// space is what the store keeps in memory for each space: some 200 bytes.
type space struct {
	num   uint32
	stats Stats
	open  bool // the row says that stats are to be counted at the next Open, so it need not change with each commit
}

// view is the state that readers start from. The writer replaces it after each commit. It also counts readers, so that
// Badger drops an old version only when nobody reads at its time, and closes only when nobody reads at all.
type view struct {
	mu      sync.Mutex
	ts      uint64 // newest commit
	spaces  map[Space]space
	lanes   map[laneRef]*lane // those that were used since Open; what is not here has not changed since
	closed  bool
	readers [2]int // by generation
	gen     int
	floor   uint64     // every reader of the current generation reads at floor or later
	idle    *sync.Cond // a reader left
}

func (v *view) init(ts uint64) {
	v.ts, v.floor = ts, ts
	v.spaces = make(map[Space]space)
	v.lanes = make(map[laneRef]*lane)
	v.idle = sync.NewCond(&v.mu)
}

// snapshot is one reader's stable sight of the store. It must be closed.
type snapshot struct {
	txn *badger.Txn
	v   *view
	gen int
}

func (s *Store) snapshot() (snapshot, error) {
	sn, _, _, err := s.snapshotOf(Space{})
	return sn, err
}

// snapshotOf also looks up a space, as of the same moment.
func (s *Store) snapshotOf(sp Space) (sn snapshot, in space, ok bool, err error) {
	v := &s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return snapshot{}, space{}, false, ErrClosed
	}
	in, ok = v.spaces[sp]
	return v.enterLocked(s.db), in, ok, nil
}

// snapshotOfLane also looks up a lane, nil if it has not been used since Open.
func (s *Store) snapshotOfLane(sp Space, ln Lane) (snapshot, space, *lane, error) {
	v := &s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return snapshot{}, space{}, nil, ErrClosed
	}
	in := v.spaces[sp]
	return v.enterLocked(s.db), in, v.lanes[laneRef{in.num, ln}], nil
}

// snapshotOfAll also has all that is in memory.
func (s *Store) snapshotOfAll() (snapshot, map[Space]space, map[laneRef]*lane, error) {
	v := &s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return snapshot{}, nil, nil, ErrClosed
	}
	return v.enterLocked(s.db), maps.Clone(v.spaces), maps.Clone(v.lanes), nil
}

func (v *view) enterLocked(db *badger.DB) snapshot {
	v.readers[v.gen]++
	return snapshot{txn: db.NewTransactionAt(v.ts, false), v: v, gen: v.gen}
}

// keepLane remembers a lane that a reader has read, unless the writer knows a newer one. Where it does not, nothing has
// changed since the reader's snapshot.
func (v *view) keepLane(sp Space, ref laneRef, l *lane) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if in, ok := v.spaces[sp]; ok && in.num == ref.num && v.lanes[ref] == nil {
		v.lanes[ref] = l
	}
}

// dropLanesLocked forgets the lanes of a dropped space.
func (v *view) dropLanesLocked(num uint32) {
	for ln := range MaxLane + 1 {
		delete(v.lanes, laneRef{num, ln})
	}
}

func (sn snapshot) close() {
	sn.txn.Discard()
	sn.v.mu.Lock()
	sn.v.readers[sn.gen]--
	if sn.v.closed {
		sn.v.idle.Broadcast()
	}
	sn.v.mu.Unlock()
}

// retire returns a time at or before which nobody reads any more, if there is news.
func (v *view) retire() (ts uint64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.readers[1-v.gen] > 0 {
		return 0, false
	}
	ts = v.floor
	v.gen = 1 - v.gen
	v.floor = v.ts
	return ts, true
}

// close lets no reader in any more and waits for those inside.
func (v *view) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	for v.readers[0]+v.readers[1] > 0 {
		v.idle.Wait()
	}
}

// getCopy is the value at key, as the caller's own, or ErrNotFound.
func getCopy(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if err != nil {
		return nil, explain("read", err)
	}
	v, err := item.ValueCopy(nil)
	return v, explain("read", err)
}

// errStop ends a scan early.
var errStop = stopError{}

type stopError struct{}

func (stopError) Error() string { return "stop" }

// scan calls f with each key that has the prefix, ascending from start (nil: from the prefix). k and v are valid only
// during the call.
func scan(txn *badger.Txn, prefix, start []byte, f func(k, v []byte) error) error {
	if start == nil {
		start = prefix
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(start); it.ValidForPrefix(prefix); it.Next() {
		item := it.Item()
		err := item.Value(func(v []byte) error { return f(item.Key(), v) })
		if err == errStop {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scanKeys is scan without values, in either direction. Reversed, start is the highest key to look at.
func scanKeys(txn *badger.Txn, prefix, start []byte, reverse bool, f func(it *badger.Item) error) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, Reverse: reverse})
	defer it.Close()
	for it.Seek(start); it.Valid() && bytes.HasPrefix(it.Item().Key(), prefix); it.Next() {
		if err := f(it.Item()); err == errStop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
