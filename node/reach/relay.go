package reach

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/observedaddrs"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Ways around a NAT: this file has what they share. volunteer.go relays for
// others, seats.go has others relay for this node, punch.go makes relayed
// connections straight ones (PROTOCOL.md, Relays).

// observers is how many others must see this node at one address before it is
// told to anybody. libp2p's four are more than a small network has; one could lie.
const observers = 2

var fewObservers = sync.OnceFunc(func() { observedaddrs.ActivationThresh = observers })

// relayOptions says whether and how this host uses relays and finds out whether
// others can reach it.
func relayOptions(cfg Config) []libp2p.Option {
	switch {
	case cfg.LANOnly || cfg.Settings.Mode == ModeLAN:
		return []libp2p.Option{libp2p.DisableRelay()}
	case cfg.Settings.Mode != ModeOpen:
		// Nobody is asked to dial back, no router for a port: both would show this
		// node. It is behind somebody else's by choice.
		return []libp2p.Option{libp2p.EnableRelay(), libp2p.ForceReachabilityPrivate()}
	}
	fewObservers()
	return []libp2p.Option{libp2p.EnableRelay(), libp2p.EnableAutoNATv2(), libp2p.NATManager(newPortMap)}
}

// startRelay begins what runs beside the host for relays and hole punching. It
// does not block; its goroutines are h.wg's and end with h.ctx.
func (h *Host) startRelay(cfg Config) error {
	if cfg.LANOnly || cfg.Settings.Mode == ModeLAN {
		return nil
	}
	news, err := h.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged), new(event.EvtHostReachableAddrsChanged),
	})
	if err != nil {
		return fmt.Errorf("reach: %w", err)
	}
	h.told = cfg.Volunteer
	h.around = &around{
		host: h, covert: cfg.Settings.Mode != ModeOpen, news: news,
		volunteer: volunteer{may: cfg.MayRelay, saver: cfg.Settings.DataSaver},
		seats:     newSeats(h),
		punch:     punch{host: h, seen: map[network.Conn]ma.Multiaddr{}, done: make(chan tried, maxPunches)},
		tries:     map[peer.ID]*try{},
	}
	h.wg.Go(h.around.run)
	return nil
}

// around is all that gets this node's connections around NATs.
type around struct {
	host   *Host
	covert bool // no packet to anybody but those whom the settings allow
	news   event.Subscription

	volunteer volunteer
	seats     *seats
	punch     punch
	tries     map[peer.ID]*try // of peers to whom there is a line through a relay
}

// run works until the host closes.
func (a *around) run() {
	defer a.news.Close()
	defer a.stop()
	a.volunteer.update(a)
	for {
		wait := min(a.seats.tend(), a.straighten())
		timer := time.NewTimer(wait)
		select {
		case <-a.host.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case r := <-a.seats.done:
			a.seats.took(r)
		case t := <-a.punch.done:
			a.tried(t)
		case ev := <-a.news.Out():
			a.hear(ev)
		}
		timer.Stop()
	}
}

func (a *around) hear(ev any) {
	switch ev := ev.(type) {
	case event.EvtHostReachableAddrsChanged:
		a.host.public.Store(len(ev.Reachable) > 0)
		a.volunteer.update(a)
	case event.EvtPeerIdentificationCompleted:
		a.punch.observe(ev.Conn, ev.ObservedAddr)
	}
	if !a.covert {
		a.punch.ready()
	}
}

func (a *around) stop() {
	a.volunteer.close()
	a.punch.close()
	a.seats.close()
}

// dialling returns ctx for a dial that is not put off because an earlier one
// failed: whoever dials here has pauses of its own. Relays are used, unless there is
// a line through one already.
func (h *Host) dialling(ctx context.Context, to peer.AddrInfo) context.Context {
	if h.host.Network().Connectedness(to.ID) == network.Limited {
		return network.WithForceDirectDial(ctx, "there is a limited line")
	}
	if s, ok := h.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(to.ID)
		for _, a := range to.Addrs {
			if relay, err := relayOf(a); err == nil {
				s.Backoff().Clear(relay)
			}
		}
	}
	return ctx
}

// relayOf returns the relay through which an address leads.
func relayOf(a ma.Multiaddr) (peer.ID, error) {
	id, err := a.ValueForProtocol(ma.P_P2P)
	if err != nil {
		return "", err
	}
	return peer.Decode(id)
}

// Public reports whether others can reach this node by themselves: it was found
// out, or said so when it was opened.
func (h *Host) Public() bool { return h.told || h.public.Load() }

// isCircuit reports whether an address leads through a relay.
func isCircuit(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// isPlain reports whether an address is an IP address and a port, for TCP or QUIC,
// and nothing else.
func isPlain(a ma.Multiaddr) bool {
	for _, c := range a {
		switch c.Protocol().Code {
		case ma.P_IP4, ma.P_IP6, ma.P_TCP, ma.P_UDP, ma.P_QUIC_V1:
		default:
			return false
		}
	}
	return len(a) >= 2
}

// isDialableCircuit keeps to circuits as seats make them: an IP address and a port,
// the volunteer's peer id, and the circuit.
func isDialableCircuit(a ma.Multiaddr) bool {
	n := len(a)
	if n < 4 || n > 5 || a[n-1].Protocol().Code != ma.P_CIRCUIT || a[n-2].Protocol().Code != ma.P_P2P {
		return false
	}
	return isPlain(a[:n-2])
}

// straightTo returns the connection to a peer that is not through a relay, nil for none.
func (h *Host) straightTo(p peer.ID) network.Conn {
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if !isCircuit(c.RemoteMultiaddr()) && !c.IsClosed() {
			return c
		}
	}
	return nil
}

// Through returns the peer ids of the relays through which h is connected to a
// peer, none where there is a straight line.
func (h *Host) Through(id string) []string {
	p, err := peer.Decode(id)
	if err != nil || h.straightTo(p) != nil {
		return nil
	}
	var out []string
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if relay, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_P2P); err == nil {
			out = append(out, relay)
		}
	}
	return out
}

// Limited returns the peers to whom there is only a line through a relay that
// limits it: gossip does not see them, streams of history and mail reach them.
func (h *Host) Limited() []string {
	var out []string
	for _, p := range h.host.Network().Peers() {
		if h.host.Network().Connectedness(p) == network.Limited {
			out = append(out, p.String())
		}
	}
	return out
}

// isOwnStraight reports whether this node made a connection, and through no relay.
func isOwnStraight(c network.Conn) bool {
	return c.Stat().Direction == network.DirOutbound && !isCircuit(c.RemoteMultiaddr()) && !c.IsClosed()
}

func isPublic(a ma.Multiaddr) bool { return manet.IsPublicAddr(a) }
