package drip

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

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
