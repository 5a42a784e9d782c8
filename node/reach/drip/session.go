package drip

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

const (
	heldMost   = 8               // asks of one session that wait at once; the oldest goes first
	resendSoon = 5 * time.Second // after which what a client has not confirmed is sent again
)

// session is the other half of an accepted Conn: it takes asks and answers them.
// What stands below asked is guarded by the Conn's mu.
type session struct {
	*Conn
	server *Server
	id     sessionID
	asked  atomic.Int64 // when the client last asked, in nanoseconds

	expiry *time.Timer
	held   []*held   // asks that wait, the oldest first
	told   uint64    // up to where the client knows that there is room
	sentAt time.Time // when data was last sent
}

// held is an ask that waits for something to answer with.
type held struct{ release bool }

// addr is an address as net/http gives it.
type addr string

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return string(a) }

func newSession(s *Server, id sessionID, pass [16]byte, r *http.Request) *session {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	var remote net.Addr = addr(r.RemoteAddr)
	if tcp, err := net.ResolveTCPAddr("tcp", r.RemoteAddr); err == nil {
		remote = tcp
	}
	ss := &session{Conn: newConn(local, remote, s.limits.Buffer), server: s, id: id}
	ss.Pass = pass
	ss.shut = ss.linger
	ss.asked.Store(time.Now().UnixNano())
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.expiry = time.AfterFunc(s.limits.Expiry, func() { ss.leave(ErrLost) })
	return ss
}

// fail ends the session.
func (ss *session) fail(err error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.expiry.Stop()
	ss.end(err)
}

// leave ends the session and takes it out of the books.
func (ss *session) leave(err error) {
	ss.fail(err)
	ss.server.remove(ss)
}

// linger lets a closed session hand out what was written, for a while.
func (ss *session) linger() {
	ss.mu.Lock()
	over := ss.err != nil || ss.in.done()
	if !over {
		ss.expiry.Stop()
		ss.expiry = time.AfterFunc(ss.server.limits.Linger, func() { ss.leave(net.ErrClosed) })
	}
	ss.mu.Unlock()
	if over {
		ss.leave(net.ErrClosed)
	}
}

// serve takes an ask and returns the answer, and what of the stream it carries. It
// returns false if ctx ended before there was one.
func (ss *session) serve(ctx context.Context, a ask) (ans answer, marked span, ok bool) {
	ss.mu.Lock()
	kept, over := ss.take(a)
	if !over {
		ss.hold(ctx, a)
	}
	if ctx.Err() == nil {
		ans, marked = ss.answer(a, kept)
		ok = true
	}
	over = ss.err != nil || ss.in.done() || ss.out.done()
	ss.mu.Unlock()
	if over {
		ss.leave(io.ErrClosedPipe)
	}
	return ans, marked, ok
}

// take takes what an ask says. It reports whether the ask's data is held, and
// whether there is nothing to wait for. The caller holds mu.
func (ss *session) take(a ask) (kept, over bool) {
	now := time.Now()
	ss.asked.Store(now.UnixNano())
	if ss.err != nil {
		return false, true
	}
	if !ss.closed {
		ss.expiry.Reset(ss.server.limits.Expiry)
	}
	fresh, ok := ss.out.confirm(a.Ack, a.Window)
	if !ok {
		ss.expiry.Stop()
		ss.end(errPacket)
		return false, true
	}
	if a.has(flagAgain) || now.Sub(ss.sentAt) > resendSoon {
		ss.out.rewind()
	}
	news := false
	if len(a.Data) > 0 || a.has(flagEnd) {
		kept, news = ss.in.put(a.Offset, a.Data, a.has(flagEnd))
	}
	if fresh || news {
		ss.changed()
	}
	return kept, ss.in.done() || ss.out.done()
}

// hold waits until there is something to answer with, or no time left. What there
// is goes to the ask that came last: the line of an older one may be dead. The
// caller holds mu, which is released meanwhile.
func (ss *session) hold(ctx context.Context, a ask) {
	h := &held{}
	ss.held = append(ss.held, h)
	if len(ss.held) > heldMost {
		ss.held[0].release = true
		ss.held = slices.Delete(ss.held, 0, 1)
		ss.changed()
	}
	defer func() {
		ss.held = slices.DeleteFunc(ss.held, func(o *held) bool { return o == h })
		ss.changed() // the next one may go
	}()
	until := time.Now().Add(min(a.Wait, ss.server.limits.Hold))
	for {
		left := time.Until(until)
		if ss.err != nil || ss.in.done() || ss.out.done() || h.release || left <= 0 || ctx.Err() != nil {
			return
		}
		if h == ss.held[len(ss.held)-1] {
			if ss.roomy() {
				return
			}
			s, end, later := ss.pending(a.Want)
			if later == 0 && (s.from < s.to || end) {
				return
			}
			if later > 0 {
				left = min(left, later)
			}
		}
		ss.pause(ctx, left)
	}
}

// pause waits until something changes, for at most d. The caller holds mu, which
// is released meanwhile.
func (ss *session) pause(ctx context.Context, d time.Duration) {
	wake := ss.wake
	ss.mu.Unlock()
	defer ss.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// room is up to where there is room for what the client sends.
func (ss *session) room() uint64 { return ss.in.next + uint64(ss.in.window()) }

// roomy reports whether the client should be told that there is room again. The
// caller holds mu.
func (ss *session) roomy() bool { return ss.room()-ss.told >= uint64(ss.in.size/2) }

// answer makes the answer to an ask. The caller holds mu.
func (ss *session) answer(a ask, kept bool) (ans answer, marked span) {
	ans = answer{Session: ss.id, Ack: ss.in.ack(), Window: ss.in.window()}
	if ss.err != nil {
		ans.Flags = flagGone
		return ans, span{}
	}
	ss.told = ss.room()
	if kept {
		ans.Flags |= flagKept
	}
	s, end := ss.out.next(min(a.Want, maxData))
	ans.Offset = s.from
	if ss.in.done() {
		return ans, span{} // the client has closed: it wants no more than this ack
	}
	if end {
		ans.Flags |= flagEnd
	}
	if s.from < s.to || end {
		ans.Data, marked = ss.pick(s, end)
		ss.sentAt = time.Now()
	}
	if rest, more := ss.out.next(1); rest.from < rest.to || more {
		ans.Flags |= flagMore
	}
	return ans, marked
}

// unsent notes that an answer did not leave this computer.
func (ss *session) unsent(marked span) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.out.unmark(marked)
	ss.changed()
}
