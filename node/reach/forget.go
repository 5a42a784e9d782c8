package reach

import "github.com/libp2p/go-libp2p/core/peer"

// Forget ends the line to a peer, dials it no more, and drops its addresses and, of a
// bridge, its looks. Whoever dials this node, or keeps the peer again, brings it back.
func (h *Host) Forget(id string) {
	p, err := peer.Decode(id)
	if err != nil {
		return
	}
	h.mu.Lock()
	delete(h.kept, p)
	delete(h.climbs, p)
	h.mu.Unlock()
	h.host.Peerstore().ClearAddrs(p)
	if err := h.host.Network().ClosePeer(p); err != nil {
		h.log.Debug("reach: hang up", "peer", p, "err", err)
	}
	h.looks.forget(p) // nothing comes from it any more
}
