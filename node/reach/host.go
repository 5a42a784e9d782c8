package reach

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"github.com/linnet-im/linnet/node/reach/front"
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
	// Transports are programs for pluggable transports, as lines of the kind
	// "obfs4 exec /usr/bin/obfs4proxy"; none is started before an address needs it.
	Transports []string
	// MayRelay says whom this node helps to be reached, once others can reach it by
	// themselves; nil: nobody. Volunteer says that they can, whatever it finds out.
	MayRelay  func(peer string) bool
	Volunteer bool
	// Memory is what Remember was last given, nil at first: which ways worked on which
	// network. Remember stores it; it may be called from any goroutine until Close.
	Memory   []byte
	Remember func([]byte)
	// Looks are, by the bridge's peer id, what KeepLooks was last given: how that bridge
	// wants its guests to look. KeepLooks may be called from any goroutine until Close; it
	// must not block, nor call the host.
	Looks     map[string][]byte
	KeepLooks func(peer string, record []byte)
}

// Host is this node's presence on the network. It is safe for concurrent use.
type Host struct {
	host     host.Host
	log      *slog.Logger
	settings Settings

	ladder   *ladder
	paths    *paths
	traffic  *traffic
	wires    *wires
	front    *front.Client
	proxy    *socks  // nil: none is set
	bridge   *bridge // nil: this node is none
	looks    *looks
	programs map[string]*program // by the transports that they have
	pulses   *pulses             // nil: of a simulated network
	clocks   clocks

	told   bool        // others can reach this node, it was said
	public atomic.Bool // the same, found out
	around *around     // nil: this node does without relays

	ctx    context.Context // ends with Close; bounds dialling
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	kept     map[peer.ID]*target
	climbs   map[peer.ID]*climb
	outlooks []func()
	watchers []func(peer string, connected bool)
	movers   []func(peer string)
	wake     chan struct{} // tells the keeper that something is due
	closed   bool
}

// Open starts listening. It fails with ErrListen when an address of cfg.Listen
// cannot be had, with ErrSettings when the settings do not fit together, and then
// leaves nothing behind.
func Open(ctx context.Context, cfg Config) (*Host, error) {
	if len(cfg.Key) != ed25519.SeedSize {
		return nil, fmt.Errorf("reach: key of %d bytes, must be %d", len(cfg.Key), ed25519.SeedSize)
	}
	if err := cfg.Settings.Check(); err != nil {
		return nil, err
	}
	cfg = cfg.settled()
	h := newHost(cfg)
	if err := h.build(cfg); err != nil {
		h.cancel()
		return nil, err
	}
	h.ladder.enter(lookAtPlace())
	pulses := h.openPulses() // before anybody who comes is told of
	h.begin()
	if err := errors.Join(pulses, h.startLooks(), h.startRelay(cfg)); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	h.wg.Go(h.roam)
	if !cfg.NoMDNS {
		h.wg.Go(h.lookAround)
	}
	return h, nil
}

// settled folds what older fields say into the settings.
func (c Config) settled() Config {
	if c.LANOnly {
		c.Settings.Mode = ModeLAN
	}
	c.LANOnly = c.Settings.Mode == ModeLAN
	silent := c.Settings.Mode == ModeTor || c.Settings.Mode == ModeCovert
	c.NoMDNS = c.NoMDNS || c.Settings.NoMDNS || silent
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Wrap makes a Host of a libp2p host that was opened elsewhere, such as one in
// a simulated network. It owns lh from then on. Such a host has libp2p's own order of
// dials, and no pulse.
func Wrap(lh host.Host, logger *slog.Logger) *Host {
	h := newHost(Config{Logger: logger}.settled())
	h.host = lh
	h.begin()
	return h
}

// newHost makes a host that has no libp2p host yet.
func newHost(cfg Config) *Host {
	ctx, cancel := context.WithCancel(context.Background())
	h := &Host{
		log: cfg.Logger, settings: cfg.Settings, ctx: ctx, cancel: cancel,
		ladder: newLadder(cfg), traffic: newTraffic(), wires: newWires(),
		kept: map[peer.ID]*target{}, climbs: map[peer.ID]*climb{}, wake: make(chan struct{}, 1),
	}
	h.paths = h.ladder.paths
	h.ladder.changed = h.outlookChanged
	if s := cfg.Settings.SOCKS; s != "" {
		h.proxy = &socks{addr: s}
	}
	h.looks = newLooks(h, cfg)
	h.front = &front.Client{Look: cfg.Settings.Look, Dial: h.dialTCP}
	return h
}

// dialTCP opens a plain connection, through the proxy where everything goes there.
func (h *Host) dialTCP(ctx context.Context, network, address string) (net.Conn, error) {
	if h.settings.Mode == ModeTor {
		return h.proxy.dial(ctx, address)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// begin keeps whom it is told to keep.
func (h *Host) begin() {
	h.host.Network().Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			if h.pulses != nil {
				h.pulses.came(c)
			}
			h.changed(c.RemotePeer())
		},
		DisconnectedF: func(_ network.Network, c network.Conn) {
			if h.pulses != nil {
				h.pulses.gone(c)
			}
			h.changed(c.RemotePeer())
		},
	})
	h.wg.Go(h.keep)
	news, err := h.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted), eventbus.BufSize(64))
	if err != nil {
		h.log.Warn("reach: no news of addresses", "err", err)
		return
	}
	h.wg.Go(func() { h.refresh(news) })
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
	h.closePrograms()
	h.ladder.keep()
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
	if h.host.Network().Connectedness(p) == network.NotConnected {
		h.traffic.forget(p)
	}
	for _, f := range watchers {
		f(p.String(), connected)
	}
	h.outlookChanged()
}
