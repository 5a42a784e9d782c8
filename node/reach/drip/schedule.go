package drip

import (
	"context"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"os"
	"time"
)

const (
	exchange      = 6000                  // data bytes that one exchange carries at most, each way
	reply         = 80 * time.Millisecond // how long an ask with data waits, so that the reply to it can come along
	patienceLeast = 4 * time.Second       // for an answer that could come at once
	patienceMost  = 15 * time.Second
	quick         = time.Second            // answers that come sooner allow for more lines
	stale         = 30 * time.Second       // since a line was used
	hasty         = 500 * time.Millisecond // until a server that holds no polls, or takes no data, is asked again
	lonely        = 400 * time.Millisecond // for which a poll is held while there is no other line
	look          = 100 * time.Millisecond // until an idle line looks again whether another one polls
)

// flight is an ask on its way.
type flight struct {
	ask
	number   uint64
	sent     span // of the stream; empty: none
	poll     bool // it waits for what the server has to say
	bye      bool // nothing follows it
	patience time.Duration
}

// next returns what line l shall ask. It blocks until there is something to ask,
// and returns nil when the line is of no more use.
func (c *client) next(ctx context.Context, l *line) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer delete(c.idle, l)
	for c.err == nil && !l.spent() {
		c.idle[l] = true
		f, later := c.choose(l)
		if f != nil {
			return c.launch(f)
		}
		c.rest(ctx, later)
	}
	return nil
}

// choose says what l should ask now. If that is nothing, it may be something
// after later. The caller holds mu.
func (c *client) choose(l *line) (f *flight, later time.Duration) {
	switch {
	case !c.established:
		if len(c.asks) > 0 {
			return nil, 0
		}
		return c.newFlight(l, flagOpen, 0), 0
	case c.in.done() && !c.closed:
		if c.bye {
			return nil, 0
		}
		c.bye = true
		f := c.newFlight(l, 0, 0)
		f.bye = true
		return f, 0
	}
	s, end, later := c.pending(l.most())
	if wait := time.Until(c.pushAt); wait > 0 && (s.from < s.to || end) {
		later = wait
	}
	if later == 0 && (s.from < s.to || end) {
		return c.push(l, s, end), 0
	}
	if 0 < later && later <= gather && len(c.idle) == 1 {
		return nil, later // what was written would find no line
	}
	switch {
	case c.closed && len(c.asks) > 0: // their answers say more
	case c.poll == nil:
		if wait := c.untilPoll(l); wait > 0 {
			return nil, sooner(later, wait)
		}
		c.poll = c.newFlight(l, 0, c.hold())
		c.poll.poll = true
		return c.poll, 0
	case c.more || c.room()-c.told >= uint64(c.in.size/2):
		c.more = false // until an answer says so again
		return c.newFlight(l, 0, 0), 0
	}
	return nil, later
}

