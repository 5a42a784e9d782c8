package reach

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// Pulse (PROTOCOL.md, Pulse): one stream on each connection, on which both sides ask
// whether the other is still there. A connection that answers nothing is closed: what
// TCP, QUIC and a censor's freeze would leave hanging for a minute ends within ten
// seconds.
const (
	pulseProtocol = protocol.ID("/linnet/pulse/1")

	frameSize = 17 // kind, number (8), time in ms (8)
	pulseAsk  = 1  // number: to be given back
	pulseTell = 2  // the answer
	pulseBeat = 3  // "I receive": unasked, while much comes in and nothing goes out

	silence    = 3 * time.Second // without a sign of life, while people talk, before one asks
	beatEvery  = 2 * time.Second
	muchCame   = 2 << 10          // bytes: more than beats themselves
	patience   = 4 * time.Second  // for an answer
	maxWait    = 15 * time.Second // for an answer, on a line whose answers take long
	talkLasts  = 2 * time.Minute  // after the last word
	quietAsk   = 15 * time.Second // the same as silence where nobody talks
	idleAfter  = 10 * time.Minute
	idleAsk    = 30 * time.Second
	saverTimes = 2               // with a data saver the two above are so many times as long
	hurry      = 3 * time.Second // for an answer, where the line is in doubt
	dripTakes  = 8 * time.Second // for an answer by drip, which mends itself, and may have to wait its turn for that
	tick       = 500 * time.Millisecond
	pulseQueue = 16
)

// pulses holds the pulse of each connection.
type pulses struct {
	host  *Host
	saver bool

	mu    sync.Mutex
	conns map[network.Conn]*pulse
}

// pulse is the state of one connection.
type pulse struct {
	conn   network.Conn
	opened time.Time
	out    chan [frameSize]byte // to be written
	end    context.CancelFunc

	mu      sync.Mutex
	stream  network.Stream // nil: none yet
	heard   time.Time      // last frame from the other side, or the opening
	asked   time.Time      // zero: no question is open
	beat    time.Time      // last one sent
	counted int64          // bytes that had come in then; the watcher's
	number  uint64
	wait    time.Duration // for the open question
	longest time.Duration // of the last answers; decays
	doubted bool          // see doubt
	least   time.Duration // that an answer gets, whatever the others took
}

// openPulses begins to watch every line of h.
func (h *Host) openPulses() error {
	h.pulses = &pulses{host: h, saver: h.settings.DataSaver, conns: map[network.Conn]*pulse{}}
	news, err := h.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return err
	}
	h.host.SetStreamHandler(pulseProtocol, h.pulses.answer)
	h.wg.Go(func() { h.pulses.hear(news) })
	return nil
}

// hear starts the pulse of lines whose other side turns out to know it, until Close.
func (s *pulses) hear(news event.Subscription) {
	defer news.Close()
	for {
		select {
		case <-s.host.ctx.Done():
			return
		case ev := <-news.Out():
			e, ok := ev.(event.EvtPeerIdentificationCompleted)
			if !ok || e.Conn == nil || e.Conn.Stat().Direction != network.DirOutbound {
				continue
			}
			for _, id := range e.Protocols {
				if id == pulseProtocol {
					s.begin(e.Conn, nil)
				}
			}
		}
	}
}

// came is called for each new connection. Older ones to the same peer are in doubt.
func (s *pulses) came(c network.Conn) {
	if c.Stat().Direction == network.DirOutbound && s.host.isKept(c.RemotePeer()) {
		s.begin(c, nil)
	}
	s.mu.Lock()
	var older []*pulse
	for other, p := range s.conns {
		if other != c && other.RemotePeer() == c.RemotePeer() {
			older = append(older, p)
		}
	}
	s.mu.Unlock()
	for _, p := range older {
		p.doubt()
	}
}

