// Package stem passes a record on along a line of nodes before it is published, so
// that who sees it first does not see who wrote it (PROTOCOL.md §15; the idea is
// Dandelion++, Fanti et al. 2018).
//
// Each node hands what it writes, or is handed, to one of two nodes that it has
// dialled itself: somebody who dials everybody in order to watch is never among
// them. At each step the line ends with a probability of one in [Length], and
// the record is published there. Whoever is on the line publishes it too if it does
// not come back by gossip within the embargo.
//
// It knows lines, clocks and bytes. It refuses to know what a record is, who follows a
// topic and what publishing is: room node says all that through [Topic]. Its main
// type is [Router].
//
//	r := stem.Open(host, topics, log)
//	ok := r.Start(ctx, id, record)   // false: nobody to hand it to, publish it yourself
//	r.Came(id, hash)                 // gossip has brought it: it is out
//	r.Close()
package stem

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Protocol is the libp2p protocol id.
const Protocol = "/linnet/stem/1"

// Numbers of the protocol, and limits.
const (
	Length     = 10               // mean number of nodes on a line
	epoch      = 10 * time.Minute // for which a node hands on to the same two
	embargoMin = 5 * time.Second
	embargoMax = 10 * time.Second
	successors = 2

	patience   = 5 * time.Second // for one step
	maxStreams = 64              // that are read at once
	maxWaiting = 512             // records under embargo; those beyond are published at once
	burst      = 64.0            // records of one peer at once
	rate       = 8.0             // and a second from then on
	maxPeers   = 1024            // whose budgets are remembered
)

// TopicID names a topic.
type TopicID [32]byte

// Topics is what the line asks of its node.
type Topics interface {
	// Dialled returns the peers that follow a topic and were dialled by this node.
	Dialled(TopicID) []string
	// Check reports whether this node follows the topic, the record could be right, and
	// is not here yet. It stores nothing.
	Check(topic TopicID, record []byte) bool
	// Publish takes a record in and sends it to everybody.
	Publish(ctx context.Context, topic TopicID, record []byte)
}

// Router is a node's part in all lines.
type Router struct {
	host   host.Host
	topics Topics
	log    *slog.Logger
	max    int // bytes of a record
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	room   chan struct{}

	mu      sync.Mutex
	closed  bool
	ways    map[TopicID]*ways
	waiting map[[32]byte]func() bool // stops the embargo of a record, by its hash
	spent   map[peer.ID]budget
}

// ways is to whom this node hands on for an epoch.
type ways struct {
	until time.Time
	to    []string
	salt  [16]byte
}

type budget struct {
	left float64
	at   time.Time
}

// Open begins to hand on records of at most max bytes. Close ends it.
func Open(h host.Host, topics Topics, max int, log *slog.Logger) *Router {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Router{
		host: h, topics: topics, log: log, max: max, ctx: ctx, cancel: cancel, room: make(chan struct{}, maxStreams),
		ways: map[TopicID]*ways{}, waiting: map[[32]byte]func() bool{}, spent: map[peer.ID]budget{},
	}
	h.SetStreamHandler(Protocol, r.handle)
	return r
}

// Close hands nothing on any more and waits for what is under way. It is idempotent.
func (r *Router) Close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		r.host.RemoveStreamHandler(Protocol)
	}
	for _, stop := range r.waiting {
		stop()
	}
	clear(r.waiting)
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
}

// Start sends an own record on its way. It is published after the embargo, whatever
// becomes of it. False means that there is nobody to hand it to: publish it.
func (r *Router) Start(ctx context.Context, topic TopicID, record []byte) bool {
	return r.pass(ctx, topic, record, "")
}

// pass hands a record to the next, under embargo.
func (r *Router) pass(ctx context.Context, topic TopicID, record []byte, from string) bool {
	r.embargo(topic, record) // first: it may be back before the next has answered
	if !r.step(ctx, topic, record, from) {
		r.Came(record)
		return false
	}
	return true
}

// Came notes that gossip has brought a record: nobody needs to publish it any more.
func (r *Router) Came(record []byte) {
	key := sha256.Sum256(record)
	r.mu.Lock()
	defer r.mu.Unlock()
	if stop := r.waiting[key]; stop != nil {
		stop()
		delete(r.waiting, key)
	}
}

// embargo has a record published if it is not seen in time.
func (r *Router) embargo(topic TopicID, record []byte) {
	key := sha256.Sum256(record)
	r.mu.Lock()
	if r.closed || r.waiting[key] != nil {
		r.mu.Unlock()
		return
	}
	if len(r.waiting) >= maxWaiting {
		r.wg.Go(func() { r.topics.Publish(r.ctx, topic, record) })
		r.mu.Unlock()
		return
	}
	wait := embargoMin + mathrand.N(embargoMax-embargoMin)
	timer := time.AfterFunc(wait, func() {
		r.mu.Lock()
		_, still := r.waiting[key]
		delete(r.waiting, key)
		if still && !r.closed {
			r.wg.Go(func() { r.topics.Publish(r.ctx, topic, record) })
		}
		r.mu.Unlock()
	})
	r.waiting[key] = timer.Stop
	r.mu.Unlock()
}

