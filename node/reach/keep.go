package reach

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// How the keeper dials: with growing pauses, for ever.
const (
	firstRetry  = time.Second
	lastRetry   = 30 * time.Second
	dialTimeout = 25 * time.Second // the last ways begin late
	maxDials    = 8                // at once
	maxKept     = 256              // peers that are dialled again; over that the longest unseen go
)

// target is a peer that is to stay connected.
type target struct {
	info      peer.AddrInfo  // as links and others have it
	own       []ma.Multiaddr // as the peer says itself
	connected bool
	dialling  bool
	pause     time.Duration
	due       time.Time
	seen      time.Time // last connected, or added
}

// note records that the peer came or went.
func (t *target) note(connected bool) {
	now := time.Now()
	if connected || t.connected {
		t.seen, t.pause, t.due = now, 0, now.Add(jitter(firstRetry/4))
	}
	t.connected = connected
}

// Keep dials the peer now, and again whenever it is not connected, until Close.
// New addresses of a kept peer are added. It does not wait.
func (h *Host) Keep(c Contact) error {
	info, err := c.info()
	if err != nil {
		return err
	}
	if info.ID == h.host.ID() {
		return nil
	}
	info = h.within(info)
	h.host.Peerstore().AddAddrs(info.ID, info.Addrs, toldFor)
	h.mu.Lock()
	t := h.kept[info.ID]
	if t == nil {
		if len(h.kept) >= maxKept {
			h.forgetLocked()
		}
		t = &target{seen: time.Now(), connected: h.connected(info.ID)}
		h.kept[info.ID] = t
	}
	info.Addrs = merge(info.Addrs, t.info.Addrs, maxAddrs)
	t.info, t.pause, t.due = info, 0, time.Now()
	h.mu.Unlock()
	h.poke()
	return nil
}

// forgetLocked drops the kept peer that was unseen for longest.
func (h *Host) forgetLocked() {
	var oldest peer.ID
	for id, t := range h.kept {
		if !t.connected && (oldest == "" || t.seen.Before(h.kept[oldest].seen)) {
			oldest = id
		}
	}
	delete(h.kept, oldest)
}

// Known returns how many peers are kept.
func (h *Host) Known() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.kept)
}

// Connect dials an address with a peer id now, waits for the answer, and keeps
// the peer. The error matches ErrAddress or ErrUnreachable.
func (h *Host) Connect(ctx context.Context, address string) (string, error) {
	c, err := ParseAddress(address)
	if err != nil {
		return "", err
	}
	return h.Dial(ctx, c)
}

// Dial is Connect for a contact.
func (h *Host) Dial(ctx context.Context, c Contact) (string, error) {
	id, err := h.Visit(ctx, c)
	if err != nil {
		return "", err
	}
	return id, h.Keep(c)
}

// Visit is Dial without keeping the peer afterwards.
func (h *Host) Visit(ctx context.Context, c Contact) (string, error) {
	info, err := c.info()
	if err != nil {
		return "", err
	}
	if info.ID == h.host.ID() {
		return "", fmt.Errorf("%w: this is the address of this computer's own Linnet", ErrAddress)
	}
	info = h.within(info)
	if len(info.Addrs) == 0 && !h.connected(info.ID) {
		return "", fmt.Errorf("%w: there is no IP address in it", ErrAddress)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	// A call by a person is not put off because an earlier try failed.
	if err := h.host.Connect(h.dialling(ctx, info), info); err != nil {
		return "", fmt.Errorf("%w: %s: %v", ErrUnreachable, info.ID, err)
	}
	return info.ID.String(), nil
}

func (h *Host) connected(p peer.ID) bool {
	return h.host.Network().Connectedness(p) == network.Connected
}

func (h *Host) poke() {
	select {
	case h.wake <- struct{}{}:
	default: // it is awake
	}
}

// keep dials what is due, until Close.
func (h *Host) keep() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(h.dialDue())
		select {
		case <-h.ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// dialDue starts the dials that are due and returns how long until the next.
func (h *Host) dialDue() time.Duration {
	now, next := time.Now(), time.Hour
	h.mu.Lock()
	defer h.mu.Unlock()
	busy := 0
	for _, t := range h.kept {
		if t.dialling {
			busy++
		}
	}
	for _, t := range h.kept {
		if t.connected || t.dialling {
			continue
		}
		if wait := t.due.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if busy >= h.maxDials() {
			continue // the end of a dial wakes the keeper
		}
		busy++
		t.dialling = true
		info := peer.AddrInfo{ID: t.info.ID, Addrs: t.addrs()}
		h.wg.Go(func() { h.redial(info) })
	}
	return next
}

func (h *Host) maxDials() int {
	if h.settings.DataSaver {
		return maxDials / 4
	}
	return maxDials
}

func (h *Host) isKept(p peer.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept[p] != nil
}

func (h *Host) redial(info peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(h.ctx, dialTimeout)
	defer cancel()
	// The keeper has pauses of its own; libp2p's dial back-off on top would stretch them.
	err := h.host.Connect(h.dialling(ctx, info), info)
	if err != nil {
		h.log.Debug("reach: dial failed", "peer", info.ID, "err", err)
	}
	h.mu.Lock()
	if t := h.kept[info.ID]; t != nil {
		t.dialling = false
		t.connected = h.connected(info.ID)
		t.pause = min(max(2*t.pause, firstRetry), lastRetry)
		t.due = time.Now().Add(jitter(t.pause))
	}
	h.mu.Unlock()
	h.poke()
}

// jitter spreads d over 75 to 125 %, so that nodes that lost each other
// together do not all come back in one moment.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}
