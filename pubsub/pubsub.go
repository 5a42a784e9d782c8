package pubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
)

// Sizes of queues and sets.
const (
	queueSize      = 4096 // messages that wait: for one peer, for handlers
	intakeSize     = 8192 // messages that wait for a look at their id; this takes a microsecond each
	maxBatch       = 2048 // messages that are taken out of one RPC; honest ones carry one, or an answer to IWANT
	maxTopicName   = 64   // bytes
	defaultTopics  = 4096
	defaultMessage = 128 << 10
	frameOverhead  = 4 << 10
	seenFor        = 2 * time.Minute
)

// Errors that callers branch on.
var (
	ErrBusy     = errors.New("pubsub: the lines to all followers are full")
	ErrClosed   = errors.New("pubsub: closed")
	ErrNoPeers  = errors.New("pubsub: nobody follows this topic right now")
	ErrTooLarge = errors.New("pubsub: message too large")
)

// Verdict is what a Handler says of a message.
type Verdict int

// Verdicts.
const (
	Accept Verdict = 1 // right, stored: pass it on
	Ignore Verdict = 2 // not to be passed on, and nobody's fault
	Reject Verdict = 3 // provably false: whoever passed it on is scored down
)

// Message is what a peer passed on. Data is the handler's to read and keep, not
// to change: it is passed on from there.
type Message struct {
	From string // peer id
	Data []byte
}

// Handler judges a message. It is called by many goroutines at once, once for
// each message id within two minutes; as long as it blocks, the message waits.
// ctx ends when the topic is closed, and Close waits for the handlers that run,
// so a handler must not call it. Any other verdict than those above is Ignore.
type Handler func(ctx context.Context, m Message) Verdict

// Config says how to take part. Host and MessageID are required; every other
// zero is a good default.
type Config struct {
	Host             host.Host                // stays the caller's
	MessageID        func(data []byte) string // pure and cheap: it sees hostile bytes before anybody judged them
	MaxMessage       int                      // bytes, 0 means 128 KiB; the same on all nodes
	MaxTopicsPerPeer int                      // topics that a peer may announce to us, and we to it; 0 means 4096
	Degree           int                      // peers in the mesh of a topic, 0 means 2

	// OnPeers is called, not concurrently, after the peers of a topic changed. It
	// must not call Close. May be nil.
	OnPeers func(topic string)
	Logger  *slog.Logger // nil: silence
}

func (c Config) withDefaults() Config {
	c.MaxMessage = cmp.Or(c.MaxMessage, defaultMessage)
	c.MaxTopicsPerPeer = cmp.Or(c.MaxTopicsPerPeer, defaultTopics)
	c.Degree = cmp.Or(c.Degree, 2)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// wireSize is the largest RPC. The list of all our topics must fit in one: the
// library sends it as one when a stream opens, whatever its size.
func (c Config) wireSize() int { return max(c.MaxMessage, defaultMessage) + frameOverhead }

// PubSub takes part in the mesh of a host.
type PubSub struct {
	cfg    Config
	gossip *gossip.PubSub
	trace  *tracer
	lines  *lines
	filter *filter
	share  *share
	blame  *blame
	gone   *network.NotifyBundle
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	topics map[string]*Topic
	names  int // bytes that announcing all topics takes
	closed bool
}

// New begins to take part. Close ends it. There is one PubSub to a host.
func New(cfg Config) (*PubSub, error) {
	if cfg.Host == nil || cfg.MessageID == nil {
		return nil, errors.New("pubsub: Config needs a Host and a MessageID")
	}
	cfg = cfg.withDefaults()
	p := &PubSub{cfg: cfg, topics: map[string]*Topic{}, share: newShare(queueSize), blame: newBlame()}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.filter = newFilter(cfg)
	p.trace = newTracer()
	score, thresholds := scoring()
	p.lines = newLines(cfg.Host)
	g, err := gossip.NewGossipSub(p.ctx, p.lines,
		gossip.WithMessageSignaturePolicy(gossip.StrictNoSign),
		gossip.WithNoAuthor(),
		gossip.WithMessageIdFn(func(m *pb.Message) string { return cfg.MessageID(m.GetData()) }),
		gossip.WithMaxMessageSize(cfg.wireSize()),
		gossip.WithMaxControlMessageSize(cfg.wireSize()),
		gossip.WithPeerOutboundQueueSize(queueSize),
		gossip.WithValidateQueueSize(intakeSize),
		gossip.WithValidateThrottle(2*queueSize),
		gossip.WithSeenMessagesTTL(seenFor),
		gossip.WithGossipSubParams(meshParams(cfg.Degree)),
		gossip.WithFloodPublish(true),
		gossip.WithPeerScore(score, thresholds),
		gossip.WithAppSpecificRpcInspector(p.inspect),
		gossip.WithSubscriptionFilter(p.filter),
		gossip.WithRawTracer(p.trace),
		gossip.WithLogger(quiet(cfg.Logger)),
		gossip.WithRPCLogger(quiet(cfg.Logger)),
	)
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("pubsub: %w", err)
	}
	p.gossip = g
	p.gone = &network.NotifyBundle{DisconnectedF: p.disconnected}
	cfg.Host.Network().Notify(p.gone)
	p.wg.Go(p.tellPeers)
	return p, nil
}

