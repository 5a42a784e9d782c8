package drip

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"
)

// wire is one direction of a connection in memory: bytes arrive after a delay, or
// not at all.
type wire struct {
	mu     sync.Mutex
	wake   chan struct{}
	chunks []chunk
	free   *time.Time // when the last byte so far is through
	total  int        // bytes that were written
	ended  bool       // no more will be written
	err    error      // what both ends see from now on
	kind   kind
}

type chunk struct {
	at time.Time
	b  []byte
}

// kind says what a wire is like. Zero is perfect.
type kind struct {
	Delay  time.Duration
	Rate   int        // bytes a second; 0: any number
	Free   *time.Time // shared by connections that share the rate; nil: one of its own
	Freeze int        // bytes after which nothing arrives any more; 0: never
	Reset  int        // bytes after which the connection breaks; 0: never
}

func newWire(k kind) *wire {
	if k.Free == nil {
		k.Free = new(time.Time)
	}
	return &wire{wake: make(chan struct{}), kind: k, free: k.Free}
}

var rateMu sync.Mutex // guards what Free points to

func (w *wire) changed() {
	close(w.wake)
	w.wake = make(chan struct{})
}

func (w *wire) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.err == nil {
		w.err = err
	}
	w.ended = true
	w.changed()
}

// stop makes nothing arrive any more.
func (w *wire) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind.Freeze = max(1, w.total)
	w.chunks = nil
}

func (w *wire) write(b []byte) (reset bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b = append([]byte(nil), b...)
	before := w.total
	w.total += len(b)
	if f := w.kind.Freeze; f > 0 && w.total > f {
		b = b[:max(0, f-before)]
	}
	at := time.Now()
	if w.kind.Rate > 0 {
		rateMu.Lock()
		if w.free.After(at) {
			at = *w.free
		}
		at = at.Add(time.Duration(len(b)) * time.Second / time.Duration(w.kind.Rate))
		*w.free = at
		rateMu.Unlock()
	}
	if len(b) > 0 {
		w.chunks = append(w.chunks, chunk{at.Add(w.kind.Delay), b})
		w.changed()
	}
	return w.kind.Reset > 0 && w.total > w.kind.Reset
}

// end of a connection in memory.
type end struct {
	in, out *wire
	mu      sync.Mutex
	closed  bool
	dead    time.Time // reads give up then
	name    addr
	onRead  func(n int)
}

// connect returns both ends of a connection.
func connect(up, down kind) (client, server *end) {
	u, d := newWire(up), newWire(down)
	return &end{in: d, out: u, name: "198.51.100.1:443"}, &end{in: u, out: d, name: "203.0.113.7:5555"}
}

