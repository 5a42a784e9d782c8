package reach

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// portMapDelay is how long a node waits before it asks the router for a port: a
// command that is over in a moment asks for nothing.
const portMapDelay = 5 * time.Second

// portMap asks the router on the local network for a port, by UPnP or NAT-PMP. It
// begins late, and only where there is a router to expect: a node with a public
// address of its own, or on loopback alone, asks nobody.
type portMap struct {
	net  network.Network
	wg   sync.WaitGroup
	stop func()

	mu   sync.Mutex
	real basichost.NATManager // nil: not begun
}

func newPortMap(n network.Network) basichost.NATManager {
	m := &portMap{net: n}
	closed := make(chan struct{})
	m.stop = sync.OnceFunc(func() { close(closed) })
	m.wg.Go(func() { // ends with Close
		timer := time.NewTimer(portMapDelay)
		defer timer.Stop()
		select {
		case <-closed:
		case <-timer.C:
			if addrs, err := n.InterfaceListenAddresses(); err == nil && behindRouter(addrs) {
				m.mu.Lock()
				m.real = basichost.NewNATManager(n)
				m.mu.Unlock()
			}
		}
	})
	return m
}

// behindRouter reports whether IPv4 addresses are such as routers give out.
func behindRouter(addrs []ma.Multiaddr) bool {
	is4 := func(a ma.Multiaddr) bool { _, err := a.ValueForProtocol(ma.P_IP4); return err == nil }
	return slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return is4(a) && manet.IsPrivateAddr(a) && !manet.IsIPLoopback(a) }) &&
		!slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool { return is4(a) && isPublic(a) })
}

func (m *portMap) get() basichost.NATManager {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.real
}

// GetMapping implements basichost.NATManager.
func (m *portMap) GetMapping(a ma.Multiaddr) ma.Multiaddr {
	if real := m.get(); real != nil {
		return real.GetMapping(a)
	}
	return nil
}

// HasDiscoveredNAT implements basichost.NATManager.
func (m *portMap) HasDiscoveredNAT() bool {
	real := m.get()
	return real != nil && real.HasDiscoveredNAT()
}

// Close gives the port back.
func (m *portMap) Close() error {
	m.stop()
	m.wg.Wait()
	if real := m.get(); real != nil {
		return real.Close()
	}
	return nil
}
