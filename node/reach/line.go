package reach

import (
	"slices"
	"time"

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

// rankOf returns the place of a connection's way in the ladder.
func (h *Host) rankOf(c network.Conn) int { return slices.Index(wayOrder, h.wayOfConn(c)) }

// line returns the connection to a peer that is in use, nil for none: the best, but
// that a roundabout one stays in use until a better one has proved itself.
func (h *Host) line(p peer.ID) network.Conn {
	var best, roundabout network.Conn
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if c.IsClosed() {
			continue
		}
		if best == nil || h.rankOf(c) < h.rankOf(best) {
			best = c
		}
		if h.isRoundabout(h.wayOfConn(c)) && (roundabout == nil || h.rankOf(c) > h.rankOf(roundabout)) {
			roundabout = c
		}
	}
	if roundabout != nil && h.rankOf(roundabout) > h.rankOf(best) && !h.proved(best, time.Now()) {
		return roundabout
	}
	return best
}

// Way returns by which way a peer is connected, that in use if there are several, and
// the empty name if it is not.
func (h *Host) Way(id string) WayName {
	p, err := peer.Decode(id)
	if err != nil {
		return ""
	}
	if c := h.line(p); c != nil {
		return h.wayOfConn(c)
	}
	return ""
}
