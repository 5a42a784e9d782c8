package drip

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
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
