package reach

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"
)

// How relayed connections become straight ones.
const (
	maxSeen      = 64              // addresses at which others say that they see this node
	maxPunches   = 8               // tries at once
	punchTimeout = 5 * time.Second // for one dial through a hole
	firstPunch   = 2 * time.Second // libp2p tries at once by itself; the other side may not have been ready
	lastPunch    = 30 * time.Minute
	morePunch    = 4           // the pause grows by this
	calmFor      = time.Second // a straight line lasts, before the relayed one is closed
)

// punch opens holes through NATs with libp2p's DCUtR. The service begins when this
// node has heard at which address others see it, not before: from then on it is
// ready at once. (libp2p's own looks every few seconds, and tries no second time
// with those who came meanwhile: in a network of three that is everybody.)
type punch struct {
	host *Host
	done chan tried

	mu      sync.Mutex
	service *holepunch.Service
	seen    map[network.Conn]ma.Multiaddr
	through map[peer.ID]struct{} // to whom a hole led
}

// try is what was tried to get a straight line to one peer.
type try struct {
	busy  bool
	due   time.Time
	pause time.Duration
	since time.Time // since when there is one; zero: there is none
}

type tried struct {
	peer peer.ID
	err  error
}

// observe notes at which address a peer says that it sees this node.
func (p *punch) observe(c network.Conn, seen ma.Multiaddr) {
	if c == nil || seen == nil || isCircuit(c.RemoteMultiaddr()) || !isPlain(seen) || !isPublic(seen) || !p.listens(c.LocalMultiaddr()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for old := range p.seen {
		if old.IsClosed() || len(p.seen) >= maxSeen {
			delete(p.seen, old)
		}
	}
	p.seen[c] = seen
}

// listens reports whether a connection goes out from a port that this node listens
// on: only then does the NAT's hole lead to it.
func (p *punch) listens(local ma.Multiaddr) bool {
	return slices.ContainsFunc(p.host.host.Network().ListenAddresses(), func(a ma.Multiaddr) bool {
		for _, code := range []int{ma.P_TCP, ma.P_UDP} {
			port, err := a.ValueForProtocol(code)
			if got, other := local.ValueForProtocol(code); err == nil && other == nil && got == port {
				return true
			}
		}
		return false
	})
}

// addrs are the addresses at which a hole may be punched.
func (p *punch) addrs() []ma.Multiaddr {
	var out []ma.Multiaddr
	if h, ok := p.host.host.(interface{ AllAddrs() []ma.Multiaddr }); ok {
		out = slices.DeleteFunc(slices.Clone(h.AllAddrs()), func(a ma.Multiaddr) bool { return !isPlain(a) || !isPublic(a) })
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.seen {
		if !slices.ContainsFunc(out, a.Equal) {
			out = append(out, a)
		}
	}
	return out
}

// ready starts the service, if this node knows an address to punch at.
func (p *punch) ready() {
	ids, ok := p.host.host.(interface{ IDService() identify.IDService })
	if p.service != nil || !ok || len(p.addrs()) == 0 {
		return
	}
	s, err := holepunch.NewService(p.host.host, ids.IDService(), p.addrs, holepunch.DirectDialTimeout(punchTimeout), holepunch.WithTracer(p))
	if err != nil {
		p.host.log.Warn("reach: no hole punching", "err", err)
		return
	}
	p.service = s
}

// Trace implements holepunch.EventTracer.
func (p *punch) Trace(ev *holepunch.Event) {
	end, ok := ev.Evt.(*holepunch.EndHolePunchEvt)
	if !ok {
		return
	}
	p.host.log.Debug("reach: hole punching", "peer", ev.Remote, "worked", end.Success, "err", end.Error)
	if end.Success {
		p.mu.Lock()
		if p.through == nil || len(p.through) >= maxShares {
			p.through = map[peer.ID]struct{}{}
		}
		p.through[ev.Remote] = struct{}{}
		p.mu.Unlock()
	}
}

func (p *punch) close() {
	if p.service != nil {
		_ = p.service.Close()
	}
}

// Punched reports whether a peer was reached through a hole in both NATs.
func (h *Host) Punched(id string) bool {
	p, err := peer.Decode(id)
	if err != nil || h.around == nil {
		return false
	}
	h.around.punch.mu.Lock()
	defer h.around.punch.mu.Unlock()
	_, ok := h.around.punch.through[p]
	return ok
}

// straighten tries to replace lines through relays by straight ones, closes those
// that were replaced, and returns how long until the next thing is due.
func (a *around) straighten() time.Duration {
	now, next, busy := time.Now(), time.Hour, 0
	relayed := a.relayed()
	for p, t := range a.tries {
		if relayed[p] == nil && !t.busy {
			delete(a.tries, p)
		}
		if t.busy {
			busy++
		}
	}
	for p, c := range relayed {
		t := a.tries[p]
		if t == nil {
			t = &try{due: now.Add(jitter(firstPunch)), pause: firstPunch}
			a.tries[p] = t
		}
		next = min(next, a.straightenOne(p, c, t, &busy))
	}
	return next
}

// straightenOne does what is due for one peer, and returns how long until the next.
func (a *around) straightenOne(p peer.ID, c network.Conn, t *try, busy *int) time.Duration {
	now := time.Now()
	if a.host.straightTo(p) != nil {
		if t.since.IsZero() {
			t.since = now
		}
		wait := calmFor - now.Sub(t.since)
		if wait > 0 || c.Stat().Direction != network.DirOutbound { // one side closes
			return max(wait, calmFor)
		}
		a.host.log.Debug("reach: a straight line has replaced the one through a relay", "peer", p)
		a.host.wg.Go(func() { _ = c.Close() })
		return time.Hour
	}
	t.since = time.Time{}
	if t.busy || a.covert {
		return time.Hour
	}
	if wait := t.due.Sub(now); wait > 0 {
		return wait
	}
	if *busy >= maxPunches {
		return time.Hour // the end of one wakes
	}
	*busy++
	t.busy = true
	inbound, service := c.Stat().Direction == network.DirInbound, a.punch.service
	a.host.wg.Go(func() {
		err := errNoHole
		switch {
		case !inbound: // the other side opens holes; it may have an address by now that needs none
			err = a.dialStraight(p)
		case service != nil:
			err = service.DirectConnect(p)
		}
		a.punch.done <- tried{p, err}
	})
	return time.Hour
}

var errNoHole = errors.New("reach: it is not known where others see this node")

func (a *around) dialStraight(p peer.ID) error {
	ctx, cancel := context.WithTimeout(a.host.ctx, punchTimeout)
	defer cancel()
	return a.host.host.Connect(network.WithForceDirectDial(ctx, "straighten"), peer.AddrInfo{ID: p})
}

// tried hears what came of a try.
func (a *around) tried(r tried) {
	t := a.tries[r.peer]
	if t == nil {
		return
	}
	t.busy = false
	t.pause = min(morePunch*t.pause, lastPunch)
	t.due = time.Now().Add(jitter(t.pause))
	if r.err != nil {
		a.host.log.Debug("reach: no straight line", "peer", r.peer, "err", r.err)
	}
}

// relayed returns a connection through a relay for each peer that has one, for
// preference one that this node made.
func (a *around) relayed() map[peer.ID]network.Conn {
	out := map[peer.ID]network.Conn{}
	for _, c := range a.host.host.Network().Conns() {
		if isCircuit(c.RemoteMultiaddr()) && !c.IsClosed() && (out[c.RemotePeer()] == nil || c.Stat().Direction == network.DirOutbound) {
			out[c.RemotePeer()] = c
		}
	}
	return out
}