func sooner(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// untilPoll is how long l has to wait before it polls. The caller holds mu.
func (c *client) untilPoll(l *line) time.Duration {
	if wait := time.Until(c.pollAt); wait > 0 {
		return wait
	}
	if c.open == 1 {
		return 2*gather - time.Since(l.used) // what is written next would have to wait for the poll
	}
	if !c.turn(l) {
		return look
	}
	return 0
}

// room is up to where there is room for what the server sends.
func (c *client) room() uint64 { return c.in.next + uint64(c.in.window()) }

// push makes an ask that carries data, or the end. The caller holds mu.
func (c *client) push(l *line, s span, end bool) *flight {
	var flags byte
	if end {
		flags = flagEnd
	}
	f := c.newFlight(l, flags, reply)
	f.Offset = s.from
	f.Data, f.sent = c.pick(s, end)
	if rest, _ := c.out.next(1); rest.from < rest.to || end {
		f.Wait = 0
	}
	c.active = time.Now()
	return f
}

func (c *client) newFlight(l *line, flags byte, wait time.Duration) *flight {
	f := &flight{patience: c.patience}
	f.ask = ask{Flags: flags, Session: c.id, Want: l.want(), Wait: wait, Offset: c.out.acked}
	return f
}

// launch fills in what an ask says of the other direction. The caller holds mu.
func (c *client) launch(f *flight) *flight {
	c.number++
	f.number = c.number
	f.Ack, f.Window = c.in.ack(), c.in.window()
	c.told = c.room()
	if len(c.asks) == 0 || c.lost {
		f.Flags |= flagAgain
		if gap := c.in.gap(); gap > 0 {
			f.Want = min(f.Want, gap)
		}
		c.lost = false
	}
	c.asks[f] = true
	return f
}

// turn reports whether it is l that should wait for the server: the idle line that
// has carried most, so that they are not all spent at once, but for one that was
// not used for long and might be forgotten on the way. The caller holds mu.
func (c *client) turn(l *line) bool {
	for o := range c.idle {
		if o == l {
			continue
		}
		old, mine := time.Since(o.used) > stale, time.Since(l.used) > stale
		if old && !mine || old == mine && o.received() > l.received() {
			return false
		}
	}
	return true
}

// hold is how long the server may keep the next poll: longer, the longer nothing
// has moved. The caller holds mu.
func (c *client) hold() time.Duration {
	quiet := time.Since(c.active)
	if c.open == 1 {
		return lonely
	}
	d := min(max(quiet/5, 3*time.Second), 15*time.Second)
	if c.cfg.Saver {
		d = min(max(quiet/2, 5*time.Second), 30*time.Second)
	}
	return (d*3/4 + mathrand.N(d/4)).Truncate(time.Millisecond)
}

// settle takes what became of an ask. It reports whether the line can go on.
func (c *client) settle(l *line, f *flight, ans answer, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.changed()
	delete(c.asks, f)
	if c.poll == f {
		c.poll = nil
	}
	if c.err != nil {
		return false
	}
	if err != nil {
		c.missed(l, f, err)
		return false
	}
	c.heard(l, f)
	switch {
	case ans.has(flagFull):
		c.fail(ErrFull)
	case ans.has(flagGone) && c.in.done():
		c.fail(io.ErrClosedPipe)
	case ans.has(flagGone):
		c.fail(ErrGone)
	case !c.take(l, f, ans):
		c.fail(errPacket)
	case f.bye:
		c.fail(io.ErrClosedPipe)
	}
	return c.err == nil
}

// missed notes that an ask got no answer. The caller holds mu.
func (c *client) missed(l *line, f *flight, err error) {
	c.lost = true
	if f.sent.from < f.sent.to {
		c.out.unmark(f.sent)
	}
	switch {
	case f.bye:
		c.fail(io.ErrClosedPipe)
	case errors.Is(err, errSite):
		c.refuse(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.width = 2
		c.patience = min(c.patience*3/2, patienceMost)
	}
	if c.trouble = err; l.answers == 0 {
		c.failed(err)
	}
}

// heard notes that the server has answered. The caller holds mu.
func (c *client) heard(l *line, f *flight) {
	took := time.Since(l.asked) - f.Wait
	c.patience = min(max(patienceLeast, c.patience*7/8, 4*took), patienceMost)
	if took < quick {
		c.width = min(c.width+1, c.cfg.Parallel)
	}
	c.fails, c.refused, c.notBefore, c.trouble = 0, 0, time.Time{}, nil
	c.established, c.costs = true, l.costs
	c.expiry.Reset(c.cfg.Expiry)
}

// take takes what an answer says. It reports false if that cannot be true. The
// caller holds mu.
func (c *client) take(l *line, f *flight, ans answer) bool {
	news, ok := c.out.confirm(ans.Ack, ans.Window)
	if !ok {
		return false
	}
	if f.sent.from < f.sent.to && !ans.has(flagKept) {
		if c.out.unmark(f.sent); !news {
			c.pushAt = time.Now().Add(hasty)
		}
	}
	if len(ans.Data) > 0 || ans.has(flagEnd) {
		kept, _ := c.in.put(ans.Offset, ans.Data, ans.has(flagEnd))
		c.lost = c.lost || !kept
		c.active = time.Now()
	}
	c.more = ans.has(flagMore) && len(ans.Data) > 0
	if !news && len(ans.Data) == 0 && f.poll && time.Since(l.asked) < f.Wait/2 {
		c.pollAt = time.Now().Add(hasty) // it has not held the poll: do not ask it in a circle
	}
	c.mind()
	return true
}

// mind looks whether there is a gap in what came that nothing on its way can fill
// any more. The caller holds mu.
func (c *client) mind() {
	if c.in.gap() == 0 {
		c.gapAt = 0
		return
	}
	if c.gapAt == 0 || c.in.next > c.gapFrom {
		c.gapAt, c.gapFrom = c.number, c.in.next
	}
	for f := range c.asks {
		if f.number <= c.gapAt {
			return
		}
	}
	c.lost, c.gapAt = true, c.number
}
