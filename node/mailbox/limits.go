package mailbox

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Serving limits.
const (
	maxServing     = 32 // streams at once on which something signed was asked
	maxStrangers   = 32 // and on which nothing was yet
	maxServingPeer = 4  // of both with one peer
	maxPeers       = 4096

	burstAsks = 256.0 // requests of one peer at once
	asksRate  = 4.0   // and a second from then on
	burstLoad = 32 << 20
	loadRate  = 256 << 10 // bytes of mail a second, both ways together
)

// allowance is what peers may still ask for.
type allowance struct {
	mu    sync.Mutex
	peers map[peer.ID]*budget
}

// budget is what one peer has left. It fills again with time.
type budget struct {
	asks, load float64
	at         time.Time
}

func (b *budget) fill(now time.Time) {
	passed := max(now.Sub(b.at).Seconds(), 0)
	b.asks = min(b.asks+passed*asksRate, burstAsks)
	b.load = min(b.load+passed*loadRate, burstLoad)
	b.at = now
}

func (b *budget) full() bool { return b.asks == burstAsks && b.load == burstLoad }

// spend takes from what a peer has left, or nothing and returns false. Peers beyond
// those that it can remember have nothing.
func (a *allowance) spend(p peer.ID, asks, load int, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.peers[p]
	if b == nil {
		if len(a.peers) >= maxPeers && !a.forget(now) {
			return false
		}
		b = &budget{burstAsks, burstLoad, now}
		a.peers[p] = b
	}
	b.fill(now)
	if b.asks < float64(asks) || b.load < float64(load) {
		return false
	}
	b.asks -= float64(asks)
	b.load -= float64(load)
	return true
}

// forget drops peers that have all of their allowance again.
func (a *allowance) forget(now time.Time) (room bool) {
	for p, b := range a.peers {
		if b.fill(now); b.full() {
			delete(a.peers, p)
		}
	}
	return len(a.peers) < maxPeers
}
