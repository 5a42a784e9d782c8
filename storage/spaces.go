package storage

import (
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// The stats of a space are in memory and follow from its heads and blocks. So the first commit that changes a space after
// Open writes only its number, those after it nothing, and Close writes the stats. After a crash they are counted from
// the heads, the block rows and the few records behind these.

// loadSpaces reads the spaces and the drop markers.
func (s *Store) loadSpaces(txn *badger.Txn, w *writer) error {
	err := scan(txn, []byte{keySpace}, nil, func(k, v []byte) error {
		id, err := parseSpaceKey(k)
		if err != nil {
			return err
		}
		sp, err := parseSpaceValue(v)
		if err != nil {
			return err
		}
		s.view.spaces[id] = sp
		w.nextNum = max(w.nextNum, sp.num+1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: space list: %w", ErrDamaged, err)
	}
	for id, sp := range s.view.spaces {
		if !sp.open {
			continue
		}
		if sp.stats, err = s.countSpace(txn, sp.num); err != nil {
			return fmt.Errorf("%w: stats of space %s: %w", ErrDamaged, id, err)
		}
		s.view.spaces[id] = sp
	}
	err = scan(txn, []byte{keyDrop}, nil, func(k, _ []byte) error {
		num, err := parseDropKey(k)
		if err != nil {
			return err
		}
		w.sweeps = append(w.sweeps, sweep{num: num})
		w.nextNum = max(w.nextNum, num+1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: drop markers: %w", ErrDamaged, err)
	}
	w.reset()
	return nil
}

// countSpace counts the stats of a space anew.
func (s *Store) countSpace(txn *badger.Txn, num uint32) (st Stats, err error) {
	err = scan(txn, appendNum(nil, keyHead, num), nil, func(_, v []byte) error {
		h, err := parseHead(v)
		if err != nil {
			return err
		}
		st.Records += h.Count
		st.Chains++
		st.Missing += h.Seq - h.Count
		return nil
	})
	if err != nil {
		return Stats{}, err
	}
	st.PerLane, err = countLanes(txn, num, func(ref laneRef) (lane, error) { return readLane(txn, ref, 0) })
	var sum uint64
	for _, n := range st.PerLane {
		sum += n
	}
	if err == nil && sum == st.Records {
		return st, nil
	}
	if err != nil && !errors.Is(err, errMiscount) {
		return Stats{}, err
	}
	s.log.Error("storage: rows of blocks are missing, counting all records", "space number", num)
	st.PerLane, err = countLanes(txn, num, func(ref laneRef) (l lane, err error) {
		err = walkFrom(txn, ref, nil, func(p Pos) error { l.tail.include(p); return nil })
		return l, err
	})
	return st, err
}

// countLanes counts each lane that has records.
func countLanes(txn *badger.Txn, num uint32, read func(laneRef) (lane, error)) (per [MaxLane + 1]uint64, err error) {
	for ln := Lane(0); ln <= MaxLane; ln++ {
		found := MaxLane + 1
		err := scanKeys(txn, appendNum(nil, keyRecord, num), appendLanePrefix(nil, keyRecord, laneRef{num, ln}), false, func(it *badger.Item) error {
			_, at, _, err := parseRecordKey(it.Key())
			if err != nil {
				return err
			}
			found = at
			return errStop
		})
		if err != nil || found > MaxLane {
			return per, err
		}
		ln = found
		l, err := read(laneRef{num, ln})
		if err != nil {
			return per, err
		}
		per[ln] = l.total().Count
	}
	return per, nil
}

// settle writes the stats of all spaces that are open. It is the writer's last act. What it does not write is counted at
// the next Open.
func (w *writer) settle() {
	var open []Space
	for id, sp := range w.spaces {
		if sp.open {
			open = append(open, id)
		}
	}
	for ids := range slices.Chunk(open, choreKeys) {
		if err := w.ready(w.s.opt.reserve/2, len(ids)*putOverhead); err != nil {
			return
		}
		if err := w.settleSome(ids); err != nil {
			w.s.log.Error("storage: the stats were not written", "err", err)
			return
		}
	}
}

func (w *writer) settleSome(ids []Space) error {
	w.mem.begin(0)
	defer w.mem.end()
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	for _, id := range ids {
		sp := w.spaces[id]
		sp.open = false
		w.touch(sp)
		if err := w.writeSpace(txn, sp); err != nil {
			return err
		}
	}
	return w.finish(txn)
}

// writeSpace adds the row of a space to txn.
func (w *writer) writeSpace(txn *badger.Txn, sp *writerSpace) error {
	mark := w.mem.mark()
	w.mem.buf = append(append(w.mem.buf, keySpace), sp.id[:]...)
	key := w.mem.since(mark)
	mark = w.mem.mark()
	w.mem.buf = appendSpaceValue(w.mem.buf, &sp.space)
	return w.set(txn, key, w.mem.since(mark))
}
