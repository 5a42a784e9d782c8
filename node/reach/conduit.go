package reach

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// conduit makes a libp2p transport of whatever dials and accepts a net.Conn: libp2p's
// handshake, multiplexing, limits and gates are put on top, as on TCP.
type conduit struct {
	upgrader  transport.Upgrader
	resources network.ResourceManager

	codes  []int                   // last protocols of the addresses that it handles
	can    func(ma.Multiaddr) bool // which of those it dials
	dial   func(ctx context.Context, a ma.Multiaddr, p peer.ID) (net.Conn, error)
	at     func(a ma.Multiaddr, p peer.ID) ma.Multiaddr // the IP that limits count; nil: none known
	listen func(ma.Multiaddr) (manet.Listener, error)   // nil: it does not
}

// roundabout is the conduit as its connections name it. To libp2p they are those of
// a proxy: a straight one is better, and asked for a straight one it dials although
// there is one of these.
type roundabout struct{ *conduit }

// Proxy implements transport.Transport.
func (roundabout) Proxy() bool { return true }

// Proxy implements transport.Transport.
func (c *conduit) Proxy() bool { return false }

// Protocols implements transport.Transport.
func (c *conduit) Protocols() []int { return c.codes }

// CanDial implements transport.Transport.
func (c *conduit) CanDial(a ma.Multiaddr) bool { return c.can(a) }

// unlimited is the address of what has no IP: libp2p refuses those that have none,
// and counts no connections of this one.
var unlimited = ma.StringCast("/ip4/127.0.0.1/tcp/1")

// Dial implements transport.Transport.
func (c *conduit) Dial(ctx context.Context, a ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	at := c.at(a, p)
	if at == nil {
		at = unlimited
	}
	scope, err := c.resources.OpenConnection(network.DirOutbound, true, at)
	if err != nil {
		return nil, err
	}
	conn, err := c.open(ctx, a, p, scope)
	if err != nil {
		scope.Done()
		return nil, err
	}
	return c.upgrader.Upgrade(ctx, roundabout{c}, conn, network.DirOutbound, p, scope)
}

func (c *conduit) open(ctx context.Context, a ma.Multiaddr, p peer.ID, scope network.ConnManagementScope) (manet.Conn, error) {
	if err := scope.SetPeer(p); err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx, a, p)
	if err != nil {
		return nil, err
	}
	return &lineConn{Conn: conn, local: insideAddr(insideHere, anyHandle()), remote: a}, nil
}

// Listen implements transport.Transport.
func (c *conduit) Listen(a ma.Multiaddr) (transport.Listener, error) {
	if c.listen == nil {
		return nil, fmt.Errorf("%w: nothing listens by this way", ErrListen)
	}
	l, err := c.listen(a)
	if err != nil {
		return nil, err
	}
	return c.upgrader.UpgradeGatedMaListener(roundabout{c}, c.upgrader.GateMaListener(l)), nil
}

// lineConn gives a connection the addresses under which libp2p is to know it.
type lineConn struct {
	net.Conn
	local, remote ma.Multiaddr
}

func (c *lineConn) LocalMultiaddr() ma.Multiaddr  { return c.local }
func (c *lineConn) RemoteMultiaddr() ma.Multiaddr { return c.remote }

// rung is a transport whose dials the ladder hears of.
type rung struct {
	transport.Transport
	limit time.Duration // for one dial
	tell  func(trial)
}

// trial is one dial that has ended.
type trial struct {
	peer  peer.ID
	addr  ma.Multiaddr
	begun time.Time
	took  time.Duration
	err   error // nil: it worked
	moot  bool  // given up because another way was quicker, or nobody wants it any more
}

// Dial implements transport.Transport.
func (r *rung) Dial(ctx context.Context, a ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	begun := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	c, err := r.Transport.Dial(limited, a, p)
	r.tell(trial{p, a, begun, time.Since(begun), err, err != nil && ctx.Err() != nil})
	return c, err
}

// Close implements io.Closer, which libp2p calls where a transport has it.
func (r *rung) Close() error {
	if c, ok := r.Transport.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}
