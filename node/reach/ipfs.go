package reach

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"

	kad "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/discovery/routing"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// The public meeting place: the DHT of IPFS, which is nobody's. This node only asks
// there, keeps nothing for others, and is there for a moment at a time: a node that
// finds its people otherwise is never there but to say, twice a day, where it is.
const (
	ipfsProtocol protocol.ID = "/ipfs/kad/1.0.0"

	publicAfter  = 30 * time.Second // alone, before it is asked
	publicFirst  = 5 * time.Minute  // pause after the first round that found nobody; doubled
	publicLast   = 3 * time.Hour
	publicTell   = 12 * time.Hour // between two rounds of saying where this node is
	publicDelay  = 10 * time.Minute
	publicPlaces = 16 // in one round
	publicWait   = 15 * time.Second
	publicRound  = 3 * time.Minute
	publicLinger = 2 * time.Second // before hanging up
	dnsWait      = 5 * time.Second
	maxEntries   = 32 // addresses of nodes to begin with
)

// public is this node's part in the public meeting place.
type public struct {
	start func(context.Context) []peer.AddrInfo // whom to ask first
	alone time.Time                             // since when there is a place where nobody is
	next  time.Time                             // round, for places where nobody is
	pause time.Duration
	tell  time.Time // round, for all
	busy  bool
	done  chan struct{}
}

// leavesLoopback reports whether this node listens on more than this computer alone: if
// not, nobody out there is to find it.
func (h *Host) leavesLoopback() bool {
	addrs, err := h.host.Network().InterfaceListenAddresses()
	return err == nil && slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) && !isCircuit(a) })
}

// round goes there if that is due. Rounds take long, and run beside.
func (p *public) round(m *meeting, places []Place) {
	now := time.Now()
	if p.done == nil {
		p.done, p.tell = make(chan struct{}, 1), now.Add(m.times(publicDelay))
	}
	select {
	case <-p.done:
		p.busy = false
	default:
	}
	alone := slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return !p.Alone })
	switch {
	case len(alone) == 0:
		p.alone, p.next, p.pause = time.Time{}, time.Time{}, 0
	case p.alone.IsZero():
		p.alone = now
	}
	lonely := len(alone) > 0 && now.Sub(p.alone) > publicAfter && now.After(p.next)
	if p.busy || !lonely && now.Before(p.tell) || len(places) == 0 {
		return
	}
	if lonely {
		places = alone
		p.pause = min(max(2*p.pause, publicFirst), publicLast)
		p.next = now.Add(m.times(p.pause))
	} else {
		p.tell = now.Add(m.times(publicTell))
	}
	p.busy = true
	m.host.wg.Go(func() {
		m.host.askPublic(m, places[:min(len(places), publicPlaces)], p.start)
		p.done <- struct{}{} // there is room: one at a time
	})
}

// askPublic is one round: it connects, says and asks, and hangs up.
func (h *Host) askPublic(m *meeting, places []Place, start func(context.Context) []peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(h.ctx, publicRound)
	defer cancel()
	before := h.host.Network().Peers()
	defer h.hangUp(before)
	entries := start(ctx)
	d, err := kad.New(h.host, kad.Mode(kad.ModeClient), kad.BootstrapPeers(entries...), kad.DisableAutoRefresh(), kad.AddressFilter(h.meetAddrs), kad.Concurrency(kadAtOnce))
	if err != nil {
		h.log.Debug("reach: public meeting place", "err", err)
		return
	}
	defer d.Close()
	wait, cancelWait := context.WithTimeout(ctx, publicWait)
	defer cancelWait()
	for _, e := range entries {
		h.host.Peerstore().AddAddrs(e.ID, e.Addrs, peerstore.TempAddrTTL)
		if err := h.host.Connect(wait, peer.AddrInfo{ID: e.ID}); err != nil {
			h.log.Debug("reach: public meeting place", "entry", e.ID, "err", err)
		}
	}
	for d.RoutingTable().Size() == 0 {
		select {
		case <-wait.Done():
			h.log.Debug("reach: nobody at the public meeting place answers", "entries", len(entries))
			return
		case <-time.After(meetTick / 10):
		}
	}
	talk := routing.NewRoutingDiscovery(d)
	for _, p := range places {
		if ctx.Err() != nil {
			return
		}
		m.tell(talk, p.Secret)
		if p.Alone {
			m.look(talk, p.Secret)
		}
	}
	select { // what was said is not answered, and lost where the line ends too soon
	case <-ctx.Done():
	case <-time.After(publicLinger):
	}
}

// hangUp closes the connections to nodes that are none of Linnet's and were not there
// before.
func (h *Host) hangUp(before []peer.ID) {
	for _, p := range h.host.Network().Peers() {
		if !slices.Contains(before, p) && h.peerSpeaks(p, ipfsProtocol) {
			_ = h.host.Network().ClosePeer(p)
		}
	}
}

// bootstrapIPFS returns the nodes with which the library begins. Their names are
// looked up here, and nowhere else in this room.
func (h *Host) bootstrapIPFS(ctx context.Context) []peer.AddrInfo {
	ctx, cancel := context.WithTimeout(ctx, dnsWait)
	defer cancel()
	var out []peer.AddrInfo
	for _, a := range kad.DefaultBootstrapPeers {
		for _, b := range lookUp(ctx, a, 2) {
			if info, err := peer.AddrInfoFromP2pAddr(b); err == nil && len(info.Addrs) == 1 && isPlain(info.Addrs[0]) && len(out) < maxEntries {
				out = append(out, *info)
			}
		}
	}
	return out
}

// lookUp follows a name of libp2p's (dnsaddr) to addresses.
func lookUp(ctx context.Context, a ma.Multiaddr, depth int) []ma.Multiaddr {
	name, err := a.ValueForProtocol(ma.P_DNSADDR)
	if err != nil {
		return []ma.Multiaddr{a}
	}
	if depth == 0 {
		return nil
	}
	lines, err := net.DefaultResolver.LookupTXT(ctx, "_dnsaddr."+name)
	if err != nil {
		return nil
	}
	want, wanted := a.ValueForProtocol(ma.P_P2P)
	var out []ma.Multiaddr
	for _, l := range lines[:min(len(lines), maxEntries)] {
		text, ok := strings.CutPrefix(l, "dnsaddr=")
		if !ok {
			continue
		}
		b, err := ma.NewMultiaddr(text)
		if err != nil {
			continue
		}
		if got, err := b.ValueForProtocol(ma.P_P2P); err != nil || wanted == nil && got != want {
			continue // of another node
		}
		out = append(out, lookUp(ctx, b, depth-1)...)
	}
	return out
}
