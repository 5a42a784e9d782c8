package reach

import (
	"fmt"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// maxAddrs bounds the addresses that are taken from, or told to, others of one peer.
const maxAddrs = 12

// Contact is where a peer may be reached, in binary: what a link carries.
type Contact struct {
	ID    []byte   // peer id
	Addrs [][]byte // multiaddrs without the peer id
}

// ParseAddress reads a multiaddr that ends in /p2p/ and a peer id, or a line for a
// pluggable transport, such as "obfs4 192.0.2.1:443 12D3KooW… cert=…".
func ParseAddress(s string) (Contact, error) {
	if strings.ContainsAny(strings.TrimSpace(s), " \t") {
		return parsePTLine(s)
	}
	info, err := peer.AddrInfoFromString(s)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %.200q: %v; an example is /ip4/192.0.2.1/tcp/4040/p2p/12D3KooW…", ErrAddress, s, err)
	}
	return contactOf(*info), nil
}

func contactOf(info peer.AddrInfo) Contact {
	c := Contact{ID: []byte(info.ID)}
	for _, a := range info.Addrs[:min(len(info.Addrs), maxAddrs)] {
		c.Addrs = append(c.Addrs, a.Bytes())
	}
	return c
}

// info checks a contact from anybody. Addresses that are none are left out.
func (c Contact) info() (peer.AddrInfo, error) {
	id, err := peer.IDFromBytes(c.ID)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("%w: peer id: %v", ErrAddress, err)
	}
	if err := knowBridges(); err != nil {
		return peer.AddrInfo{}, err
	}
	info := peer.AddrInfo{ID: id}
	for _, b := range c.Addrs[:min(len(c.Addrs), maxAddrs)] {
		if a, err := ma.NewMultiaddrBytes(b); err == nil && dialable(a) {
			info.Addrs = append(info.Addrs, a)
		}
	}
	return info, nil
}

// dialable keeps to plain IP addresses, and circuits through such: a name in a link
// would make this computer ask a name server that somebody else chose.
func dialable(a ma.Multiaddr) bool {
	if isOnion(a) {
		return true // where there is a proxy; elsewhere there is no transport for it
	}
	ip, err := manet.ToIP(a)
	if err != nil || ip.IsUnspecified() || ip.IsMulticast() || isInside(a) {
		return false
	}
	return !isCircuit(a) || isDialableCircuit(a)
}

// ours returns the addresses to tell others: no loopback, unless that is all.
func (h *Host) ours() []ma.Multiaddr {
	all := slices.DeleteFunc(slices.Clone(h.host.Addrs()), func(a ma.Multiaddr) bool { return !isTellable(a) })
	out := slices.DeleteFunc(slices.Clone(all), manet.IsIPLoopback)
	if len(out) == 0 {
		out = slices.Clone(all)
	}
	if h.settings.Mode == ModeLAN {
		if near := slices.DeleteFunc(slices.Clone(out), func(a ma.Multiaddr) bool { return !isNear(a) }); len(near) > 0 {
			out = near
		}
	}
	slices.SortStableFunc(out, worth) // links are short
	return out
}

// Addresses returns the multiaddrs, with peer id, at which h can be reached.
func (h *Host) Addresses() []string {
	var out []string
	for _, a := range h.ours() {
		out = append(out, a.String()+"/p2p/"+h.ID())
	}
	return out
}

// Self returns h's own contact, for links.
func (h *Host) Self() Contact {
	return contactOf(peer.AddrInfo{ID: h.host.ID(), Addrs: h.ours()})
}

// Contact returns where a peer that is or was connected may be reached.
func (h *Host) Contact(id string) (Contact, bool) {
	p, err := peer.Decode(id)
	if err != nil {
		return Contact{}, false
	}
	var addrs []ma.Multiaddr
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if a := c.RemoteMultiaddr(); c.Stat().Direction == network.DirOutbound && isTellable(a) && !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	for _, a := range slices.SortedFunc(slices.Values(h.host.Peerstore().Addrs(p)), worth) {
		if !manet.IsIPLoopback(a) && isTellable(a) && !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		addrs = slices.DeleteFunc(slices.Clone(h.host.Peerstore().Addrs(p)), func(a ma.Multiaddr) bool { return !isTellable(a) })
	}
	c := contactOf(peer.AddrInfo{ID: p, Addrs: addrs})
	return c, len(c.Addrs) > 0
}

// Proven returns where this node has itself reached a connected peer on the internet:
// straight, at an address that others can use too. ok is false where there is none.
func (h *Host) Proven(id string) (c Contact, ok bool) {
	p, err := peer.Decode(id)
	if err != nil {
		return Contact{}, false
	}
	var addrs []ma.Multiaddr
	for _, conn := range h.host.Network().ConnsToPeer(p) {
		a := conn.RemoteMultiaddr()
		if isOwnStraight(conn) && isPublic(a) && isTellable(a) && !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append(addrs, a)
		}
	}
	return contactOf(peer.AddrInfo{ID: p, Addrs: addrs}), len(addrs) > 0
}

// isNear reports whether an address is such as local networks have.
func isNear(a ma.Multiaddr) bool {
	return !isInside(a) && (manet.IsPrivateAddr(a) || manet.IsIP6LinkLocal(a))
}
