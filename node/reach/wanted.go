package reach

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// What room node asks of a host beside connections, until the ladder answers it.

// Outlook tells which ways work here and now.
func (h *Host) Outlook() Outlook { return Outlook{} }

// SetPasses lets in who has one of passes, and nobody else from now on: who came with
// another one is cut off. A host that is no bridge has no use for it.
func (h *Host) SetPasses(passes []Pass) {}

// Doors returns this host's contact with nothing but the addresses at which its bridge
// lets in who has that pass; without addresses where it is no bridge.
func (h *Host) Doors(p Pass) Contact { return Contact{ID: []byte(h.host.ID())} }

// Way returns by which way a peer is connected, empty where it is not. Of several it
// is the first in the order of the ladder.
func (h *Host) Way(id string) WayName {
	p, err := peer.Decode(id)
	if err != nil {
		return ""
	}
	best, rank := WayName(""), len(ladder)
	for _, c := range h.host.Network().ConnsToPeer(p) {
		way := wayOf(c)
		for i, w := range ladder {
			if w == way && i < rank {
				best, rank = w, i
			}
		}
	}
	return best
}

var ladder = []WayName{WayLAN, WayQUIC, WayTCP, WayPunch, WayRelay, WayVeil, WayDrip, WayPT, WayTor}

func wayOf(c network.Conn) WayName {
	a := c.RemoteMultiaddr()
	has := func(code int) bool { _, err := a.ValueForProtocol(code); return err == nil }
	switch {
	case has(ma.P_CIRCUIT):
		return WayRelay
	case isNear(a):
		return WayLAN
	case has(ma.P_QUIC_V1):
		return WayQUIC
	}
	return WayTCP
}
