package storage

import (
	"errors"
	"fmt"
	"slices"
)

// laneRows bounds the rows of one transaction when a lane is counted as a whole.
const laneRows = 2000

// mendError says that a lane has to be counted as a whole before anything can be done with it.
type mendError struct{ ref laneRef }

func (e *mendError) Error() string {
	return fmt.Sprintf("storage: lane %d of space number %d is not counted", e.ref.ln, e.ref.num)
}

func (e *mendError) Unwrap() error { return ErrDamaged }

// mendTries bounds how often a group is tried again. Each time another lane is mended; a space has 16.
const mendTries = 64

// mends mends the lane for which a group failed, if that was why.
func (w *writer) mends(err error) bool {
	var m *mendError
	if !errors.As(err, &m) || w.failed != nil {
		return false
	}
	if err := w.mend(m.ref); err != nil {
		w.s.log.Error("storage: a lane could not be counted", "err", err)
		return false
	}
	return true
}

// mend counts a lane as a whole and writes its rows, in transactions of its own. It is for lanes that an older program
// wrote, and for damaged ones. When it is stopped in the middle it starts again the next time.
func (w *writer) mend(ref laneRef) error {
	if !w.known(ref.num) {
		return nil // dropped meanwhile
	}
	if err := w.ready(w.s.opt.reserve/2, 0); err != nil {
		return err
	}
	if err := w.deleteRows(ref); err != nil {
		return err
	}
	var bs []block
	var b block
	txn := w.s.db.NewTransactionAt(w.ts, false)
	err := walkFrom(txn, ref, nil, func(p Pos) error {
		if b.include(p); b.sum.Count == blockRecords {
			b.no, b.dirty = uint32(len(bs)), true
			bs, b = append(bs, b), block{}
		}
		return nil
	})
	txn.Discard()
	if err != nil {
		return explain("count", err)
	}
	for c := range slices.Chunk(bs, laneRows) {
		if err := w.writeRows(ref, c); err != nil {
			return err
		}
	}
	l := laneOf(bs)
	l.tail = b
	delete(w.lanes, ref)
	w.s.view.mu.Lock()
	w.s.view.lanes[ref] = &l
	w.s.view.mu.Unlock()
	w.s.log.Info("storage: counted a lane", "records", l.total().Count)
	return nil
}

func (w *writer) known(num uint32) bool {
	for _, sp := range w.spaces {
		if sp.num == num {
			return true
		}
	}
	return false
}

func (w *writer) writeRows(ref laneRef, bs []block) error {
	w.mem.begin(0)
	defer w.mem.end()
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	for i := range bs {
		if err := w.writeBlock(txn, ref, &bs[i]); err != nil {
			return err
		}
	}
	return w.finish(txn)
}

func (w *writer) deleteRows(ref laneRef) error {
	prefix := appendLanePrefix(nil, keyBlock, ref)
	for {
		left, err := w.deleteSome(prefix)
		if err != nil || !left {
			return err
		}
	}
}

// deleteSome deletes some keys with a prefix, and tells whether there were as many as one step takes.
func (w *writer) deleteSome(prefix []byte) (left bool, err error) {
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	keys, err := nextKeys(txn, prefix, prefix)
	if err != nil || len(keys) == 0 {
		return false, err
	}
	for _, k := range keys {
		if err := txn.Delete(k); err != nil {
			return false, explain("count", err)
		}
	}
	return len(keys) == choreKeys, w.finish(txn)
}
