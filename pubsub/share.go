package pubsub

import "sync"

// share divides the room for messages that wait for their handlers among the
// peers that sent them: a peer may have as many waiting as there is room left.
// So one that floods takes half of it, two take a third each, and there is
// always room for somebody new; a peer alone in a burst is not held up by it.
type share struct {
	mu    sync.Mutex
	room  int            // units left
	taken map[string]int // units by peer, none of them zero
}

func newShare(units int) *share { return &share{room: units, taken: map[string]int{}} }

// take asks for n units and reports whether the peer got them; then give must follow.
func (s *share) take(peer string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[peer]+n > s.room {
		return false
	}
	s.room -= n
	s.taken[peer] += n
	return true
}

func (s *share) give(peer string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room += n
	if s.taken[peer] -= n; s.taken[peer] == 0 {
		delete(s.taken, peer)
	}
}

// units is what a message of so many bytes counts for where messages wait: large
// ones count for more, so that a queue is bounded in bytes too (4,096 units are 32 MiB).
func units(bytes int) int { return 1 + bytes/(8<<10) }
