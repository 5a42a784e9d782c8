package storetest

import (
	"math/big"
	"slices"
	"strings"

	"github.com/linnet-im/linnet/storage"
)

// Model is a store in plain maps, slow and obviously right. It keeps every event.
type Model struct {
	records map[storage.Space][]storage.Record
	state   map[string][]byte
	events  [][]byte
}

// NewModel is empty.
func NewModel() *Model {
	return &Model{records: make(map[storage.Space][]storage.Record), state: make(map[string][]byte)}
}

// Commit is what [storage.Store.Commit] should do with a valid batch.
func (m *Model) Commit(b storage.Batch) []storage.Outcome {
	out := make([]storage.Outcome, len(b.Puts), len(b.Puts)+len(b.Replace))
	for _, mv := range b.Moves {
		m.move(mv)
	}
	for i, p := range b.Puts {
		out[i] = m.put(p.Record)
		if out[i] == storage.Stored && p.Event != nil {
			m.events = append(m.events, p.Event)
		}
	}
	for _, r := range b.Replace {
		out = append(out, m.replace(r))
	}
	for _, kv := range b.State {
		if kv.Value == nil {
			delete(m.state, kv.Key)
			continue
		}
		m.state[kv.Key] = kv.Value
	}
	m.events = append(m.events, b.Events...)
	return out
}

func (m *Model) put(r storage.Record) storage.Outcome {
	for _, old := range m.records[r.Space] {
		if old.Chain == r.Chain && old.Seq == r.Seq {
			if old.ID == r.ID {
				return storage.Duplicate
			}
			return storage.Conflict
		}
	}
	m.records[r.Space] = append(m.records[r.Space], r)
	return storage.Stored
}

func (m *Model) move(mv storage.Move) {
	for i := range m.records[mv.Space] {
		if r := &m.records[mv.Space][i]; r.Chain == mv.Chain && r.Seq >= mv.From {
			r.Lane = mv.To
		}
	}
}

func (m *Model) replace(r storage.Replacement) storage.Outcome {
	for i := range m.records[r.Space] {
		if old := &m.records[r.Space][i]; old.ID == r.ID {
			old.Data = append([]byte{}, r.Data...)
			return storage.Replaced
		}
	}
	return storage.Unknown
}

// DropSpace forgets a space.
func (m *Model) DropSpace(sp storage.Space) { delete(m.records, sp) }

// Records are all of a space, in order of arrival.
func (m *Model) Records(sp storage.Space) []storage.Record { return m.records[sp] }

// Range is what the store's Range should be.
func (m *Model) Range(sp storage.Space, ln storage.Lane, q storage.Query) []storage.Record {
	var out []storage.Record
	for _, r := range m.records[sp] {
		if r.Lane == ln && (q.After == nil || r.Pos().Compare(*q.After) > 0) && (q.Before == nil || r.Pos().Compare(*q.Before) < 0) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b storage.Record) int { return a.Pos().Compare(b.Pos()) })
	if q.Newest {
		slices.Reverse(out)
	}
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	size := 0
	for i := range out {
		if size += len(out[i].Data); q.Bytes > 0 && size > q.Bytes && i > 0 {
			out = out[:i]
			break
		}
	}
	if q.Newest {
		slices.Reverse(out)
	}
	return out
}

// Positions is what the store's Positions should be.
func (m *Model) Positions(sp storage.Space, ln storage.Lane, from, to *storage.Pos, limit int) []storage.Pos {
	var out []storage.Pos
	for _, r := range m.Range(sp, ln, storage.Query{Before: to}) {
		if (from == nil || r.Pos().Compare(*from) >= 0) && (limit == 0 || len(out) < limit) {
			out = append(out, r.Pos())
		}
	}
	return out
}

// Sum is what the store's Sum should be.
func (m *Model) Sum(sp storage.Space, ln storage.Lane, from, to *storage.Pos) (s storage.Sum) {
	total, mod := new(big.Int), new(big.Int).Lsh(big.NewInt(1), 256)
	for _, p := range m.Positions(sp, ln, from, to, 0) {
		s.Count++
		id := p.ID
		slices.Reverse(id[:])
		total.Add(total, new(big.Int).SetBytes(id[:])).Mod(total, mod)
	}
	total.FillBytes(s.Total[:])
	slices.Reverse(s.Total[:])
	return s
}

// Chains are the heads of a space, ascending by chain.
func (m *Model) Chains(sp storage.Space) []storage.ChainHead {
	heads := make(map[storage.Chain]storage.Head)
	for _, r := range m.records[sp] {
		h := heads[r.Chain]
		h.Count++
		if r.Seq > h.Seq {
			h.Seq, h.ID, h.Time = r.Seq, r.ID, r.Time
		}
		heads[r.Chain] = h
	}
	var out []storage.ChainHead
	for ch, h := range heads {
		out = append(out, storage.ChainHead{Chain: ch, Head: h})
	}
	slices.SortFunc(out, func(a, b storage.ChainHead) int { return slices.Compare(a.Chain[:], b.Chain[:]) })
	return out
}

// Gaps are the seqs of a chain below its head that are not here.
func (m *Model) Gaps(sp storage.Space, ch storage.Chain) (out []storage.Gap) {
	var seqs []uint64
	for _, r := range m.records[sp] {
		if r.Chain == ch {
			seqs = append(seqs, r.Seq)
		}
	}
	slices.Sort(seqs)
	next := uint64(1)
	for _, seq := range seqs {
		if seq > next {
			out = append(out, storage.Gap{From: next, To: seq - 1})
		}
		next = seq + 1
	}
	return out
}

// Stats counts.
func (m *Model) Stats(sp storage.Space) (st storage.Stats) {
	for _, r := range m.records[sp] {
		st.Records++
		st.PerLane[r.Lane]++
	}
	for _, ch := range m.Chains(sp) {
		st.Chains++
		st.Missing += ch.Seq - ch.Count
	}
	return st
}

// State is the values under a prefix, ascending by name.
func (m *Model) State(prefix string) []storage.KV {
	var out []storage.KV
	for k, v := range m.state {
		if strings.HasPrefix(k, prefix) {
			out = append(out, storage.KV{Key: k, Value: v})
		}
	}
	slices.SortFunc(out, func(a, b storage.KV) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// Events are all since the beginning; the first has seq 1.
func (m *Model) Events() [][]byte { return m.events }
