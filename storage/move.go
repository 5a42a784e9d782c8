package storage

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// link is an entry of the chain index.
type link struct {
	seq uint64
	ln  Lane
	Pos
}

// moveLinks is how many links of a chain are looked at in one step.
const moveLinks = 1000

// cursor is how far the moves of a batch have come.
type cursor struct {
	i   int    // of the move
	seq uint64 // of the next record
}

// commitMoves applies a batch that has moves: in one transaction if they fit, otherwise in several, the last of which
// has all the rest of the batch.
func (w *writer) commitMoves(r *request) error {
	var at cursor
	for {
		if err := w.ready(w.s.opt.reserve, MaxBatchBytes); err != nil {
			return err
		}
		done, err := w.moveStep(r, &at)
		if err != nil {
			w.reset()
		}
		if err != nil || done {
			return err
		}
	}
}

func (w *writer) moveStep(r *request, at *cursor) (done bool, err error) {
	w.mem.begin(MaxBatchBytes)
	defer w.mem.end()
	txn := w.s.db.NewTransactionAt(w.ts, true)
	defer txn.Discard()
	if done, err = w.moveSome(txn, r, at); err != nil {
		return false, err
	}
	if done {
		if err := w.apply(txn, r); err != nil {
			return false, err
		}
	}
	return done, w.flush(txn)
}

// moveSome moves records while there is room for the rest of the batch too. It is done when all are moved and there is.
func (w *writer) moveSome(txn *badger.Txn, r *request, at *cursor) (done bool, err error) {
	size, items := r.size, r.items
	for ; at.i < len(r.batch.Moves); at.i, at.seq = at.i+1, 0 {
		m := &r.batch.Moves[at.i]
		sp := w.spaces[m.Space]
		if sp == nil {
			continue
		}
		links, err := chainLinks(txn, sp.num, m.Chain, max(m.From, at.seq))
		if err != nil {
			return false, fmt.Errorf("%w: chain %s: %w", ErrDamaged, m.Chain, err)
		}
		for i := range links {
			at.seq = links[i].seq + 1
			if links[i].ln == m.To {
				continue
			}
			n, err := w.move(txn, sp, m, &links[i])
			if err != nil {
				return false, err
			}
			size += n + putOverhead
			if items += 2; size > MaxBatchBytes || items > MaxBatchItems {
				return false, nil
			}
		}
		if len(links) == moveLinks {
			return false, nil
		}
	}
	return true, nil
}

// chainLinks lists some of a chain's index, from a seq on.
func chainLinks(txn *badger.Txn, num uint32, ch Chain, from uint64) (out []link, err error) {
	prefix := appendHeadKey(nil, num, ch)
	prefix[0] = keyChain
	err = scan(txn, prefix, appendChainKey(nil, num, ch, from), func(k, v []byte) (err error) {
		var l link
		if _, _, l.seq, err = parseChainKey(k); err != nil {
			return err
		}
		if l.ln, l.Pos, err = parseLink(v); err != nil {
			return err
		}
		if out = append(out, l); len(out) == moveLinks {
			return errStop
		}
		return nil
	})
	return out, err
}

// move puts one record into another lane, and tells how many bytes that took.
func (w *writer) move(txn *badger.Txn, sp *writerSpace, m *Move, l *link) (int, error) {
	from, err := w.edit(sp, l.ln)
	if err != nil {
		return 0, err
	}
	to, err := w.edit(sp, m.To)
	if err != nil {
		return 0, err
	}
	mem := &w.mem
	at := mem.mark()
	mem.buf = appendRecordKey(mem.buf, sp.num, l.ln, l.Pos)
	old := mem.since(at)
	value, err := w.valueOf(txn, old)
	if err != nil {
		return 0, fmt.Errorf("%w: record %s: %w", ErrDamaged, l.ID, err)
	}
	if err := txn.Delete(old); err != nil {
		return 0, explain("move", err)
	}
	if err := w.writeAt(txn, sp.num, place{m.To, l.Pos, m.Chain, l.seq}, value); err != nil {
		return 0, err
	}
	w.left(from, l.Pos)
	w.came(to, l.Pos)
	sp.stats.PerLane[l.ln]--
	sp.stats.PerLane[m.To]++
	w.touch(sp)
	return len(value), nil
}

// valueOf is the value at key, in the slab.
func (w *writer) valueOf(txn *badger.Txn, key []byte) ([]byte, error) {
	item, err := txn.Get(key)
	if err != nil {
		return nil, err
	}
	at := w.mem.mark()
	err = item.Value(func(v []byte) error {
		w.mem.buf = append(w.mem.buf, v...)
		return nil
	})
	return w.mem.since(at), err
}

// replace gives a record other bytes.
func (w *writer) replace(txn *badger.Txn, r *Replacement) (Outcome, error) {
	sp := w.spaces[r.Space]
	if sp == nil {
		return Unknown, nil
	}
	ln, at, err := lookupID(txn, sp.num, r.ID)
	if errors.Is(err, ErrNotFound) {
		return Unknown, nil
	}
	if err != nil {
		return 0, err
	}
	mem := &w.mem
	mark := mem.mark()
	mem.buf = appendRecordKey(mem.buf, sp.num, ln, Pos{Time: at, ID: r.ID})
	key := mem.since(mark)
	value, err := w.valueOf(txn, key)
	if err != nil {
		return 0, fmt.Errorf("%w: record %s: %w", ErrDamaged, r.ID, err)
	}
	ch, seq, _, err := parseRecordValue(value)
	if err != nil {
		return 0, fmt.Errorf("%w: record %s: %w", ErrDamaged, r.ID, err)
	}
	mark = mem.mark()
	mem.buf = appendRecordValue(mem.buf, ch, seq, r.Data)
	return Replaced, w.set(txn, key, mem.since(mark))
}
