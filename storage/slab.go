package storage

import (
	"sync"

	"github.com/dgraph-io/badger/v4"
)

// slab is memory for the entries of one transaction. Badger has copied them when the commit returns.
type slab struct {
	buf     []byte
	entries []badger.Entry
	large   sync.Pool // of *[]byte, for transactions that a small buffer does not hold; given back when the store is idle
	lent    *[]byte
	small   []byte
}

const (
	slabBytes   = 64 << 10              // always kept
	slabLarge   = MaxBatchBytes + 1<<18 // of a large buffer: the largest batch and what its keys take more than was weighed
	slabEntries = 128                   // made at once
)

// begin makes room for about size bytes.
func (m *slab) begin(size int) {
	clear(m.entries)
	m.entries = m.entries[:0]
	if size <= slabBytes {
		if m.small == nil {
			m.small = make([]byte, 0, slabBytes)
		}
		m.buf = m.small
		return
	}
	lent, ok := m.large.Get().(*[]byte)
	if !ok {
		buf := make([]byte, 0, slabLarge)
		lent = &buf
	}
	m.buf, m.lent = *lent, lent
}

// end gives the memory back.
func (m *slab) end() {
	m.buf = nil
	if m.lent != nil {
		m.large.Put(m.lent)
		m.lent = nil
	}
}

func (m *slab) mark() int { return len(m.buf) }

// since is what was appended after mark. When buf grows the older slices keep the older memory, which stays valid.
func (m *slab) since(mark int) []byte { return m.buf[mark:len(m.buf):len(m.buf)] }

func (m *slab) entry() *badger.Entry {
	if len(m.entries) == cap(m.entries) {
		m.entries = make([]badger.Entry, 0, slabEntries)
	}
	m.entries = append(m.entries, badger.Entry{})
	return &m.entries[len(m.entries)-1]
}
