package pubsub

import (
	"maps"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// blame remembers who sent invalid messages. The library's scores do so too, but
// only of peers to which it could open a stream: one that refuses ours would
// never be scored, and could send garbage as fast as its line allows.
type blame struct {
	mu      sync.RWMutex
	strikes map[peer.ID]time.Time // when the last strike will be forgiven
}

const (
	maxStrikes   = 8
	forgiveAfter = 30 * time.Second // each strike
	maxBlamed    = 1024             // peers, before those forgiven are swept
)

func newBlame() *blame { return &blame{strikes: map[peer.ID]time.Time{}} }

func (b *blame) strike(p peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	until := b.strikes[p]
	if until.Before(now) {
		until = now
	}
	if until.Before(now.Add(2 * maxStrikes * forgiveAfter)) { // nobody is blamed for ever
		until = until.Add(forgiveAfter)
	}
	b.strikes[p] = until
	if len(b.strikes) > maxBlamed {
		maps.DeleteFunc(b.strikes, func(_ peer.ID, t time.Time) bool { return t.Before(now) })
	}
}

// out reports whether p has used up its strikes.
func (b *blame) out(p peer.ID) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return time.Until(b.strikes[p]) > (maxStrikes-1)*forgiveAfter
}
