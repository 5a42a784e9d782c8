package reach

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// wayOfConn tells by which way a connection leads.
func (h *Host) wayOfConn(c network.Conn) WayName {
	w := h.ladder.wayOf(c.RemoteMultiaddr())
	if (w == WayQUIC || w == WayTCP) && h.Punched(c.RemotePeer().String()) {
		return WayPunch
	}
	return w
}

// Way returns by which way a peer is connected, the best if there are several, and
// the empty name if it is not.
func (h *Host) Way(id string) WayName {
	p, err := peer.Decode(id)
	if err != nil {
		return ""
	}
	best := len(wayOrder)
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if i := slices.Index(wayOrder, h.wayOfConn(c)); !c.IsClosed() && i >= 0 {
			best = min(best, i)
		}
	}
	if best == len(wayOrder) {
		return ""
	}
	return wayOrder[best]
}
