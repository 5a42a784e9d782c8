package pubsub

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// pauseForStream is how long no stream to a peer is opened after one has broken.
const pauseForStream = 500 * time.Millisecond

// lines is the host as gossipsub sees it. It mends what happens when one of two
// connections to a peer ends, such as the one through a relay that a straight one
// has replaced: the library then forgets which topics the peer follows, opens a new
// stream of its own at once, and waits for the peer to say its topics again, which
// the peer has no reason to do; or it hears them before it forgets. Here both
// streams are broken together, and both begin anew after a pause.
type lines struct {
	host.Host

	mu     sync.Mutex
	in     map[peer.ID]map[network.Stream]struct{}
	paused map[peer.ID]time.Time // until when; for connected peers only
}

func newLines(h host.Host) *lines {
	return &lines{Host: h, in: map[peer.ID]map[network.Stream]struct{}{}, paused: map[peer.ID]time.Time{}}
}

// SetStreamHandler implements host.Host.
func (l *lines) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	l.Host.SetStreamHandler(id, func(s network.Stream) {
		p := s.Conn().RemotePeer()
		l.mu.Lock()
		if l.in[p] == nil {
			l.in[p] = map[network.Stream]struct{}{}
		}
		l.in[p][s] = struct{}{}
		l.mu.Unlock()
		f(s) // returns when the stream has ended
		l.mu.Lock()
		if delete(l.in[p], s); len(l.in[p]) == 0 {
			delete(l.in, p)
		}
		l.mu.Unlock()
	})
}

// NewStream implements host.Host.
func (l *lines) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	l.mu.Lock()
	wait := time.Until(l.paused[p])
	delete(l.paused, p)
	l.mu.Unlock()
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s, err := l.Host.NewStream(ctx, p, ids...)
	if err != nil {
		return nil, err
	}
	return outgoing{s, l}, nil
}

// outgoing is a stream to a peer. Nothing comes in on it but its end.
type outgoing struct {
	network.Stream
	lines *lines
}

// Read implements io.Reader.
func (s outgoing) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	if err != nil {
		s.lines.broke(s.Conn().RemotePeer())
	}
	return n, err
}

// broke breaks what comes in from a peer to whom a stream has broken, unless the peer
// has gone altogether.
func (l *lines) broke(p peer.ID) {
	if l.Host.Network().Connectedness(p) != network.Connected {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused[p] = time.Now().Add(pauseForStream)
	for s := range l.in[p] {
		_ = s.Reset()
	}
}

// forget drops what is kept of a peer that has gone.
func (l *lines) forget(p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.paused, p)
}