// step hands a record to the next on the line, and reports whether it took it.
func (r *Router) step(ctx context.Context, topic TopicID, record []byte, from string) bool {
	for _, to := range r.next(topic, from) {
		err := r.send(ctx, to, topic, record)
		if err == nil {
			return true
		}
		r.log.Debug("stem: a step", "peer", to, "err", err)
	}
	return false
}

// next returns to whom what comes from a peer is handed: always the same one, then
// the other should that fail. What this node writes comes from nobody.
func (r *Router) next(topic TopicID, from string) []string {
	dialled := r.topics.Dialled(topic)
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.ways[topic]
	if w == nil || time.Now().After(w.until) {
		w = &ways{until: time.Now().Add(epoch)}
		_, _ = rand.Read(w.salt[:]) // never fails
		r.ways[topic] = w
	}
	w.to = slices.DeleteFunc(w.to, func(p string) bool { return !slices.Contains(dialled, p) })
	for _, at := range mathrand.Perm(len(dialled)) {
		if len(w.to) < successors && !slices.Contains(w.to, dialled[at]) {
			w.to = append(w.to, dialled[at])
		}
	}
	to := slices.DeleteFunc(slices.Clone(w.to), func(p string) bool { return p == from })
	if len(to) > 1 {
		sum := sha256.Sum256(append(w.salt[:], from...))
		if sum[0]&1 == 1 {
			slices.Reverse(to)
		}
	}
	return to
}

// send writes topic, length (4, big-endian) and record, and waits for one byte: taken.
func (r *Router) send(ctx context.Context, to string, topic TopicID, record []byte) error {
	id, err := peer.Decode(to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	st, err := r.host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(ctx, "stem"), "stem"), id, Protocol)
	if err != nil {
		return err
	}
	b := binary.BigEndian.AppendUint32(append(make([]byte, 0, 36+len(record)), topic[:]...), uint32(len(record)))
	var answer [1]byte
	err = st.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = st.Write(append(b, record...))
	}
	if err == nil {
		_, err = io.ReadFull(st, answer[:])
	}
	if err == nil && answer[0] != taken {
		err = errors.New("it was refused")
	}
	if err != nil {
		_ = st.Reset()
		return err
	}
	_ = st.Close() // it may be closed from there already, and the answer is here
	return nil
}

const taken = 1

// handle runs in a goroutine of the host's; it ends with the stream.
func (r *Router) handle(st network.Stream) {
	from := st.Conn().RemotePeer()
	if !r.enter(from) {
		_ = st.Reset()
		return
	}
	defer r.wg.Done()
	topic, record, err := r.read(st)
	if err == nil && !r.topics.Check(topic, record) {
		err = errors.New("stem: not to be handed on")
	}
	if err == nil {
		_, err = st.Write([]byte{taken})
	}
	<-r.room
	if err != nil {
		r.log.Debug("stem: a record", "from", from, "err", err)
		_ = st.Reset()
		return
	}
	_ = st.Close()
	if mathrand.IntN(Length) > 0 && r.pass(r.ctx, topic, record, from.String()) {
		return
	}
	r.topics.Publish(r.ctx, topic, record)
}

func (r *Router) read(st network.Stream) (topic TopicID, record []byte, err error) {
	var head [36]byte
	if err = st.SetDeadline(time.Now().Add(patience)); err == nil {
		_, err = io.ReadFull(st, head[:])
	}
	if err != nil {
		return topic, nil, err
	}
	n := binary.BigEndian.Uint32(head[32:])
	if n == 0 || n > uint32(r.max) {
		return topic, nil, fmt.Errorf("stem: a record of %d bytes, at most %d", n, r.max)
	}
	record = make([]byte, n)
	_, err = io.ReadFull(st, record)
	return TopicID(head[:32]), record, err
}

// enter lets a stream in, unless there are too many, or its peer sends too much.
func (r *Router) enter(p peer.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.spend(p, time.Now()) {
		return false
	}
	select {
	case r.room <- struct{}{}:
		r.wg.Add(1)
		return true
	default:
		return false
	}
}

// spend takes a record from what a peer may still send. The caller holds mu.
func (r *Router) spend(p peer.ID, now time.Time) bool {
	b, ok := r.spent[p]
	if !ok {
		for other, b := range r.spent {
			if len(r.spent) >= maxPeers && now.Sub(b.at).Seconds()*rate >= burst {
				delete(r.spent, other)
			}
		}
		if len(r.spent) >= maxPeers {
			return false
		}
		b = budget{burst, now}
	}
	b.left, b.at = min(b.left+now.Sub(b.at).Seconds()*rate, burst)-1, now
	if b.left < 0 {
		return false
	}
	r.spent[p] = b
	return true
}