func (e *end) Read(b []byte) (int, error) {
	for {
		e.in.mu.Lock()
		wake, now := e.in.wake, time.Now()
		e.mu.Lock() // after wake was read, so that no change is missed
		closed, dead := e.closed, e.dead
		e.mu.Unlock()
		var wait time.Duration = -1
		switch {
		case closed:
			e.in.mu.Unlock()
			return 0, net.ErrClosed
		case !dead.IsZero() && !now.Before(dead):
			e.in.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case e.in.err != nil:
			err := e.in.err
			e.in.mu.Unlock()
			return 0, err
		case len(e.in.chunks) > 0 && !e.in.chunks[0].at.After(now):
			n := copy(b, e.in.chunks[0].b)
			if e.in.chunks[0].b = e.in.chunks[0].b[n:]; len(e.in.chunks[0].b) == 0 {
				e.in.chunks = e.in.chunks[1:]
			}
			e.in.mu.Unlock()
			if e.onRead != nil {
				e.onRead(n)
			}
			return n, nil
		case len(e.in.chunks) > 0:
			wait = e.in.chunks[0].at.Sub(now)
		case e.in.ended && e.in.kind.Freeze == 0:
			e.in.mu.Unlock()
			return 0, io.EOF
		}
		e.in.mu.Unlock()
		if d := dead.Sub(now); !dead.IsZero() && (wait < 0 || d < wait) {
			wait = d
		}
		if wait < 0 {
			<-wake
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
}

var errReset = errors.New("connection reset")

func (e *end) Write(b []byte) (int, error) {
	e.mu.Lock()
	closed := e.closed
	e.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	e.out.mu.Lock()
	err := e.out.err
	e.out.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if e.out.write(b) {
		e.out.end(errReset)
		e.in.end(errReset)
	}
	return len(b), nil
}

func (e *end) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.out.end(nil)
	e.in.mu.Lock()
	e.in.changed()
	e.in.mu.Unlock()
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.name }
func (e *end) RemoteAddr() net.Addr { return e.name }
func (e *end) SetDeadline(t time.Time) error {
	return e.SetReadDeadline(t)
}
func (e *end) SetReadDeadline(t time.Time) error {
	e.mu.Lock()
	e.dead = t
	e.mu.Unlock()
	e.in.mu.Lock()
	e.in.changed()
	e.in.mu.Unlock()
	return nil
}
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// place is a web site with a drip server behind it, and a network before it.
type place struct {
	*Server
	site  *http.Server
	conns chan net.Conn
	done  chan struct{}
	wg    sync.WaitGroup

	mu       sync.Mutex
	kinds    func() (up, down kind) // of the next connection
	opened   []*end                 // at the client's side
	served   []*end                 // at the site's
	requests int
	up, down int // bytes of all connections
	handler  func(http.ResponseWriter, *http.Request)
	cut      bool // there is no network
}

var testPass = [16]byte{'p', 'a', 's', 's'}

func newPlace(t testing.TB, l Limits) *place {
	p := &place{Server: NewServer(l), conns: make(chan net.Conn), done: make(chan struct{}), kinds: func() (up, down kind) { return }}
	p.handler = func(w http.ResponseWriter, r *http.Request) { p.Serve(w, r, testPass) }
	p.site = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.wg.Add(1)
		defer p.wg.Done()
		p.mu.Lock()
		p.requests++
		h := p.handler
		p.mu.Unlock()
		h(w, r)
	})}
	p.wg.Go(func() { p.site.Serve(p) })
	t.Cleanup(func() { p.shut() })
	return p
}

func (p *place) shut() {
	p.Server.Close()
	p.site.Close()
	p.mu.Lock()
	for _, e := range p.served { // the site forgets one that comes as it closes
		e.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// Accept, Close and Addr make a place a net.Listener of its site.
func (p *place) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *place) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *place) Addr() net.Addr { return addr("198.51.100.1:443") }

func (p *place) open(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	up, down := p.kinds()
	cut := p.cut
	p.mu.Unlock()
	if cut {
		return nil, errors.New("network is unreachable")
	}
	c, s := connect(up, down)
	p.mu.Lock()
	p.served = append(p.served, s)
	p.mu.Unlock()
	t := time.NewTimer(2 * up.Delay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case p.conns <- s:
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened = append(p.opened, c); p.cut {
		c.in.stop()
		c.out.stop()
	}
	return c, nil
}

// handle changes what the site does with requests.
func (p *place) handle(h func(http.ResponseWriter, *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handler = h
}

// left returns how many sessions the server keeps.
func (p *place) left() int {
	p.Server.mu.Lock()
	defer p.Server.mu.Unlock()
	return len(p.sessions)
}

// session returns one of them.
func (p *place) session(id sessionID) *session {
	p.Server.mu.Lock()
	defer p.Server.mu.Unlock()
	return p.sessions[id]
}

// only returns the id of the only session.
func (p *place) only() (id sessionID) {
	p.Server.mu.Lock()
	defer p.Server.mu.Unlock()
	for id = range p.sessions {
	}
	return id
}

// asked returns how many requests came.
func (p *place) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// dialled returns how many connections were made.
func (p *place) dialled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.opened)
}

// bytes returns what travelled over all connections so far.
func (p *place) bytes() (up, down int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.opened {
		c.in.mu.Lock()
		down += c.in.total
		c.in.mu.Unlock()
		c.out.mu.Lock()
		up += c.out.total
		c.out.mu.Unlock()
	}
	return up, down
}

// prepare makes a request look like those of a browser in size.
func prepare(r *http.Request) {
	r.Host = "example.org"
	r.URL.Path = "/assets/0123456789abcdef0123456789abcdef"
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36")
	r.Header.Set("Cookie", string(cookie))
}

var cookie = func() []byte {
	b := make([]byte, 1200)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}()

func (p *place) config() Config { return Config{Open: p.open, Prepare: prepare, Remote: p.Addr()} }

// pair dials and accepts.
func (p *place) pair(t testing.TB, cfg Config) (client net.Conn, server *Conn) {
	t.Helper()
	client, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	server, err = p.Server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}
