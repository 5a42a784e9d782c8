// Package hint tells a person who is connected right now what goes on: that
// something was read, that somebody is typing, that somebody is here (PROTOCOL.md §14).
//
// It writes, reads and bounds these words. It refuses to know who may hear them,
// who people are, and whether anybody wants to be seen: room node says all that. A
// hint is kept by nobody on its way, and one that does not arrive is not sent again.
// Its main type is [Line].
//
//	l := hint.Open(h, func(peer string, x hint.Hint) { … })
//	err := l.Send(ctx, peer, hint.Hint{Kind: hint.Typing, Topic: id})
//	l.Close()
package hint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Protocol is the libp2p protocol id.
const Protocol = "/linnet/hint/1"

// ErrForm means that a hint is malformed, or of a later version.
var ErrForm = errors.New("hint: malformed")

// Kind says what a hint says.
type Kind byte

// Kinds of hints. The numbers are on the wire.
const (
	Read   Kind = 1 // all up to Record was read
	Typing Kind = 2 // for the next seconds
	Here   Kind = 3 // the page is in use
)

// Hint is one word to one peer.
type Hint struct {
	Kind   Kind
	Topic  [32]byte
	Record [32]byte // of Read, else zero
}

// Size is the length of every hint in bytes.
const Size = 2 + 32 + 32

const version = 1

// Encode writes the hint.
func (h Hint) Encode() []byte {
	b := append(make([]byte, 0, Size), version, byte(h.Kind))
	return append(append(b, h.Topic[:]...), h.Record[:]...)
}

// Decode reads a hint. The error matches ErrForm.
func Decode(b []byte) (Hint, error) {
	if len(b) != Size || b[0] != version {
		return Hint{}, ErrForm
	}
	h := Hint{Kind(b[1]), [32]byte(b[2:34]), [32]byte(b[34:])}
	if h.Kind < Read || h.Kind > Here || h.Kind != Read && h.Record != [32]byte{} {
		return Hint{}, fmt.Errorf("%w: kind %d", ErrForm, h.Kind)
	}
	return h, nil
}

const (
	patience = 5 * time.Second // for a stream to be through
	atOnce   = 32              // streams that are read
	burst    = 20.0            // hints of one peer at once
	rate     = 1.0             // and a second from then on
	maxPeers = 1024            // that are remembered
)

// Line carries hints over a host.
type Line struct {
	host host.Host
	take func(peer string, h Hint)
	room chan struct{}
	wg   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	spent  map[peer.ID]budget
}

type budget struct {
	left float64
	at   time.Time
}

// Open begins to listen. take is called for each hint that comes, from several
// goroutines, with the peer id of who sent it; it must be quick.
func Open(h host.Host, take func(peer string, h Hint)) *Line {
	l := &Line{host: h, take: take, room: make(chan struct{}, atOnce), spent: map[peer.ID]budget{}}
	h.SetStreamHandler(Protocol, l.handle)
	return l
}

// Close stops listening, and waits until no call of take is under way. It is idempotent.
func (l *Line) Close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		l.host.RemoveStreamHandler(Protocol)
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// Send tells a peer that is connected something. It dials nobody and blocks for a
// few seconds at most.
func (l *Line) Send(ctx context.Context, to string, h Hint) error {
	id, err := peer.Decode(to)
	if err != nil {
		return fmt.Errorf("hint: peer %q: %w", to, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	st, err := l.host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(ctx, "hint"), "hint"), id, Protocol)
	if err != nil {
		return fmt.Errorf("hint: %w", err)
	}
	if err := errors.Join(st.SetDeadline(time.Now().Add(patience)), write(st, h)); err != nil {
		_ = st.Reset()
		return fmt.Errorf("hint: %w", err)
	}
	_ = st.Close() // it may be closed from there already
	return nil
}

func write(w io.Writer, h Hint) error {
	_, err := w.Write(h.Encode())
	return err
}

// handle runs in a goroutine of the host's; it ends with the stream.
func (l *Line) handle(st network.Stream) {
	if !l.enter(st.Conn().RemotePeer(), time.Now()) {
		_ = st.Reset()
		return
	}
	defer l.wg.Done()
	defer func() { <-l.room }()
	b := make([]byte, Size)
	err := st.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = io.ReadFull(st, b)
	}
	var h Hint
	if err == nil {
		h, err = Decode(b)
	}
	if err != nil {
		_ = st.Reset()
		return
	}
	_ = st.Close()
	l.take(st.Conn().RemotePeer().String(), h)
}

// enter lets a stream in, unless there are too many, or its peer says too much.
func (l *Line) enter(p peer.ID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.spend(p, now) {
		return false
	}
	select {
	case l.room <- struct{}{}:
		l.wg.Add(1)
		return true
	default:
		return false
	}
}

// spend takes a hint from what a peer may still say. The caller holds mu.
func (l *Line) spend(p peer.ID, now time.Time) bool {
	b, ok := l.spent[p]
	if !ok {
		for other, b := range l.spent {
			if len(l.spent) >= maxPeers && now.Sub(b.at).Seconds()*rate >= burst {
				delete(l.spent, other)
			}
		}
		if len(l.spent) >= maxPeers {
			return false
		}
		b = budget{burst, now}
	}
	b.left, b.at = min(b.left+now.Sub(b.at).Seconds()*rate, burst)-1, now
	if b.left < 0 {
		return false
	}
	l.spent[p] = b
	return true
}
