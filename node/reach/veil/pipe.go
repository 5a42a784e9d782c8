package veil

import (
	"io"
	"os"
	"sync"
	"time"
)

// pipe is a bounded buffer between the two sides of a pump: a full one makes the
// writer wait, an empty one the reader, each up to a deadline of its own.
type pipe struct {
	mu   sync.Mutex
	cond sync.Cond
	buf  []byte // a ring
	from int    // where the oldest byte is
	size int    // bytes that wait
	err  error  // what writers get at once, and readers once the pipe is empty; nil while open

	readers, writers alarm
}

func newPipe(limit int) *pipe {
	p := &pipe{buf: make([]byte, limit)}
	p.cond.L = &p.mu
	return p
}

// read waits for at least one byte, the end, or the deadline of readers.
func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.readers.rung:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case p.size > 0:
			return p.takeLocked(b), nil
		case p.err != nil:
			return 0, p.err
		}
		p.cond.Wait()
	}
}

func (p *pipe) takeLocked(b []byte) int {
	total := 0
	for len(b) > 0 && p.size > 0 {
		n := copy(b, p.buf[p.from:min(p.from+p.size, len(p.buf))])
		b = b[n:]
		p.from = (p.from + n) % len(p.buf)
		p.size -= n
		total += n
	}
	p.cond.Broadcast()
	return total
}

// write returns once all of b is in the pipe, or with how much of it is.
func (p *pipe) write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for {
		switch {
		case p.err == io.EOF:
			return total, io.ErrClosedPipe
		case p.err != nil:
			return total, p.err
		case p.writers.rung:
			return total, os.ErrDeadlineExceeded
		case len(b) == 0:
			return total, nil
		case p.size < len(p.buf):
			n := p.putLocked(b)
			b = b[n:]
			total += n
			continue
		}
		p.cond.Wait()
	}
}

func (p *pipe) putLocked(b []byte) int {
	at := (p.from + p.size) % len(p.buf)
	n := copy(p.buf[at:min(len(p.buf), at+len(p.buf)-p.size)], b)
	p.size += n
	p.cond.Broadcast()
	return n
}

// end makes writers fail with err at once, and readers once the pipe is empty. The
// first call holds.
func (p *pipe) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.stopLocked()
}

// drop is end with what waits thrown away: nobody will read it.
func (p *pipe) drop(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.size = err, 0
	p.stopLocked()
}

func (p *pipe) stopLocked() {
	p.readers.stop()
	p.writers.stop()
	p.cond.Broadcast()
}

// set gives a, one of p's alarms, a new time; the zero time is never.
func (p *pipe) set(a *alarm, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.stop()
	a.rung = false
	if t.IsZero() || p.err != nil {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		a.rung = true
		p.cond.Broadcast()
		return
	}
	round := a.round
	a.timer = time.AfterFunc(left, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if a.round == round {
			a.rung = true
			p.cond.Broadcast()
		}
	})
}

// alarm is a deadline. The pipe's mutex guards it.
type alarm struct {
	timer *time.Timer
	round int // which setting the timer belongs to
	rung  bool
}

func (a *alarm) stop() {
	a.round++
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
}
