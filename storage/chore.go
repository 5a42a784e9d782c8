package storage

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// choreKeys is how many keys one step of a chore deletes: about a millisecond, between two groups.
const choreKeys = 256

// sweep is a dropped space whose keys are being deleted.
type sweep struct {
	num  uint32
	kind int    // index into spaceKinds
	next []byte // where to go on; nil: at the start
}

// DropSpace forgets a space: its records, indices and stats. When it returns, nothing of it can be read, also after a
// power cut; its keys are deleted step by step while the store works on, and after a restart if need be. Dropping a space
// that is not there is no error. ctx bounds the wait for the queue. It works on a full disk.
func (s *Store) DropSpace(ctx context.Context, sp Space) error {
	return s.queue.askFor(ctx, func(r *request) { r.drop = &sp })
}

// drop hides the space and leaves a marker, in one synced transaction.
func (w *writer) drop(id Space) error {
	sp := w.spaces[id]
	if sp == nil {
		return w.failed
	}
	if err := w.ready(w.s.opt.reserve/2, 0); err != nil {
		return err
	}
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	if err := txn.Delete(spaceKey(id)); err != nil {
		return explain("drop", err)
	}
	if err := txn.Set(dropKey(sp.num), []byte{}); err != nil {
		return explain("drop", err)
	}
	if err := w.finish(txn); err != nil {
		return err
	}
	delete(w.spaces, id)
	for ln := range MaxLane + 1 {
		delete(w.lanes, laneRef{sp.num, ln})
	}
	w.s.view.mu.Lock()
	delete(w.s.view.spaces, id)
	w.s.view.dropLanesLocked(sp.num)
	w.s.view.mu.Unlock()
	w.sweeps = append(w.sweeps, sweep{num: sp.num})
	return w.sync()
}

// chores tells whether there is housekeeping to do.
func (w *writer) chores() bool {
	return !w.tired && (len(w.sweeps) > 0 || w.trimming()) && w.ready(w.s.opt.reserve/2, choreKeys*itemOverhead) == nil
}

// chore does one small step of it. After an error it rests: what is left to delete stays marked, the next Open goes on.
func (w *writer) chore() {
	if !w.chores() {
		return
	}
	step := w.trim
	if len(w.sweeps) > 0 {
		step = w.sweep
	}
	if err := step(); err != nil {
		w.s.log.Error("storage: housekeeping failed", "err", err)
		w.tired = true
	}
}

// sweep deletes the next keys of the first dropped space.
func (w *writer) sweep() error {
	sw := &w.sweeps[0]
	prefix := appendNum(nil, spaceKinds[sw.kind], sw.num)
	start := prefix
	if sw.next != nil {
		start = sw.next
	}
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	keys, err := nextKeys(txn, prefix, start)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := txn.Delete(k); err != nil {
			return explain("sweep", err)
		}
	}
	if len(keys) == choreKeys {
		sw.next = append(append([]byte{}, keys[len(keys)-1]...), 0)
		return w.finish(txn)
	}
	sw.kind, sw.next = sw.kind+1, nil
	if sw.kind < len(spaceKinds) {
		return w.finish(txn)
	}
	if err := txn.Delete(dropKey(sw.num)); err != nil {
		return explain("sweep", err)
	}
	w.sweeps = w.sweeps[1:]
	return w.finish(txn)
}

// nextKeys is up to choreKeys keys from start.
func nextKeys(txn *badger.Txn, prefix, start []byte) ([][]byte, error) {
	var keys [][]byte
	err := scanKeys(txn, prefix, start, false, func(it *badger.Item) error {
		keys = append(keys, it.KeyCopy(nil))
		if len(keys) == choreKeys {
			return errStop
		}
		return nil
	})
	return keys, explain("scan", err)
}

// trimming tells whether the journal is longer than it should be by enough to be worth a step.
func (w *writer) trimming() bool {
	head, floor := w.s.journal.ends()
	keep := uint64(w.s.opt.JournalKeep)
	return head+1-floor > keep+keep/16+chunkEvents
}

// trim deletes the oldest chunks, never one that holds an event to keep.
func (w *writer) trim() error {
	head, floor := w.s.journal.ends()
	target := head + 1 - uint64(w.s.opt.JournalKeep)
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	keys, err := nextKeys(txn, []byte{keyJournal}, journalKey(floor))
	if err != nil {
		return err
	}
	for _, k := range keys {
		last, err := parseJournalKey(k)
		if err != nil {
			return fmt.Errorf("%w: journal: %w", ErrDamaged, err)
		}
		if last >= target {
			break
		}
		if err := txn.Delete(k); err != nil {
			return explain("trim", err)
		}
		floor = last + 1
	}
	if err := txn.Set(metaKey("floor"), binary.BigEndian.AppendUint64(nil, floor)); err != nil {
		return explain("trim", err)
	}
	// Readers learn of the new floor before the events are gone.
	w.s.journal.setFloor(floor)
	return w.finish(txn)
}
