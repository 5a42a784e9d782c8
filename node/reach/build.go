package reach

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	basicmgr "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
)

// How long one dial may take, by transport. A packet that gets lost twice costs three
// seconds; a slow line needs some seconds for the handshake behind it.
const (
	tcpConnect   = 4 * time.Second
	tcpLimit     = 12 * time.Second
	quicLimit    = 10 * time.Second
	insideLimit  = 20 * time.Second
	swarmTimeout = 25 * time.Second
)

// build makes the libp2p host with the transports that the mode allows, and listens.
func (h *Host) build(cfg Config) error {
	var err error
	if cfg.Settings.Mode == ModeOpen || cfg.Settings.Mode == ModeCovert {
		if h.programs, err = parsePrograms(h.ctx, cfg.Transports); err != nil {
			return err
		}
		h.ladder.programs = len(h.programs)
	}
	if cfg.Bridge != nil {
		if err := cfg.Bridge.checkPublic(); err != nil {
			return err
		}
		if err := h.looks.sign(cfg.Bridge.Looks, cfg.Key); err != nil {
			return err
		}
		if h.bridge, err = openBridge(*cfg.Bridge); err != nil {
			return err
		}
	}
	options, err := h.options(cfg)
	if err != nil {
		return errors.Join(err, h.closeBridge())
	}
	h.host, err = libp2p.New(options...)
	if err != nil {
		return errors.Join(fmt.Errorf("reach: %w", err), h.closeBridge())
	}
	if h.bridge != nil {
		if err := h.host.Network().Listen(h.bridge.addr); err != nil {
			return errors.Join(fmt.Errorf("%w as a bridge: %w", ErrListen, err), h.host.Close(), h.closeBridge())
		}
	}
	if err := listen(h.host, cfg); err != nil {
		return errors.Join(err, h.host.Close(), h.closeBridge())
	}
	return nil
}

func (h *Host) closeBridge() error {
	if h.bridge == nil {
		return nil
	}
	return h.bridge.server.Close()
}

func (h *Host) options(cfg Config) ([]libp2p.Option, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(cfg.Key))
	if err != nil {
		return nil, fmt.Errorf("reach: %w", err)
	}
	low, high := lowWater, highWater
	if cfg.Settings.DataSaver {
		low, high = low/4, high/4
	}
	manager, err := basicmgr.NewConnManager(low, high, basicmgr.WithGracePeriod(time.Minute))
	if err != nil {
		return nil, fmt.Errorf("reach: %w", err)
	}
	resources, err := newResources()
	if err != nil {
		return nil, fmt.Errorf("reach: %w", err)
	}
	options := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.NoListenAddrs,
		// TLS 1.3 first: it agrees on keys with X25519MLKEM768, Noise with X25519 alone.
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionManager(manager),
		libp2p.ResourceManager(resources),
		libp2p.ConnectionGater(gate{cfg.Settings.Mode, h.ladder}),
		libp2p.MultiaddrResolver(noNames{}),
		libp2p.AddrsFactory(h.ladder.tellable),
		libp2p.BandwidthReporter(h.traffic),
		libp2p.SwarmOpts(swarm.WithDialRanker(h.ladder.rank), swarm.WithDialTimeout(swarmTimeout), swarm.WithDialTimeoutLocal(swarmTimeout)),
		// What leads nowhere is remembered per network; libp2p would remember it for good.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
		libp2p.UserAgent("linnet"),
		libp2p.ProtocolVersion("linnet"),
		libp2p.DisableMetrics(),
	}
	return append(append(options, h.transports(cfg)...), relayOptions(cfg)...), nil
}

