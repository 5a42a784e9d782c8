package reach

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
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
		c := h.line(p)
		if c == nil || h.host.Network().Connectedness(p) != network.Connected {
			continue
		}
		a := c.RemoteMultiaddr()
		out = append(out, Peer{ID: p.String(), Address: a.String(), Nearby: isNear(a) && !isCircuit(a)})
	}
	slices.SortFunc(out, func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// IsConnected reports whether there is a line to a peer that is not limited.
func (h *Host) IsConnected(id string) bool {
	p, err := peer.Decode(id)
	return err == nil && h.connected(p)
}

// Dialled reports whether a peer is connected, and was dialled by this node.
func (h *Host) Dialled(id string) bool {
	p, err := peer.Decode(id)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(h.host.Network().ConnsToPeer(p), func(c network.Conn) bool {
		return c.Stat().Direction == network.DirOutbound
	})
}

// PeerID returns the text form of the peer id of a contact.
func PeerID(id []byte) (string, error) {
	p, err := peer.IDFromBytes(id)
	if err != nil {
		return "", fmt.Errorf("%w: peer id", ErrAddress)
	}
	return p.String(), nil
}
