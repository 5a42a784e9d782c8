package reach

import (
	"context"
	"errors"
	"slices"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// gate lets through what the mode allows, whoever in libp2p wants to dial.
type gate struct {
	mode   Mode
	ladder *ladder
}

// allows reports whether a packet may go to, or come from, an address.
func (g gate) allows(a ma.Multiaddr) bool {
	switch g.mode {
	case ModeLAN:
		return isNear(a)
	case ModeTor:
		return isCircuit(a) || isInside(a) || isOnion(a) || isTCP(a)
	case ModeCovert: // a circuit leads over a line that is there, or over a dial that comes here again
		return isCircuit(a) || isInside(a)
	}
	return true
}

// InterceptPeerDial implements connmgr.ConnectionGater.
func (gate) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial implements connmgr.ConnectionGater.
func (g gate) InterceptAddrDial(p peer.ID, a ma.Multiaddr) bool {
	return g.allows(a) && g.ladder.own(p, a)
}

// InterceptAccept implements connmgr.ConnectionGater.
func (g gate) InterceptAccept(a network.ConnMultiaddrs) bool {
	switch g.mode {
	case ModeTor: // the onion service's end is on this computer
		return isInside(a.RemoteMultiaddr()) || manet.IsIPLoopback(a.RemoteMultiaddr())
	case ModeCovert:
		return isInside(a.RemoteMultiaddr())
	}
	return g.allows(a.RemoteMultiaddr())
}

// InterceptSecured implements connmgr.ConnectionGater.
func (g gate) InterceptSecured(_ network.Direction, _ peer.ID, a network.ConnMultiaddrs) bool {
	return g.mode != ModeLAN || g.allows(a.RemoteMultiaddr())
}

// InterceptUpgraded implements connmgr.ConnectionGater.
func (gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// noNames is libp2p's name resolver: there is none. A name in an address would make
// this computer ask a name server that somebody else chose.
type noNames struct{}

var errNames = errors.New("reach: names are not looked up, addresses must have an IP")

// ResolveDNSAddr implements network.MultiaddrDNSResolver.
func (noNames) ResolveDNSAddr(context.Context, peer.ID, ma.Multiaddr, int, int) ([]ma.Multiaddr, error) {
	return nil, errNames
}

// ResolveDNSComponent implements network.MultiaddrDNSResolver.
func (noNames) ResolveDNSComponent(context.Context, ma.Multiaddr, int) ([]ma.Multiaddr, error) {
	return nil, errNames
}

func isOnion(a ma.Multiaddr) bool {
	return len(a) == 1 && a[0].Code() == ma.P_ONION3
}

// tellable leaves out of the host's own addresses those that the mode keeps silent.
func (l *ladder) tellable(addrs []ma.Multiaddr) []ma.Multiaddr {
	switch l.settings.Mode {
	case ModeTor:
		if a := onionAddr(l.settings.Onion); a != nil {
			return []ma.Multiaddr{a}
		}
		return nil
	case ModeCovert:
		return nil
	}
	out := slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return !isTellable(a) })
	if a := onionAddr(l.settings.Onion); a != nil {
		out = append(out, a)
	}
	return out
}
