package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/net/proxy"
)

// Dials through a SOCKS5 proxy (RFC 1928). Names of onion services go to the proxy as
// they are; nothing is looked up here.

var errProxy = errors.New("reach: the proxy")

// socks is a proxy on this computer, or of a pluggable transport.
type socks struct {
	addr string
	auth *proxy.Auth
}

// dial opens a TCP connection to address by way of the proxy.
func (s socks) dial(ctx context.Context, address string) (net.Conn, error) {
	d, err := proxy.SOCKS5("tcp", s.addr, s.auth, &net.Dialer{Timeout: proxyTimeout})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProxy, err)
	}
	c, err := d.(proxy.ContextDialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errProxy, err)
	}
	return c, nil
}

const proxyTimeout = 5 * time.Second // to reach the proxy itself

// onionAddr makes a multiaddr of name.onion:port, nil of anything else.
func onionAddr(s string) ma.Multiaddr {
	host, port, err := net.SplitHostPort(s)
	name, ok := strings.CutSuffix(strings.ToLower(host), ".onion")
	if err != nil || !ok {
		return nil
	}
	a, err := ma.NewMultiaddr("/onion3/" + name + ":" + port)
	if err != nil {
		return nil
	}
	return a
}

// hostPort writes an address as a proxy wants it.
func hostPort(a ma.Multiaddr) (string, error) {
	if isOnion(a) {
		name, port, ok := strings.Cut(a[0].Value(), ":")
		if _, err := strconv.ParseUint(port, 10, 16); !ok || err != nil {
			return "", ErrAddress
		}
		return net.JoinHostPort(name+".onion", port), nil
	}
	network, address, err := manet.DialArgs(a)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return "", fmt.Errorf("%w: the proxy takes TCP only", ErrAddress)
	}
	return address, nil
}

// torTransport dials everything by way of a proxy. On loopback it listens, for an
// onion service.
func torTransport(s socks, codes ...int) *conduit {
	return &conduit{
		codes: codes,
		can: func(a ma.Multiaddr) bool { // libp2p takes any transport that can
			return (isOnion(a) || isTCP(a)) && slices.Contains(codes, a[len(a)-1].Code())
		},
		at: func(a ma.Multiaddr, _ peer.ID) ma.Multiaddr { return withIP(a) },
		dial: func(ctx context.Context, a ma.Multiaddr, _ peer.ID) (net.Conn, error) {
			address, err := hostPort(a)
			if err != nil {
				return nil, err
			}
			return s.dial(ctx, address)
		},
		listen: func(a ma.Multiaddr) (manet.Listener, error) {
			if !manet.IsIPLoopback(a) {
				return nil, fmt.Errorf("%w: with everything through a proxy, only on loopback", ErrListen)
			}
			return manet.Listen(a)
		},
	}
}

// withIP returns a where it has an IP, and nil otherwise.
func withIP(a ma.Multiaddr) ma.Multiaddr {
	if _, err := manet.ToIP(a); err != nil {
		return nil
	}
	return a
}
