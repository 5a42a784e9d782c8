package reach

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Where peers are changes. What a peer says of itself, over a connection that proves
// its peer id, is kept beside what others said of it, and goes first: others may lie,
// and the most that a wrong address costs is a dial that fails, for whoever answers
// there cannot prove the peer id.

// toldFor is how long libp2p remembers addresses that a link or somebody else named;
// the keeper remembers them for as long as it keeps the peer.
const toldFor = time.Hour

// refresh takes in what peers say of themselves, when they connect and when their
// addresses change, until Close.
func (h *Host) refresh(news event.Subscription) {
	defer news.Close()
	for {
		select {
		case <-h.ctx.Done():
			return
		case ev, ok := <-news.Out():
			if !ok {
				return
			}
			if ev, ok := ev.(event.EvtPeerIdentificationCompleted); ok {
				h.says(ev.Peer, ev.ListenAddrs)
			}
		}
	}
}

// says notes the addresses that a peer has, as it says.
func (h *Host) says(p peer.ID, addrs []ma.Multiaddr) {
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return !dialable(a) || !isTellable(a) })
	if h.settings.Mode == ModeLAN {
		addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool { return !isNear(a) })
	}
	slices.SortStableFunc(addrs, worth)
	addrs = addrs[:min(len(addrs), maxAddrs)]
	h.mu.Lock()
	t := h.kept[p]
	news := t != nil && len(addrs) > 0 && !slices.EqualFunc(t.own, addrs, ma.Multiaddr.Equal)
	if news {
		t.own = addrs
	}
	movers := h.movers
	h.mu.Unlock()
	if !news {
		return
	}
	for _, f := range movers {
		f(p.String())
	}
}

// WatchMoves has f called when a kept peer says that it is elsewhere than was known.
// f must not block. There is no way to take it back: it lives as long as h.
func (h *Host) WatchMoves(f func(peer string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.movers = append(h.movers, f)
}

// addrs is where to dial: first what the peer said itself.
func (t *target) addrs() []ma.Multiaddr { return merge(t.own, t.info.Addrs, 2*maxAddrs) }

// merge joins two lists without repetition, up to a length.
func merge(a, b []ma.Multiaddr, most int) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, x := range slices.Concat(a, b) {
		if len(out) < most && !slices.ContainsFunc(out, x.Equal) {
			out = append(out, x)
		}
	}
	return out
}

// worth orders addresses by how many people can use them: those on the internet, those
// through a volunteer, those of a local network.
func worth(a, b ma.Multiaddr) int { return worthOf(a) - worthOf(b) }

func worthOf(a ma.Multiaddr) int {
	switch {
	case isCircuit(a) && isPublic(a):
		return 1
	case isPublic(a):
		return 0
	case isCircuit(a):
		return 3
	}
	return 2
}
