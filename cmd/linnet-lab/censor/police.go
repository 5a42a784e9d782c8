package censor

import (
	"net/netip"
	"time"
)

// How the policing of TLS connections that was reported from Russia in 2025 and
// 2026 is modelled.
const (
	policeGap    = 400 * time.Millisecond // connections nearer to each other than this are close
	policeWindow = time.Minute
	policeLimit  = 3 // so many close ones within the window are let be
	policeFreeze = 2 * time.Minute
	maxPairs     = 4096 // address pairs that are remembered; beyond that all is forgotten
)

// pair is two addresses; from opened the connections.
type pair struct{ from, to netip.Addr }

// police counts new TLS connections between pairs of addresses.
type police struct {
	opened map[pair][]time.Time
	frozen map[pair]time.Time // until when
}

// open notes a new TLS connection, and reports whether the pair is frozen by it.
func (c *police) open(now time.Time, p pair) bool {
	if c.opened == nil || len(c.opened) > maxPairs {
		c.opened, c.frozen = map[pair][]time.Time{}, map[pair]time.Time{}
	}
	times := c.opened[p]
	for len(times) > 0 && now.Sub(times[0]) > policeWindow {
		times = times[1:]
	}
	times = append(times, now)
	c.opened[p] = times
	if closeOnes(times) <= policeLimit {
		return false
	}
	c.frozen[p] = now.Add(policeFreeze)
	delete(c.opened, p)
	return true
}

// closeOnes counts the times that have a neighbour nearer than policeGap.
func closeOnes(times []time.Time) int {
	n := 0
	for i, t := range times {
		before := i > 0 && t.Sub(times[i-1]) < policeGap
		after := i+1 < len(times) && times[i+1].Sub(t) < policeGap
		if before || after {
			n++
		}
	}
	return n
}

// isFrozen reports whether packets between two addresses, whichever way, are held up.
func (c *police) isFrozen(now time.Time, a, b netip.Addr) bool {
	for _, p := range [...]pair{{a, b}, {b, a}} {
		until, ok := c.frozen[p]
		if !ok {
			continue
		}
		if now.Before(until) {
			return true
		}
		delete(c.frozen, p)
	}
	return false
}
