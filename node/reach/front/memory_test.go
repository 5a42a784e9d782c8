package front

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memory is a network in this process, for virtual time: its connections have
// buffers, as the system's have, and ends that can be closed one by one.
type memory struct {
	calls chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemory() *memory { return &memory{calls: make(chan net.Conn), done: make(chan struct{})} }

var memoryAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.calls:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return memoryAddr }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	there, back := newWire(), newWire()
	select {
	case m.calls <- &memoryConn{in: there, out: back}:
		return &memoryConn{in: back, out: there}, nil
	case <-m.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// wire carries bytes one way.
type wire struct {
	mu       sync.Mutex
	cond     sync.Cond
	buf      []byte
	end      error
	deadline time.Time
	timer    *time.Timer
}

func newWire() *wire {
	w := &wire{}
	w.cond.L = &w.mu
	return w
}

func (w *wire) read(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case !w.deadline.IsZero() && !time.Now().Before(w.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(w.buf) > 0:
			n := copy(b, w.buf)
			w.buf = w.buf[n:]
			return n, nil
		case w.end != nil:
			return 0, w.end
		}
		w.cond.Wait()
	}
}

func (w *wire) write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return 0, io.ErrClosedPipe
	}
	w.buf = append(w.buf, b...)
	w.cond.Broadcast()
	return len(b), nil
}

func (w *wire) stop(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == nil {
		w.end = err
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cond.Broadcast()
}

func (w *wire) until(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
	w.deadline = t
	if !t.IsZero() {
		w.timer = time.AfterFunc(time.Until(t), func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.cond.Broadcast()
		})
	}
	w.cond.Broadcast()
}

type memoryConn struct{ in, out *wire }

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *memoryConn) CloseWrite() error           { c.out.stop(io.EOF); return nil }
func (c *memoryConn) Close() error {
	c.out.stop(io.EOF)
	c.in.stop(net.ErrClosed)
	return nil
}
func (c *memoryConn) LocalAddr() net.Addr                { return memoryAddr }
func (c *memoryConn) RemoteAddr() net.Addr               { return memoryAddr }
func (c *memoryConn) SetDeadline(t time.Time) error      { return c.SetReadDeadline(t) }
func (c *memoryConn) SetReadDeadline(t time.Time) error  { c.in.until(t); return nil }
func (c *memoryConn) SetWriteDeadline(t time.Time) error { return nil }