// gone forgets a connection.
func (s *pulses) gone(c network.Conn) {
	s.mu.Lock()
	p := s.conns[c]
	delete(s.conns, c)
	s.mu.Unlock()
	if p != nil {
		p.end()
	}
}

// doubtAll asks on every line at once: the network under them may be another.
func (s *pulses) doubtAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.conns {
		p.doubt()
	}
}

// answer is the stream handler.
func (s *pulses) answer(st network.Stream) {
	s.begin(st.Conn(), st)
}

// begin starts the pulse of a connection. st is the other side's stream; nil: this
// side opens one. A connection has one: a second stream is refused.
func (s *pulses) begin(c network.Conn, st network.Stream) {
	s.mu.Lock()
	old := s.conns[c]
	if old != nil || c.IsClosed() || s.host.ctx.Err() != nil {
		s.mu.Unlock()
		if st != nil {
			_ = st.Reset()
		}
		return
	}
	ctx, cancel := context.WithCancel(s.host.ctx)
	p := &pulse{conn: c, opened: time.Now(), heard: time.Now(), out: make(chan [frameSize]byte, pulseQueue), end: cancel, stream: st}
	if s.host.wayOfConn(c) == WayDrip {
		p.least = dripTakes
	}
	s.conns[c] = p
	s.mu.Unlock()
	s.host.wg.Go(func() { s.write(ctx, p) })
	s.host.wg.Go(func() { s.watch(ctx, p) })
	if st != nil {
		s.host.wg.Go(func() { s.read(p, st) })
	}
}

// write opens the stream where this side does, and writes frames until the line ends.
// It may hang in either: the watcher does not wait for it.
func (s *pulses) write(ctx context.Context, p *pulse) {
	p.mu.Lock()
	st := p.stream
	p.mu.Unlock()
	var w io.Writer = st
	if st == nil {
		var err error
		st, err = p.conn.NewStream(network.WithAllowLimitedConn(ctx, "pulse"))
		if err != nil {
			return // the line is ending, or the watcher ends it
		}
		if err := st.SetProtocol(pulseProtocol); err != nil {
			_ = st.Reset()
			return
		}
		p.mu.Lock()
		p.stream = st
		p.mu.Unlock()
		lazy := multistream.NewMSSelect(st, pulseProtocol)
		w = lazy
		s.host.wg.Go(func() { s.readFrom(p, st, lazy) })
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-p.out:
			if _, err := w.Write(f[:]); err != nil {
				return
			}
		}
	}
}

func (s *pulses) read(p *pulse, st network.Stream) { s.readFrom(p, st, st) }

// readFrom hears the other side until the stream ends.
func (s *pulses) readFrom(p *pulse, st network.Stream, r io.Reader) {
	var f [frameSize]byte
	for {
		if _, err := io.ReadFull(r, f[:]); err != nil {
			_ = st.Reset()
			p.mu.Lock()
			p.asked = time.Time{} // it does not know the pulse, or the line is ending anyway
			p.mu.Unlock()
			s.gone(p.conn)
			return
		}
		now := time.Now()
		kind, number, clock := splitFrame(f)
		switch kind {
		case pulseAsk:
			p.send(makeFrame(pulseTell, number, now))
		case pulseTell:
			s.answered(p, number, clock, now)
		}
		p.mu.Lock()
		p.heard = now
		p.mu.Unlock()
	}
}

// answered takes an answer to the open question.
func (s *pulses) answered(p *pulse, number uint64, clock, now time.Time) {
	p.mu.Lock()
	open := !p.asked.IsZero() && number == p.number
	took := now.Sub(p.asked)
	if open {
		p.asked = time.Time{}
		p.longest = max(took, p.longest*3/4)
	}
	p.mu.Unlock()
	if open {
		s.host.clocks.note(p.conn.RemotePeer(), now.Add(-took/2).Sub(clock))
	}
}

// send queues a frame. A full queue means that nothing is written any more: the
// watcher ends that.
func (p *pulse) send(f [frameSize]byte) {
	select {
	case p.out <- f:
	default:
	}
}

