package storetest

import (
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
	out := make([]storage.Outcome, len(b.Puts))
	for i, p := range b.Puts {
		out[i] = m.put(p.Record)
		if out[i] == storage.Stored && p.Event != nil {
			m.events = append(m.events, p.Event)
		}
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
	if q.Limit > 0 && len(out) > q.Limit {
		if q.Newest {
			return out[len(out)-q.Limit:]
		}
		return out[:q.Limit]
	}
	return out
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