// transports are those of the mode: what it forbids is not there at all.
func (h *Host) transports(cfg Config) []libp2p.Option {
	inside := libp2p.Transport(func(u transport.Upgrader, r network.ResourceManager) *rung {
		return h.rung(h.insideTransport(), u, r, insideLimit)
	})
	onion := func(codes ...int) libp2p.Option {
		return libp2p.Transport(func(u transport.Upgrader, r network.ResourceManager) *rung {
			return h.rung(torTransport(*h.proxy, codes...), u, r, insideLimit)
		})
	}
	switch cfg.Settings.Mode {
	case ModeTor:
		return []libp2p.Option{onion(ma.P_TCP, ma.P_ONION3), inside}
	case ModeCovert:
		return []libp2p.Option{inside}
	}
	options := []libp2p.Option{
		libp2p.Transport(func(u transport.Upgrader, r network.ResourceManager, s *tcpreuse.ConnMgr) (*rung, error) {
			t, err := tcp.NewTCPTransport(metered{u, h.wires}, r, s, tcp.WithConnectionTimeout(tcpConnect))
			return &rung{t, tcpLimit, h.ladder.tell}, err
		}),
		libp2p.Transport(func(k crypto.PrivKey, m *quicreuse.ConnManager, psk pnet.PSK, g connmgr.ConnectionGater, r network.ResourceManager) (*rung, error) {
			t, err := libp2pquic.NewTransport(k, m, psk, g, r)
			h.ladder.probe = func(x trial) { h.seeThrough(t, x) }
			return &rung{t, quicLimit, h.ladder.tell}, err
		}),
	}
	if cfg.Settings.Mode == ModeOpen {
		options = append(options, inside)
		if h.proxy != nil {
			options = append(options, onion(ma.P_ONION3))
		}
	}
	return options
}

func (h *Host) rung(c *conduit, u transport.Upgrader, r network.ResourceManager, limit time.Duration) *rung {
	c.upgrader, c.resources = metered{u, h.wires}, r
	return &rung{c, limit, h.ladder.tell}
}

// seeThrough dials what was given up once more, beside the line that there is, to
// know whether it would have worked. Nothing is said by it.
func (h *Host) seeThrough(by transport.Transport, t trial) {
	if h.ctx.Err() != nil {
		return
	}
	h.wg.Go(func() {
		ctx, cancel := context.WithTimeout(h.ctx, quicLimit)
		defer cancel()
		begun := time.Now()
		c, err := by.Dial(ctx, t.addr, t.peer)
		if err == nil {
			_ = c.Close()
		}
		if h.ctx.Err() == nil {
			h.ladder.seen(trial{peer: t.peer, addr: t.addr, begun: begun, took: time.Since(begun), err: err})
		}
	})
}

// insideTransport dials what inside addresses stand for, and has a bridge's guests
// come in.
func (h *Host) insideTransport() *conduit {
	c := &conduit{
		codes: []int{protocolInside},
		can: func(a ma.Multiaddr) bool {
			way, _, ok := splitInside(a)
			return ok && len(a) == 1 && way != insideHere
		},
		at: func(a ma.Multiaddr, p peer.ID) ma.Multiaddr {
			x, _ := h.paths.get(a, p)
			return x.at
		},
		dial: h.dialInside,
	}
	if h.bridge != nil {
		c.listen = h.bridge.listen
	}
	return c
}

func (h *Host) dialInside(ctx context.Context, a ma.Multiaddr, p peer.ID) (net.Conn, error) {
	x, ok := h.paths.get(a, p)
	if !ok {
		return nil, fmt.Errorf("%w: it stands for nothing", ErrAddress)
	}
	at, err := hostPort(x.at)
	if err != nil {
		return nil, err
	}
	door := x.door
	door.Profiles = h.looks.of(p)
	switch x.way {
	case insideVeil:
		return h.front.Veil(ctx, at, door)
	case insideDrip:
		return h.front.Drip(ctx, at, door)
	case insidePT:
		return h.dialPT(ctx, x, at)
	case insideTor:
		return h.proxy.dial(ctx, at)
	}
	return nil, fmt.Errorf("%w: there is no such way", ErrAddress)
}

// newResources are libp2p's own limits, but for those on one address: a school,
// a village behind one NAT or a Tor exit is many people. Loopback counts as many more:
// there an onion service's guests come from, and a bridge's.
func newResources() (network.ResourceManager, error) {
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.DefaultLimits.AutoScale()),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: 64}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: 64}, {PrefixLength: 48, ConnCount: 256}},
		),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")}},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: 2, Burst: 128}}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: rate.Limit{RPS: 2, Burst: 128}}, {PrefixLength: 48, Limit: rate.Limit{RPS: 8, Burst: 512}}},
				GracePeriod:      time.Minute,
			},
		}),
	)
}
