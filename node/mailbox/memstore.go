package mailbox

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// MemStore is a store in memory, for tests and for keepers that may forget. The
// zero value is empty.
type MemStore struct {
	mu   sync.Mutex
	rows map[string][]byte
}

// Apply implements [Store].
func (s *MemStore) Apply(changes []Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[string][]byte{}
	}
	for _, r := range changes {
		if r.Value == nil {
			delete(s.rows, string(r.Key))
			continue
		}
		s.rows[string(r.Key)] = bytes.Clone(r.Value)
	}
	return nil
}

// Get implements [Store].
func (s *MemStore) Get(key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.rows[string(key)]), nil
}

// Walk implements [Store].
func (s *MemStore) Walk(prefix, after []byte, f func(key, value []byte) bool) error {
	s.mu.Lock()
	var rows []Row
	for k, v := range s.rows {
		if strings.HasPrefix(k, string(prefix)) && (after == nil || k > string(after)) {
			rows = append(rows, Row{[]byte(k), v})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(rows, func(a, b Row) int { return bytes.Compare(a.Key, b.Key) })
	for _, r := range rows {
		if !f(r.Key, r.Value) {
			break
		}
	}
	return nil
}
