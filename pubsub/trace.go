package pubsub

import (
	"sync"
	"sync/atomic"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// tracer is what gossipsub tells of itself. It is called within gossipsub's
// loop and from its writers, so nothing here may block.
type tracer struct {
	count   counters
	lines   sync.Map      // peer.ID -> *line
	changed chan struct{} // one slot: peers came or went

	mu   sync.Mutex
	room chan struct{} // closed when a line becomes shorter than busy; nil when nobody waits
}

// line is the queue to one peer.
type line struct {
	name    string      // the peer id as text, which takes a while to make
	open    atomic.Bool // a stream takes from it
	waiting atomic.Int64
}

func newTracer() *tracer { return &tracer{changed: make(chan struct{}, 1)} }

func (t *tracer) poke() {
	select {
	case t.changed <- struct{}{}:
	default: // told already
	}
}

func (t *tracer) line(id peer.ID) *line {
	l, ok := t.lines.Load(id)
	if !ok {
		l, _ = t.lines.LoadOrStore(id, &line{name: id.String()})
	}
	return l.(*line)
}

func (t *tracer) open(id peer.ID) bool {
	l, ok := t.lines.Load(id)
	return ok && l.(*line).open.Load()
}

func (t *tracer) waiting(id peer.ID) int64 {
	if l, ok := t.lines.Load(id); ok {
		return l.(*line).waiting.Load()
	}
	return 0
}

// forget drops the line to a peer that is gone.
func (t *tracer) forget(id peer.ID) {
	t.lines.Delete(id)
	t.tellDrained()
	t.poke()
}

// drained returns a channel that is closed when some line has become short, or a peer is gone.
func (t *tracer) drained() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.room == nil {
		t.room = make(chan struct{})
	}
	return t.room
}

func (t *tracer) tellDrained() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.room != nil {
		close(t.room)
		t.room = nil
	}
}

// rpcUnits is what an RPC counts for in a line.
func rpcUnits(rpc *gossip.RPC) (n int64) {
	for _, m := range rpc.GetPublish() {
		n += int64(units(len(m.GetData())))
	}
	return max(n, 1)
}

// The methods of gossip.RawTracer.

func (t *tracer) OnNewOutboundStream(p peer.ID, _ protocol.ID) {
	t.line(p).open.Store(true)
	t.poke()
}

func (t *tracer) OnClosedOutboundStream(p peer.ID) { t.forget(p) }

func (t *tracer) RecvRPC(rpc *gossip.RPC) { t.count.received.Add(uint64(len(rpc.GetPublish()))) }

func (t *tracer) SendRPC(rpc *gossip.RPC, p peer.ID) { t.line(p).waiting.Add(rpcUnits(rpc)) }

func (t *tracer) SendRPCCompleted(rpc *gossip.RPC, p peer.ID, _ time.Duration) {
	t.count.sent.Add(uint64(len(rpc.GetPublish())))
	if l, ok := t.lines.Load(p); ok {
		n := rpcUnits(rpc)
		if left := l.(*line).waiting.Add(-n); left < busy && left+n >= busy {
			t.tellDrained()
		}
	}
}

func (t *tracer) DropRPC(rpc *gossip.RPC, _ peer.ID) {
	t.count.dropped.Add(uint64(len(rpc.GetPublish())))
}

func (t *tracer) DuplicateMessage(*gossip.Message) { t.count.duplicates.Add(1) }

// RejectMessage counts what did not come as far as judge, which counts the rest.
func (t *tracer) RejectMessage(_ *gossip.Message, reason string) {
	switch reason {
	case gossip.RejectValidationIgnored, gossip.RejectValidationFailed:
	case gossip.RejectValidationThrottled, gossip.RejectValidationQueueFull:
		t.count.throttled.Add(1)
	default:
		t.count.rejected.Add(1)
	}
}

func (t *tracer) DeliverMessage(*gossip.Message)       {}
func (t *tracer) Graft(peer.ID, string)                {}
func (t *tracer) Join(string)                          {}
func (t *tracer) Leave(string)                         {}
func (t *tracer) Prune(peer.ID, string)                {}
func (t *tracer) ThrottlePeer(peer.ID)                 {}
func (t *tracer) UndeliverableMessage(*gossip.Message) {} // there are no subscription buffers
func (t *tracer) ValidateMessage(*gossip.Message)      {}
