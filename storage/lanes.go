package storage

import (
	"errors"
	"slices"

	"github.com/dgraph-io/badger/v4"
)

// laneRef names a lane of a space number.
type laneRef struct {
	num uint32
	ln  Lane
}

// change is a record that came to a lane or left it, in the commit at work.
type change struct {
	Pos
	in   *laneEdit
	gone bool
}

// loadLane reads the rows of a lane that has count records, and counts what is behind them. It is errMiscount if that
// is not what the rows and count promise.
func loadLane(txn *badger.Txn, ref laneRef, count uint64) (lane, error) {
	if count == 0 {
		return lane{}, nil
	}
	l, err := readLane(txn, ref, blockRecords)
	if err == nil && (l.tail.sum.Count == blockRecords || l.total().Count != count) {
		err = errMiscount
	}
	return l, err
}

// readLane reads the rows of a lane, and counts up to limit (0: all) records behind them.
func readLane(txn *badger.Txn, ref laneRef, limit int) (lane, error) {
	var bs []block
	err := scan(txn, appendLanePrefix(nil, keyBlock, ref), nil, func(k, v []byte) error {
		_, no, err := parseBlockKey(k)
		if err != nil {
			return err
		}
		b, err := parseBlock(v)
		b.no = no
		bs = append(bs, b)
		return err
	})
	if err != nil {
		return lane{}, errMiscount
	}
	slices.SortFunc(bs, func(a, b block) int { return a.first.Compare(b.first) })
	var behind *Pos
	for i := range bs {
		if i > 0 && bs[i].first.Compare(bs[i-1].last) <= 0 {
			return lane{}, errMiscount
		}
		behind = &bs[i].last
	}
	l := laneOf(bs)
	err = walkLane(txn, ref.num, ref.ln, Query{After: behind, Limit: limit}, func(p Pos, _ *badger.Item) error {
		l.tail.include(p)
		return nil
	})
	return l, err
}

// edit is a lane to be changed in the commit at work, before the change is in txn. It is a mendError if the lane has first
// to be counted as a whole.
func (w *writer) edit(sp *writerSpace, ln Lane) (*laneEdit, error) {
	ref := laneRef{sp.num, ln}
	e := w.lanes[ref]
	if e == nil {
		l, err := w.loadLane(ref, sp.stats.PerLane[ln])
		if err != nil {
			return nil, err
		}
		e = &laneEdit{lane: l, ref: ref}
		w.lanes[ref] = e
	}
	if !e.dirty {
		e.begin(w.ts + 1)
		w.edits = append(w.edits, e)
	}
	return e, nil
}

func (w *writer) loadLane(ref laneRef, count uint64) (lane, error) {
	v := &w.s.view
	v.mu.Lock()
	l := v.lanes[ref]
	v.mu.Unlock()
	if l != nil {
		return *l, nil
	}
	txn := w.s.db.NewTransactionAt(w.ts, false)
	defer txn.Discard()
	out, err := loadLane(txn, ref, count)
	if errors.Is(err, errMiscount) {
		return lane{}, &mendError{ref}
	}
	return out, err
}

// came and left count a record of a lane.
func (w *writer) came(e *laneEdit, p Pos) {
	e.add(p)
	w.changes = append(w.changes, change{Pos: p, in: e})
}

func (w *writer) left(e *laneEdit, p Pos) {
	e.remove(p)
	w.changes = append(w.changes, change{Pos: p, in: e, gone: true})
}

// writeBlocks adds the rows that changed to txn.
func (w *writer) writeBlocks(txn *badger.Txn) error {
	for _, e := range w.edits {
		err := e.cut(func(first, last Pos) ([]Pos, error) { return w.between(e, first, last) })
		if errors.Is(err, errMiscount) {
			return &mendError{e.ref}
		}
		if err != nil {
			return err
		}
		for _, p := range e.pages {
			if p.made != e.at {
				continue
			}
			for i := range p.blocks {
				if err := w.writeBlock(txn, e.ref, &p.blocks[i]); err != nil {
					return err
				}
			}
		}
		for _, no := range e.gone {
			if err := txn.Delete(appendBlockKey(nil, e.ref, no)); err != nil {
				return explain("write", err)
			}
		}
	}
	return nil
}

func (w *writer) writeBlock(txn *badger.Txn, ref laneRef, b *block) error {
	if !b.dirty {
		return nil
	}
	mark := w.mem.mark()
	w.mem.buf = appendBlockKey(w.mem.buf, ref, b.no)
	key := w.mem.since(mark)
	mark = w.mem.mark()
	w.mem.buf = appendBlock(w.mem.buf, b)
	b.dirty = false
	return w.set(txn, key, w.mem.since(mark))
}

// between lists the records from first to last, both included, as they are after the commit at work.
func (w *writer) between(e *laneEdit, first, last Pos) ([]Pos, error) {
	now := make(map[Pos]bool)
	for _, c := range w.changes {
		if c.in == e && c.Compare(first) >= 0 && c.Compare(last) <= 0 {
			now[c.Pos] = !c.gone
		}
	}
	var list []Pos
	for p, here := range now {
		if here {
			list = append(list, p)
		}
	}
	txn := w.s.db.NewTransactionAt(w.ts, false)
	defer txn.Discard()
	err := walkFrom(txn, e.ref, &first, func(p Pos) error {
		if p.Compare(last) > 0 {
			return errStop
		}
		if _, changed := now[p]; !changed {
			list = append(list, p)
		}
		return nil
	})
	slices.SortFunc(list, Pos.Compare)
	return list, err
}

// walkFrom calls f with each place of a lane, ascending, from one on (nil: all).
func walkFrom(txn *badger.Txn, ref laneRef, from *Pos, f func(Pos) error) error {
	prefix := appendLanePrefix(nil, keyRecord, ref)
	start := prefix
	if from != nil {
		start = appendRecordKey(nil, ref.num, ref.ln, *from)
	}
	return scanKeys(txn, prefix, start, false, func(it *badger.Item) error {
		_, _, p, err := parseRecordKey(it.Key())
		if err != nil {
			return err
		}
		return f(p)
	})
}
