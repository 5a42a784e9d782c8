package reach

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A computer moves from network to network, and what did not work an hour ago may
// work now. This file notices both.

const (
	lookEvery  = time.Second // at the computer's addresses; libp2p looks seldom
	firstClimb = 30 * time.Second
	lastClimb  = 15 * time.Minute
	moreClimb  = 2
	climbTime  = 8 * time.Second  // for one try
	provesAt   = 10 * time.Second // a better line lasts, before the worse one is closed
	// The same where lines went dead lately: they do after some bytes, not after some time.
	// What is said all the while goes by the worse line on which it began.
	provesBytes = 64 << 10
	provesLong  = 10 * time.Minute // where the bytes are not counted
	deadCounts  = 24 * time.Hour
)

// climb is the search for a better way to one peer.
type climb struct {
	due   time.Time
	pause time.Duration
	busy  bool
}

// roam looks at the computer's addresses and for better ways, until Close.
func (h *Host) roam() {
	addresses, err := h.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		h.log.Warn("reach: no news of address changes", "err", err)
		return
	}
	defer addresses.Close()
	was := lookAtPlace()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-addresses.Out():
		case <-t.C:
		}
		if now := lookAtPlace(); now.addrs != was.addrs {
			h.log.Debug("reach: the network has changed")
			was = now
			h.moved(now)
		}
		h.climbAll(time.Now())
	}
}

// moved is called when the computer's addresses have changed: nothing can be taken
// to work as before.
func (h *Host) moved(to place) {
	h.ladder.enter(to)
	h.pulses.doubtAll()
	h.mu.Lock()
	clear(h.climbs)
	for id, t := range h.kept {
		t.connected = h.connected(id)
		t.pause, t.due = 0, time.Now()
	}
	h.mu.Unlock()
	h.poke()
}

// again has a kept peer dialled now, if there is no line to it.
func (h *Host) again(p peer.ID) {
	h.mu.Lock()
	if t := h.kept[p]; t != nil {
		t.connected = h.connected(p)
		t.pause, t.due = 0, time.Now()
	}
	h.mu.Unlock()
	h.poke()
}

// climbAll tries better ways to those who are reached by a roundabout one, and
// closes roundabout lines that a better one has replaced.
func (h *Host) climbAll(now time.Time) {
	for _, p := range h.host.Network().Peers() {
		best := len(wayOrder)
		var line network.Conn
		conns := h.host.Network().ConnsToPeer(p)
		for _, c := range conns {
			if i := slices.Index(wayOrder, h.wayOfConn(c)); i < best && !c.IsClosed() {
				best, line = i, c
			}
		}
		if best == len(wayOrder) {
			continue
		}
		if len(conns) > 1 && h.proved(line, now) {
			h.dropWorse(conns, best)
		}
		if h.isRoundabout(wayOrder[best]) {
			h.climbOne(p, best, now)
		}
	}
}

// proved reports whether a line has shown that it lasts.
func (h *Host) proved(c network.Conn, now time.Time) bool {
	age := now.Sub(c.Stat().Opened)
	if !h.ladder.deadLately(now) {
		return age > provesAt
	}
	came, bytes := h.wires.heard(c)
	if came.IsZero() {
		return age > provesLong
	}
	return age > provesAt && bytes > provesBytes
}

// deadLately reports whether lines go dead on this network.
func (l *ladder) deadLately(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.memory.at(l.name).ways {
		if now.Sub(k.stalled) < deadCounts {
			return true
		}
	}
	return false
}

// isRoundabout reports whether there may be something better than a way. Relayed
// lines are made straight elsewhere (punch.go).
func (h *Host) isRoundabout(w WayName) bool {
	return w == WayVeil || w == WayDrip || w == WayPT || w == WayTor && h.settings.Mode == ModeOpen
}

// dropWorse closes own roundabout lines that are worse than the best.
func (h *Host) dropWorse(conns []network.Conn, best int) {
	for _, c := range conns {
		w := h.wayOfConn(c)
		if c.Stat().Direction == network.DirOutbound && h.isRoundabout(w) && slices.Index(wayOrder, w) > best {
			h.log.Debug("reach: a better line has taken over", "peer", c.RemotePeer(), "from", w, "to", wayOrder[best])
			h.wg.Go(func() { _ = c.Close() })
		}
	}
}

func (h *Host) climbOne(p peer.ID, best int, now time.Time) {
	h.mu.Lock()
	t, c := h.kept[p], h.climbs[p]
	if t == nil {
		h.mu.Unlock()
		return
	}
	if c == nil {
		c = &climb{due: now.Add(jitter(firstClimb)), pause: firstClimb}
		h.climbs[p] = c
	}
	if c.busy || now.Before(c.due) {
		h.mu.Unlock()
		return
	}
	c.busy = true
	c.pause = min(moreClimb*c.pause, lastClimb)
	c.due = now.Add(jitter(c.pause))
	info := peer.AddrInfo{ID: t.info.ID, Addrs: t.addrs()}
	h.mu.Unlock()
	h.wg.Go(func() {
		h.tryBetter(info, best)
		h.mu.Lock()
		c.busy = false
		h.mu.Unlock()
	})
}

// tryBetter dials a peer by the ways before one, beside the line that there is.
func (h *Host) tryBetter(info peer.AddrInfo, before int) {
	ctx, cancel := context.WithTimeout(h.ctx, climbTime)
	defer cancel()
	h.ladder.climbing(info.ID, before)
	defer h.ladder.climbing(info.ID, -1)
	err := h.host.Connect(network.WithForceDirectDial(ctx, "something better"), info)
	h.log.Debug("reach: looked for a better way", "peer", info.ID, "err", err)
}

// climbing has a peer dialled by the ways before one only; -1 ends that.
func (l *ladder) climbing(p peer.ID, before int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before < 0 {
		delete(l.climbs, p)
		return
	}
	l.climbs[p] = before
}
