package drip

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// gather is how long a side waits, after something was written, for more to send
// along: each exchange costs some 2 KB of headers.
const gather = 10 * time.Millisecond

// Conn is one side of a session: a byte stream in both directions. Its methods
// are those of net.Conn, and can be called by several goroutines at once.
//
// The end of the stream is for both directions: who has read io.EOF can write no
// more. What was written is buffered, and Write blocks while the buffer is full.
type Conn struct {
	Pass [16]byte // at the server: the pass that opened it

	local, remote net.Addr
	shut          func() // what Close does at this side, called once and without mu

	mu      sync.Mutex
	wake    chan struct{} // closed, and replaced, whenever something changes below
	stir    func()        // called with mu held whenever something changes; may be nil
	in      inbox
	out     outbox
	fresh   time.Time // when the oldest byte that was not sent yet was written; zero: none
	err     error     // why the session is over; nil while it is not
	closed  bool
	reading deadline
	writing deadline
}

// deadline is the time at which calls give up, and what wakes them then.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func newConn(local, remote net.Addr, buffer int) *Conn {
	return &Conn{local: known(local), remote: known(remote), wake: make(chan struct{}), in: inbox{size: buffer}, out: outbox{size: buffer}}
}

// nowhere is the address of a side that has none.
type nowhere struct{}

func (nowhere) Network() string { return "drip" }
func (nowhere) String() string  { return "drip" }

func known(a net.Addr) net.Addr {
	if a == nil {
		return nowhere{}
	}
	return a
}

// LocalAddr returns the address that this side had when the session began.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address that the other side had when the session began.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// Read blocks until there is something to read. What came before the session was
// lost can still be read.
func (c *Conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case c.reading.passed():
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case c.in.ready() > 0:
			before := c.in.window()
			n := c.in.take(b)
			if half := uint32(c.in.size / 2); before < half && c.in.window() >= half {
				c.changed() // the other side may be waiting for room
			}
			return n, nil
		case c.in.done():
			return 0, io.EOF
		case c.err != nil:
			return 0, c.err
		}
		c.wait()
	}
}

// Write blocks until all of b is in the buffer of what is to be sent. That is no
// promise that it arrives.
func (c *Conn) Write(b []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return n, net.ErrClosed
		case c.writing.passed():
			return n, os.ErrDeadlineExceeded
		case c.in.done():
			return n, io.ErrClosedPipe
		case c.err != nil:
			return n, c.err
		}
		if m := c.out.put(b[n:]); m > 0 {
			n += m
			if c.fresh.IsZero() {
				c.fresh = time.Now()
			}
			c.changed()
		}
		if n == len(b) {
			return n, nil
		}
		c.wait()
	}
}

// Close ends the session in both directions. What was written before is still
// delivered, for some seconds: at the client Close blocks as long, at the server
// it returns at once. It can be called again.
func (c *Conn) Close() error {
	c.mu.Lock()
	first := !c.closed
	if first {
		c.closed = true
		c.in.discard()
		c.out.finish()
		c.changed()
	}
	c.mu.Unlock()
	if first {
		c.shut()
	}
	return nil
}

// SetDeadline sets when reads and writes give up; zero: never.
func (c *Conn) SetDeadline(t time.Time) error {
	c.set(t, &c.reading, &c.writing)
	return nil
}

// SetReadDeadline sets when reads give up.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.set(t, &c.reading)
	return nil
}

// SetWriteDeadline sets when writes give up that wait for room.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.set(t, &c.writing)
	return nil
}

func (c *Conn) set(t time.Time, ds ...*deadline) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range ds {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		if d.at = t; !t.IsZero() && !d.passed() {
			d.timer = time.AfterFunc(time.Until(t), c.alarm)
		}
	}
	c.changed()
}

// alarm wakes all who wait, so that they look at the time.
func (c *Conn) alarm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed()
}

// changed wakes all who wait. The caller holds mu.
func (c *Conn) changed() {
	close(c.wake)
	c.wake = make(chan struct{})
	if c.stir != nil {
		c.stir()
	}
}

// wait blocks until something changes. The caller holds mu, which is released
// meanwhile.
func (c *Conn) wait() {
	wake := c.wake
	c.mu.Unlock()
	<-wake
	c.mu.Lock()
}

// end makes err the reason why the session is over, unless there is one. The
// caller holds mu.
func (c *Conn) end(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	for _, d := range []*deadline{&c.reading, &c.writing} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	c.changed()
}

// pending returns what to send next, at most most bytes of it, and whether the end
// follows. If that is less, it may be worth waiting for more: for as long as later
// says. The caller holds mu.
func (c *Conn) pending(most int) (s span, end bool, later time.Duration) {
	s, end = c.out.next(most)
	if n := int(s.to - s.from); n > 0 && n < most && !end && !c.fresh.IsZero() {
		later = max(0, gather-time.Since(c.fresh))
	}
	return s, end, later
}

// pick takes what pending returned, marks it as on its way and returns its bytes,
// and the marked range. The caller holds mu.
func (c *Conn) pick(s span, end bool) (data []byte, marked span) {
	data = c.out.data(s)
	if marked = s; end {
		marked.to++
	}
	if marked.from < marked.to {
		c.out.mark(marked)
	}
	if rest, _ := c.out.next(1); rest.from == rest.to {
		c.fresh = time.Time{}
	}
	return data, marked
}
