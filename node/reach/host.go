package reach

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// Errors that callers branch on.
var (
	ErrAddress     = errors.New("reach: not a usable address")
	ErrUnreachable = errors.New("reach: nobody answered")
	ErrListen      = errors.New("reach: cannot listen")
)

// Connection counts between which the least useful connections are closed.
const (
	lowWater  = 96
	highWater = 192
)

// Config says how to reach others.
type Config struct {
	Key     []byte   // Ed25519 seed of this installation's peer id, 32 bytes; required
	Listen  []string // multiaddrs; empty: QUIC and TCP on Port, on every interface
	Port    int      // wanted port where Listen is empty; 0, or a busy one, means any
	LANOnly bool     // never a byte to or from an address outside the local network
	NoMDNS  bool     // neither announce on the local network nor look there
	Logger  *slog.Logger

	Settings Settings      // a person's choices; LANOnly and NoMDNS above add to them
	Bridge   *BridgeConfig // nil: this node is no bridge
	// PassUsed is called whenever somebody came in with a pass. It may be called from any
	// goroutine until Close, and must not block.
	PassUsed func(Pass)
	// Memory is what Remember was last given, nil at first: which ways worked on which
	// network. Remember stores it; it may be called from any goroutine until Close.
	Memory   []byte
	Remember func([]byte)
}

// Host is this node's presence on the network. It is safe for concurrent use.
type Host struct {
	host    host.Host
	log     *slog.Logger
	lanOnly bool

	ctx    context.Context // ends with Close; bounds dialling
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	kept     map[peer.ID]*target
	watchers []func(peer string, connected bool)
	wake     chan struct{} // tells the keeper that something is due
	closed   bool
}

// Open starts listening. It fails with ErrListen when an address of cfg.Listen
// cannot be had, and then leaves nothing behind.
func Open(ctx context.Context, cfg Config) (*Host, error) {
	if len(cfg.Key) != ed25519.SeedSize {
		return nil, fmt.Errorf("reach: key of %d bytes, must be %d", len(cfg.Key), ed25519.SeedSize)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	lh, err := newLibp2p(cfg)
	if err != nil {
		return nil, err
	}
	if err := listen(lh, cfg); err != nil {
		return nil, errors.Join(err, lh.Close())
	}
	h := Wrap(lh, cfg.Logger)
	h.lanOnly = cfg.LANOnly
	if err := h.startRelay(cfg); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if !cfg.NoMDNS {
		h.wg.Go(h.lookAround)
	}
	return h, nil
}

// Wrap makes a Host of a libp2p host that was opened elsewhere, such as one in
// a simulated network. It owns lh from then on.
func Wrap(lh host.Host, logger *slog.Logger) *Host {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{
		host: lh, log: logger, ctx: ctx, cancel: cancel,
		kept: map[peer.ID]*target{}, wake: make(chan struct{}, 1),
	}
	lh.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { h.changed(c.RemotePeer()) },
		DisconnectedF: func(_ network.Network, c network.Conn) { h.changed(c.RemotePeer()) },
	})
	h.wg.Go(h.keep)
	return h
}

func newLibp2p(cfg Config) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(cfg.Key))
	if err != nil {
		return nil, fmt.Errorf("reach: %w", err)
	}
	manager, err := connmgr.NewConnManager(lowWater, highWater, connmgr.WithGracePeriod(time.Minute))
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
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(libp2pquic.NewTransport),
		// TLS 1.3 first: it agrees on keys with X25519MLKEM768, Noise with X25519 alone.
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionManager(manager),
		libp2p.ResourceManager(resources),
		libp2p.DialRanker(rankDials),
		libp2p.UserAgent("linnet"),
		libp2p.ProtocolVersion("linnet"),
		libp2p.DisableMetrics(),
	}
	options = append(options, relayOptions(cfg)...)
	if cfg.LANOnly {
		options = append(options, libp2p.ConnectionGater(lanGate{}))
	}
	lh, err := libp2p.New(options...)
	if err != nil {
		return nil, fmt.Errorf("reach: %w", err)
	}
	return lh, nil
}

// newResources are libp2p's own limits, but for those on one address: a school,
// a village behind one NAT or a Tor exit is many people.
func newResources() (network.ResourceManager, error) {
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.DefaultLimits.AutoScale()),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: 64}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: 64}, {PrefixLength: 48, ConnCount: 256}},
		),
	)
}

// LibP2P is for the rooms that speak over streams. It stays owned by h.
func (h *Host) LibP2P() host.Host { return h.host }

// ID returns the peer id of this installation.
func (h *Host) ID() string { return h.host.ID().String() }

// Close ends every connection and waits for all that was started. Calling it
// again does nothing.
func (h *Host) Close() error {
	h.mu.Lock()
	closed := h.closed
	h.closed = true
	h.mu.Unlock()
	if closed {
		return nil
	}
	h.cancel()
	err := h.host.Close()
	h.wg.Wait()
	return err
}

// Watch has f called, without h locked, whenever a peer came or went. f must
// not block. There is no way to take it back: it lives as long as h.
func (h *Host) Watch(f func(peer string, connected bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers = append(h.watchers, f)
}

func (h *Host) changed(p peer.ID) {
	connected := h.host.Network().Connectedness(p) == network.Connected
	h.mu.Lock()
	if t := h.kept[p]; t != nil {
		t.note(connected)
	}
	watchers := h.watchers
	h.mu.Unlock()
	h.poke()
	for _, f := range watchers {
		f(p.String(), connected)
	}
}
