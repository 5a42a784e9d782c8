package reach

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// traffic notes when something was last sent to and received from each peer, but for
// pulses. libp2p calls it at every read and write of a stream.
type traffic struct {
	mu    sync.Mutex
	peers map[peer.ID]*flow
}

// flow is what passes between this node and a peer.
type flow struct {
	sent, received time.Time
}

const maxFlows = 4096

func newTraffic() *traffic { return &traffic{peers: map[peer.ID]*flow{}} }

func (t *traffic) note(p peer.ID, id protocol.ID, sent bool) {
	if id == pulseProtocol {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.peers[p]
	if f == nil {
		if len(t.peers) >= maxFlows {
			clear(t.peers)
		}
		f = &flow{}
		t.peers[p] = f
	}
	if sent {
		f.sent = now
	} else {
		f.received = now
	}
}

func (t *traffic) of(p peer.ID) flow {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.peers[p]; f != nil {
		return *f
	}
	return flow{}
}

func (t *traffic) forget(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.peers, p)
}

// LogSentMessageStream implements metrics.Reporter.
func (t *traffic) LogSentMessageStream(_ int64, id protocol.ID, p peer.ID) { t.note(p, id, true) }

// LogRecvMessageStream implements metrics.Reporter.
func (t *traffic) LogRecvMessageStream(n int64, id protocol.ID, p peer.ID) {
	if n > 0 {
		t.note(p, id, false)
	}
}

// The rest of metrics.Reporter: nobody asks.

func (t *traffic) LogSentMessage(int64)                                  {}
func (t *traffic) LogRecvMessage(int64)                                  {}
func (t *traffic) GetBandwidthForPeer(peer.ID) metrics.Stats             { return metrics.Stats{} }
func (t *traffic) GetBandwidthForProtocol(protocol.ID) metrics.Stats     { return metrics.Stats{} }
func (t *traffic) GetBandwidthTotals() metrics.Stats                     { return metrics.Stats{} }
func (t *traffic) GetBandwidthByPeer() map[peer.ID]metrics.Stats         { return nil }
func (t *traffic) GetBandwidthByProtocol() map[protocol.ID]metrics.Stats { return nil }
func (t *traffic) Reset()                                                {}
func (t *traffic) TrimIdle(time.Time)                                    {}
