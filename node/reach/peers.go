package reach

import (
	"cmp"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
)

// Peer is one connected node.
type Peer struct {
	ID      string
	Address string // of the connection
	Nearby  bool   // on the local network
}

// Peers returns who is connected now, in a stable order.
func (h *Host) Peers() []Peer {
	var out []Peer
	for _, p := range h.host.Network().Peers() {
		conns := h.host.Network().ConnsToPeer(p)
		if len(conns) == 0 || h.host.Network().Connectedness(p) != network.Connected {
			continue
		}
		a := conns[0].RemoteMultiaddr()
		out = append(out, Peer{ID: p.String(), Address: a.String(), Nearby: isNear(a)})
	}
	slices.SortFunc(out, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
