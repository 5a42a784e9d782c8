package reach

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// listen opens what cfg asks for. Addresses that a person named must all work;
// of the default ones a machine without IPv6, say, lacks some.
func listen(lh host.Host, cfg Config) error {
	switch cfg.Settings.Mode {
	case ModeCovert:
		return nil
	case ModeTor:
		if cfg.Settings.Onion == "" {
			return nil
		}
		if len(cfg.Listen) == 0 {
			return listenOnion(lh, cfg.Settings.Onion)
		}
	}
	if len(cfg.Listen) > 0 {
		for _, s := range cfg.Listen {
			a, err := ma.NewMultiaddr(s)
			if err != nil {
				return fmt.Errorf("%w: %q: %v; an example is /ip4/0.0.0.0/tcp/4040", ErrAddress, s, err)
			}
			if cfg.Settings.Mode == ModeTor && !manet.IsIPLoopback(a) {
				return fmt.Errorf("%w on %s: with everything through a proxy, only on loopback, for an onion service", ErrListen, s)
			}
			if err := bind(lh, a); err != nil {
				return fmt.Errorf("%w on %s: %w", ErrListen, s, plain(err))
			}
		}
		return nil
	}
	var last error
	for _, port := range []int{cfg.Port, 0} {
		if last = listenOn(lh, port); last == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", ErrListen, last)
}

// listenOnion listens for an onion service, on the port to which Tor leads one of which
// nothing else is said (tor(1), HiddenServicePort): its own. Another one nobody would know.
func listenOnion(lh host.Host, onion string) error {
	_, port, err := net.SplitHostPort(onion)
	if err != nil {
		return fmt.Errorf("%w: %.100q is not an address and a port", ErrSettings, onion)
	}
	a, err := ma.NewMultiaddr("/ip4/127.0.0.1/tcp/" + port)
	if err != nil {
		return fmt.Errorf("%w: %.100q has no port", ErrSettings, onion)
	}
	if err := bind(lh, a); err != nil {
		return fmt.Errorf("%w for the onion service: %w", ErrListen, plain(err))
	}
	return nil
}

// listenOn takes one port for TCP and QUIC. With port 0 the system picks it for
// TCP, and QUIC gets the same one if it is free.
func listenOn(lh host.Host, port int) error {
	tcp, err := ma.NewMultiaddr(fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", port))
	if err != nil {
		return err
	}
	if err := bind(lh, tcp); err != nil {
		return plain(err)
	}
	port = portOf(lh)
	for _, s := range []string{"/ip4/0.0.0.0/udp/%d/quic-v1", "/ip6/::/tcp/%d", "/ip6/::/udp/%d/quic-v1"} {
		a, err := ma.NewMultiaddr(fmt.Sprintf(s, port))
		if err != nil {
			return err
		}
		_ = bind(lh, a) // TCP over IPv4 is enough to be reached
	}
	return nil
}

// bind listens on a. libp2p shares TCP ports (SO_REUSEPORT), so that two programs
// would take turns in being reached: a plain socket is tried first.
func bind(lh host.Host, a ma.Multiaddr) error {
	network, address, err := manet.DialArgs(a)
	if err != nil {
		return err
	}
	if strings.HasPrefix(network, "udp") {
		c, err := net.ListenPacket(network, address)
		if err != nil {
			return err
		}
		_ = c.Close()
	} else {
		c, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		_ = c.Close()
	}
	return lh.Network().Listen(a)
}

// portOf returns the first TCP port that lh listens on, 0 for none.
func portOf(lh host.Host) int {
	for _, a := range lh.Network().ListenAddresses() {
		if isInside(a) {
			continue
		}
		if s, err := a.ValueForProtocol(ma.P_TCP); err == nil {
			var port int
			if _, err := fmt.Sscan(s, &port); err == nil {
				return port
			}
		}
	}
	return 0
}

// Port returns the TCP port that h listens on, to be asked for again next time.
func (h *Host) Port() int { return portOf(h.host) }

// plain says the usual causes in words.
func plain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "address already in use"):
		return fmt.Errorf("another program uses this port: %w", err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("the system does not let this program use this port: %w", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this computer has no such address: %w", err)
	}
	return err
}