// ask opens a question. The caller holds p.mu.
func (p *pulse) askLocked(now time.Time, wait time.Duration) {
	p.number++
	p.asked, p.wait = now, wait
	p.send(makeFrame(pulseAsk, p.number, now))
}

// doubt asks at once, and gives the answer little time: there is another line, or
// the network is another. A dead line is no way's fault then.
func (p *pulse) doubt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubted = true
	if wait := max(hurry, p.least, 3*p.longest); p.asked.IsZero() || p.asked.Add(p.wait).After(time.Now().Add(wait)) {
		p.askLocked(time.Now(), wait)
	}
}

// watch looks after one line until it ends, and ends it when it is dead.
func (s *pulses) watch(ctx context.Context, p *pulse) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if s.look(p, time.Now()) {
			s.dead(p)
			return
		}
	}
}

// look asks where it is time to, and reports whether the line is dead.
func (s *pulses) look(p *pulse, now time.Time) bool {
	f := s.host.traffic.of(p.conn.RemotePeer())
	came, bytes := s.host.wires.heard(p.conn)
	much := bytes-p.counted >= muchCame
	if came.IsZero() {
		much = f.received.After(p.beat)
		if len(s.host.host.Network().ConnsToPeer(p.conn.RemotePeer())) == 1 {
			came = f.received // with two lines it may have come by the other
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	sign := p.heard
	if came.After(sign) {
		sign = came
	}
	if !p.asked.IsZero() {
		if sign.After(p.asked) {
			p.asked = time.Time{} // something came: the answer is behind it
			return false
		}
		return now.Sub(p.asked) >= p.wait
	}
	if much && now.Sub(f.sent) > beatEvery && now.Sub(p.beat) > beatEvery {
		p.counted = bytes
		p.beat = now
		p.send(makeFrame(pulseBeat, 0, now))
	}
	if now.Sub(sign) >= s.silence(f, p.opened, now) {
		p.doubted = false
		p.askLocked(now, min(max(patience, p.least, 3*p.longest), maxWait))
	}
	return false
}

// silence is how long nothing may be heard before one asks.
func (s *pulses) silence(f flow, opened, now time.Time) time.Duration {
	last := opened
	for _, t := range []time.Time{f.sent, f.received} {
		if t.After(last) {
			last = t
		}
	}
	times := time.Duration(1)
	if s.saver {
		times = saverTimes
	}
	switch quiet := now.Sub(last); {
	case quiet < talkLasts/times:
		return silence
	case quiet < idleAfter/times:
		return times * quietAsk
	}
	return times * idleAsk
}

// dead closes a line that answers nothing, and has the peer dialled by another way.
func (s *pulses) dead(p *pulse) {
	c, h := p.conn, s.host
	p.mu.Lock()
	replaced := p.doubted
	p.mu.Unlock()
	way := h.wayOfConn(c)
	h.log.Debug("reach: a line went dead", "peer", c.RemotePeer(), "way", way, "after", time.Since(p.opened))
	if !replaced && c.Stat().Direction == network.DirOutbound {
		h.ladder.stall(c.RemotePeer(), c.RemoteMultiaddr(), way)
	}
	s.gone(c)
	h.wg.Go(func() { _ = c.Close() })
	h.again(c.RemotePeer())
}

func makeFrame(kind byte, number uint64, now time.Time) (f [frameSize]byte) {
	f[0] = kind
	binary.BigEndian.PutUint64(f[1:], number)
	binary.BigEndian.PutUint64(f[9:], uint64(now.UnixMilli()))
	return f
}

func splitFrame(f [frameSize]byte) (kind byte, number uint64, clock time.Time) {
	ms := binary.BigEndian.Uint64(f[9:])
	if ms > 1<<50 { // a time that no clock shows
		ms = 0
	}
	return f[0], binary.BigEndian.Uint64(f[1:]), time.UnixMilli(int64(ms))
}
