package storage

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/crypto/chacha20poly1305"
)

// apply adds one batch to txn and fills in its outcomes.
func (w *writer) apply(txn *badger.Txn, r *request) error {
	for i := range r.batch.Puts {
		p := &r.batch.Puts[i]
		out, err := w.put(txn, &p.Record)
		if err != nil {
			return err
		}
		r.out[i] = out
		if out == Stored && p.Event != nil {
			w.events = append(w.events, p.Event)
		}
	}
	for i := range r.batch.Replace {
		out, err := w.replace(txn, &r.batch.Replace[i])
		if err != nil {
			return err
		}
		r.out[len(r.batch.Puts)+i] = out
	}
	for i := range r.batch.State {
		if err := w.setState(txn, &r.batch.State[i]); err != nil {
			return err
		}
	}
	w.events = append(w.events, r.batch.Events...)
	return nil
}

// put adds one record, unless its place in the chain is taken.
func (w *writer) put(txn *badger.Txn, r *Record) (Outcome, error) {
	sp := w.spaceOf(r.Space)
	h, err := w.headOf(txn, sp.num, r.Chain)
	if err != nil {
		return 0, err
	}
	// The newest of a chain, or older than all of it, is new without looking.
	if h.Count > 0 && r.Seq <= h.Seq && r.Seq >= h.low {
		out, err := w.occupied(txn, sp.num, h, r)
		if err != nil || out != Stored {
			return out, err
		}
	}
	e, err := w.edit(sp, r.Lane)
	if err != nil {
		return 0, err
	}
	if err := w.write(txn, sp.num, r); err != nil {
		return 0, err
	}
	w.came(e, r.Pos())
	w.count(sp, h, r)
	return Stored, nil
}

// occupied tells what a record within the known part of a chain is: Stored means that its place is free.
func (w *writer) occupied(txn *badger.Txn, num uint32, h *cachedHead, r *Record) (Outcome, error) {
	id := h.ID
	if r.Seq != h.Seq {
		mark := w.mem.mark()
		w.mem.buf = appendChainKey(w.mem.buf, num, r.Chain, r.Seq)
		item, err := txn.Get(w.mem.since(mark))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return Stored, nil
		}
		if err != nil {
			return 0, explain("read chain", err)
		}
		err = item.Value(func(v []byte) error {
			_, p, err := parseLink(v)
			id = p.ID
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("%w: chain %s seq %d: %w", ErrDamaged, r.Chain, r.Seq, err)
		}
	}
	if id == r.ID {
		return Duplicate, nil
	}
	return Conflict, nil
}

// place is where a record is, by lane, id and chain.
type place struct {
	ln Lane
	Pos
	ch  Chain
	seq uint64
}

// write adds the record and its two index entries.
func (w *writer) write(txn *badger.Txn, num uint32, r *Record) error {
	at := w.mem.mark()
	w.mem.buf = appendRecordValue(w.mem.buf, r.Chain, r.Seq, r.Data)
	return w.writeAt(txn, num, place{r.Lane, r.Pos(), r.Chain, r.Seq}, w.mem.since(at))
}

// writeAt is write for a record whose value is made.
func (w *writer) writeAt(txn *badger.Txn, num uint32, p place, value []byte) error {
	m := &w.mem
	at := m.mark()
	m.buf = appendRecordKey(m.buf, num, p.ln, p.Pos)
	if err := w.set(txn, m.since(at), value); err != nil {
		return err
	}
	at = m.mark()
	m.buf = appendIDKey(m.buf, num, p.ID)
	key := m.since(at)
	at = m.mark()
	m.buf = appendPlace(m.buf, p.ln, p.Time)
	if err := w.set(txn, key, m.since(at)); err != nil {
		return err
	}
	at = m.mark()
	m.buf = appendChainKey(m.buf, num, p.ch, p.seq)
	key = m.since(at)
	at = m.mark()
	m.buf = appendLink(m.buf, p.ln, p.Pos)
	return w.set(txn, key, m.since(at))
}

// count brings head and stats up to date. The arithmetic on Missing is modulo 2^64 and comes out right.
func (w *writer) count(sp *writerSpace, h *cachedHead, r *Record) {
	st := &sp.stats
	if h.Count == 0 {
		st.Chains++
		h.low = r.Seq
	}
	before := h.Seq - h.Count
	if r.Seq > h.Seq {
		h.Seq, h.ID, h.Time = r.Seq, r.ID, r.Time
	}
	h.low = min(h.low, r.Seq)
	h.Count++
	st.Missing += h.Seq - h.Count - before
	st.Records++
	st.PerLane[r.Lane]++
	w.heads.touch(h)
	w.touch(sp)
}

// touch says that sp differs from what is stored.
func (w *writer) touch(sp *writerSpace) {
	if !sp.dirty {
		sp.dirty = true
		w.dirty = append(w.dirty, sp)
	}
}

func (w *writer) spaceOf(id Space) *writerSpace {
	if sp := w.spaces[id]; sp != nil {
		return sp
	}
	sp := &writerSpace{id: id, space: space{num: w.nextNum}}
	w.nextNum++
	w.spaces[id] = sp
	return sp
}

// headOf is the chain's head; Count is 0 if nothing of it is here.
func (w *writer) headOf(txn *badger.Txn, num uint32, ch Chain) (*cachedHead, error) {
	key := chainRef{num: num, chain: ch}
	if h := w.heads.get(key); h != nil {
		return h, nil
	}
	mark := w.mem.mark()
	w.mem.buf = appendHeadKey(w.mem.buf, num, ch)
	item, err := txn.Get(w.mem.since(mark))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return w.heads.add(key, head{}), nil
	}
	if err != nil {
		return nil, explain("read head", err)
	}
	var h head
	err = item.Value(func(v []byte) (err error) {
		h, err = parseHead(v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: head of chain %s: %w", ErrDamaged, ch, err)
	}
	return w.heads.add(key, h), nil
}

func (w *writer) setState(txn *badger.Txn, kv *KV) error {
	key := stateKey(kv.Key)
	if kv.Value == nil {
		return explain("delete state", txn.Delete(key))
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(kv.Value)+chacha20poly1305.Overhead)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	return w.set(txn, key, w.s.state.Seal(nonce, nonce, kv.Value, []byte(kv.Key)))
}
