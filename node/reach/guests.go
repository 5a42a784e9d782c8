package reach

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/linnet-im/linnet/node/reach/front"
)

// bridge is this node's own bridge.
type bridge struct {
	server *front.Server
	cfg    BridgeConfig
	addr   ma.Multiaddr // under which libp2p listens
}

// openBridge begins to answer as a web site on cfg.Listen.
func openBridge(cfg BridgeConfig) (*bridge, error) {
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("%w on %s: %w", ErrListen, cfg.Listen, plain(err))
	}
	s, err := front.Open(l, front.Config{
		Key: cfg.Key, Name: cfg.Name, Site: cfg.Site, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile, Passes: rawPasses(cfg.Passes),
	})
	if err != nil {
		return nil, fmt.Errorf("%w as a bridge: %w", ErrListen, err)
	}
	return &bridge{server: s, cfg: cfg, addr: guestAddr(insideHere)}, nil
}

func rawPasses(in []Pass) [][PassSize]byte {
	out := make([][PassSize]byte, len(in))
	for i, p := range in {
		out[i] = p
	}
	return out
}

// guestAddr is how libp2p knows guests, and where they come in: their own addresses
// are kept from it, and with them from every log. It counts no connections from
// loopback; the server does, by pass.
func guestAddr(way byte) ma.Multiaddr {
	return append(slices.Clone(unlimited), insideAddr(way, anyHandle())...)
}

// listen hands guests to libp2p.
func (b *bridge) listen(ma.Multiaddr) (manet.Listener, error) { return guests{b}, nil }

// guests is a bridge's server as a listener.
type guests struct{ *bridge }

// Accept implements manet.Listener.
func (g guests) Accept() (manet.Conn, error) {
	guest, err := g.server.Accept()
	if err != nil {
		return nil, err
	}
	if g.cfg.Used != nil {
		g.cfg.Used(guest.Pass)
	}
	way := byte(insideVeil)
	if guest.Way == front.Drip {
		way = insideDrip
	}
	return &lineConn{Conn: guest, local: g.addr, remote: guestAddr(way)}, nil
}

// Close implements manet.Listener.
func (g guests) Close() error { return g.server.Close() }

// Addr implements manet.Listener.
func (g guests) Addr() net.Addr { return g.server.Addr() }

// Multiaddr implements manet.Listener.
func (g guests) Multiaddr() ma.Multiaddr { return g.addr }

// IsBridge reports whether this node is a bridge.
func (h *Host) IsBridge() bool { return h.bridge != nil }

// SetPasses lets in through this bridge who has one of passes, and nobody else: who
// is there with another is cut off. On a node that is no bridge it does nothing.
func (h *Host) SetPasses(passes []Pass) {
	if h.bridge != nil {
		h.bridge.server.SetPasses(rawPasses(passes))
	}
}

// Doors returns where this bridge is reached with a pass: secret addresses, for a
// bridge link. A node that is no bridge has none.
func (h *Host) Doors(pass Pass) Contact {
	c := Contact{ID: []byte(h.host.ID())}
	if h.bridge == nil {
		return c
	}
	s := h.bridge.server
	door := encodeDoor(front.Door{Name: s.Name(), Pin: s.Pin(), Pass: pass})
	for _, at := range h.bridgeAt() {
		if a, err := bridgeAddr(at, door); err == nil && len(c.Addrs) < MaxLinkAt {
			c.Addrs = append(c.Addrs, a.Bytes())
		}
	}
	return c
}

// bridgeAt returns where others reach this bridge: what its owner says, or where it
// listens, or else this computer's addresses, public ones first.
func (h *Host) bridgeAt() (out []netip.AddrPort) {
	for _, s := range h.bridge.cfg.Public {
		if at, err := netip.ParseAddrPort(s); err == nil {
			out = append(out, at)
		}
	}
	listens, err := netip.ParseAddrPort(h.bridge.server.Addr().String())
	if len(out) > 0 || err != nil {
		return out
	}
	if !listens.Addr().IsUnspecified() {
		return []netip.AddrPort{listens}
	}
	var public, private []netip.AddrPort
	for _, ip := range h.ownIPs() {
		at := netip.AddrPortFrom(ip, listens.Port())
		if ip.IsPrivate() || ip.IsLoopback() {
			private = append(private, at)
		} else {
			public = append(public, at)
		}
	}
	if len(public) > 0 {
		return public
	}
	return private
}

// ownIPs are this computer's addresses, as it has them and as others see them.
func (h *Host) ownIPs() (out []netip.Addr) {
	add := func(ip net.IP) {
		if a, ok := netip.AddrFromSlice(ip); ok && !a.IsLinkLocalUnicast() && !slices.Contains(out, a.Unmap()) {
			out = append(out, a.Unmap())
		}
	}
	if all, ok := h.host.(interface{ AllAddrs() []ma.Multiaddr }); ok {
		for _, a := range all.AllAddrs() {
			if ip, err := manet.ToIP(a); err == nil && !isInside(a) && !isCircuit(a) {
				add(ip)
			}
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return out
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() {
			add(n.IP)
		}
	}
	return out
}

// checkPublic reports what an owner says of the bridge's addresses and is none.
func (c BridgeConfig) checkPublic() error {
	for _, s := range c.Public {
		at, err := netip.ParseAddrPort(s)
		if err != nil || at.Port() == 0 || at.Addr().IsUnspecified() || at.Addr().Zone() != "" {
			return fmt.Errorf("%w: %.100q is no IP address and port, an example is 192.0.2.1:%s", ErrAddress, s, strconv.Itoa(443))
		}
	}
	return nil
}