// quiet lets warnings through; gossipsub tells of every stream on lower levels.
func quiet(l *slog.Logger) *slog.Logger { return slog.New(atLeastWarn{l.Handler()}) }

type atLeastWarn struct{ slog.Handler }

func (h atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h atLeastWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}

// disconnected drops what is kept of a peer with its last connection.
func (p *PubSub) disconnected(n network.Network, c network.Conn) {
	if id := c.RemotePeer(); n.Connectedness(id) != network.Connected {
		p.filter.forget(id)
		p.trace.forget(id)
		p.lines.forget(id)
	}
}

// Close leaves every topic, waits for handlers and callbacks that run, and ends
// what New started. Calling it again does nothing.
func (p *PubSub) Close() error {
	p.mu.Lock()
	closed := p.closed
	p.closed = true
	topics := p.topics
	p.topics = nil
	p.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, t := range topics {
		errs = append(errs, t.leave())
	}
	p.cancel()
	p.cfg.Host.Network().StopNotify(p.gone)
	p.hangUp()
	p.wg.Wait()
	return errors.Join(errs...)
}

// hangUp closes the streams of gossipsub: the library leaves their goroutines
// to the end of the connection, which may outlive us.
func (p *PubSub) hangUp() {
	for _, id := range gossip.GossipSubDefaultProtocols {
		p.cfg.Host.RemoveStreamHandler(id)
	}
	for _, c := range p.cfg.Host.Network().Conns() {
		for _, s := range c.GetStreams() {
			if slices.Contains(gossip.GossipSubDefaultProtocols, s.Protocol()) {
				s.Reset()
			}
		}
	}
}

// Join begins to follow a topic. h sees every message of others; there is one
// handler for a topic.
func (p *PubSub) Join(name string, h Handler) (*Topic, error) {
	if name == "" || len(name) > maxTopicName {
		return nil, fmt.Errorf("pubsub: a topic name has 1 to %d bytes, this one %d", maxTopicName, len(name))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if p.topics[name] != nil {
		return nil, fmt.Errorf("pubsub: topic %q is joined already", name)
	}
	if len(p.topics) >= p.cfg.MaxTopicsPerPeer || p.names+announceSize(name) > p.cfg.wireSize()-frameOverhead/2 {
		return nil, fmt.Errorf("pubsub: %d topics are joined, more cannot be announced", len(p.topics))
	}
	t, err := newTopic(p, name, h)
	if err != nil {
		return nil, fmt.Errorf("pubsub: join: %w", err)
	}
	p.topics[name] = t
	p.names += announceSize(name)
	return t, nil
}

// announceSize is what a topic takes in the list of our topics.
func announceSize(name string) int { return len(name) + 12 }

// tellPeers calls Config.OnPeers, until Close.
func (p *PubSub) tellPeers() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.trace.changed:
		}
		for _, name := range p.peersChanged() {
			if p.cfg.OnPeers != nil {
				p.cfg.OnPeers(name)
			}
		}
	}
}

// peersChanged returns the topics whose usable peers are not those of the last call.
func (p *PubSub) peersChanged() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, t := range p.topics {
		if t.refresh() {
			names = append(names, name)
		}
	}
	return names
}
