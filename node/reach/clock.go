package reach

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// clocks compares this computer's clock with those of others. Each of them may lie,
// so that what most of them say counts, and one alone says nothing.
type clocks struct {
	mu    sync.Mutex
	ahead map[peer.ID]time.Duration
}

const (
	maxClocks = 64
	fewClocks = 3
)

// note takes how far this clock is ahead of a peer's.
func (c *clocks) note(p peer.ID, ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ahead == nil || len(c.ahead) >= maxClocks {
		c.ahead = map[peer.ID]time.Duration{}
	}
	c.ahead[p] = ahead
}

// middle returns what half of the others say or more, and the other half or less.
func (c *clocks) middle() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.ahead) < fewClocks {
		return 0, false
	}
	var all []time.Duration
	for _, d := range c.ahead {
		all = append(all, d)
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

// skew tells how far this clock is ahead, where bridges or enough others say so. What
// is less than leastSkew is none.
func (h *Host) skew() (time.Duration, bool) {
	ahead, known := time.Duration(0), false
	if h.front != nil {
		ahead, known = h.front.Skew()
	}
	if !known {
		ahead, known = h.clocks.middle()
	}
	if ahead.Abs() < leastSkew {
		ahead = 0
	}
	return ahead, known
}
