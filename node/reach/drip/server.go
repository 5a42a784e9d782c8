package drip

import (
	"cmp"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	bodyFor = 10 * time.Second // a request's body must be here by then
	sendFor = 15 * time.Second // an answer must be on its way by then
	silent  = 35 * time.Second // a session that has not asked for so long makes room for another of its pass
)

// Limits bounds what clients can make a server hold. Zeros are the defaults. What
// a server keeps for its sessions is in the order of 2 x Sessions x Buffer bytes
// at most.
type Limits struct {
	Sessions int           // at once; 0: 256
	PerPass  int           // of them by one pass; 0: 8
	Buffer   int           // bytes kept for a session in each direction; 0: 128 KiB
	Expiry   time.Duration // how long a session lives without a request; 0: 3 minutes
	Hold     time.Duration // how long a request without an answer is held at most; 0: 30 seconds
	Linger   time.Duration // how long what was written before Close is still handed out; 0: 30 seconds
}

func (l Limits) withDefaults() Limits {
	l.Sessions = cmp.Or(l.Sessions, 256)
	l.PerPass = cmp.Or(l.PerPass, 8)
	l.Buffer = cmp.Or(l.Buffer, 128<<10)
	l.Expiry = cmp.Or(l.Expiry, 3*time.Minute)
	l.Hold = cmp.Or(l.Hold, 30*time.Second)
	l.Linger = cmp.Or(l.Linger, 30*time.Second)
	return l
}

// Server holds the sessions of clients. It has no goroutines of its own.
type Server struct {
	limits Limits

	mu       sync.Mutex
	wake     chan struct{} // closed, and replaced, when something can be accepted
	closed   bool
	sessions map[sessionID]*session
	perPass  map[[16]byte]int
	fresh    []*session  // not accepted yet
	over     []sessionID // that have ended, the oldest first: they do not begin again
	ended    map[sessionID]bool
}

// NewServer returns a server without sessions.
func NewServer(l Limits) *Server {
	return &Server{limits: l.withDefaults(), wake: make(chan struct{}),
		sessions: make(map[sessionID]*session), perPass: make(map[[16]byte]int), ended: make(map[sessionID]bool)}
}

// Serve answers one request of a client that has shown that it knows pass. A
// session belongs to the pass that opened it. It blocks until there is something
// to answer, for at most Limits.Hold, or until the request's context ends. It
// writes status, headers and body; headers that are already set stay.
//
// The http.Server around it must allow answers that take longer than that: a
// WriteTimeout of Limits.Hold and some seconds, or none.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, pass [16]byte) {
	a, err := receive(w, r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ans := answer{Session: a.Session}
	ss, refusal := s.find(a, pass, r)
	if ans.Flags = refusal; ss == nil {
		send(w, ans)
		return
	}
	ans, marked, ok := ss.serve(r.Context(), a)
	if !ok {
		return // nobody is there to answer
	}
	if err := send(w, ans); err != nil {
		ss.unsent(marked)
	}
}

// receive reads the body of a request.
func receive(w http.ResponseWriter, r *http.Request) (ask, error) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyFor)) // what cannot set it has no slow clients
	body, err := io.ReadAll(io.LimitReader(r.Body, askHead+maxData+1))
	if err != nil {
		return ask{}, err // the deadline stays: net/http would wait for the rest
	}
	_ = rc.SetReadDeadline(time.Time{})
	return decodeAsk(body)
}

func send(w http.ResponseWriter, ans answer) error {
	body := ans.encode()
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendFor))
	_, err := w.Write(body)
	return err
}

// find returns the session of an ask, a new one if it may open one, or the flag
// that says why there is none.
func (s *Server) find(a ask, pass [16]byte, r *http.Request) (*session, byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ss := s.sessions[a.Session]; ss != nil && ss.Pass == pass {
		return ss, 0
	} else if ss != nil || s.closed || s.ended[a.Session] || !a.has(flagOpen) {
		return nil, flagGone
	}
	if s.perPass[pass] >= s.limits.PerPass {
		s.makeRoom(pass)
	}
	if max(len(s.sessions), len(s.fresh)) >= s.limits.Sessions || s.perPass[pass] >= s.limits.PerPass {
		return nil, flagFull
	}
	ss := newSession(s, a.Session, pass, r)
	s.sessions[a.Session] = ss
	s.perPass[pass]++
	s.fresh = append(s.fresh, ss)
	close(s.wake)
	s.wake = make(chan struct{})
	return ss, 0
}

// makeRoom ends the session of a pass that has been silent for longest, if that is
// long: a client that started anew has left it behind. The caller holds mu.
func (s *Server) makeRoom(pass [16]byte) {
	var oldest *session
	for _, ss := range s.sessions {
		if ss.Pass == pass && (oldest == nil || ss.asked.Load() < oldest.asked.Load()) {
			oldest = ss
		}
	}
	if oldest != nil && time.Since(time.Unix(0, oldest.asked.Load())) > silent {
		s.forget(oldest)
		oldest.fail(ErrLost)
	}
}

// forget takes a session out of the books. The caller holds mu.
func (s *Server) forget(ss *session) {
	if s.sessions[ss.id] != ss {
		return
	}
	delete(s.sessions, ss.id)
	if s.perPass[ss.Pass]--; s.perPass[ss.Pass] == 0 {
		delete(s.perPass, ss.Pass)
	}
	s.over, s.ended[ss.id] = append(s.over, ss.id), true
	if len(s.over) > 4*s.limits.Sessions {
		delete(s.ended, s.over[0])
		s.over = s.over[1:]
	}
}

// remove takes a session out of the books.
func (s *Server) remove(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(ss)
}

// Accept returns the next session that a client opened. It blocks, and fails with
// net.ErrClosed after Close.
func (s *Server) Accept() (*Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.fresh) == 0 && !s.closed {
		wake := s.wake
		s.mu.Unlock()
		<-wake
		s.mu.Lock()
	}
	if s.closed {
		return nil, net.ErrClosed
	}
	ss := s.fresh[0]
	s.fresh = s.fresh[1:]
	return ss.Conn, nil
}

// Drop ends all sessions of a pass at once.
func (s *Server) Drop(pass [16]byte) {
	s.endAll(func(ss *session) bool { return ss.Pass == pass }, errDropped)
}

// Close ends all sessions at once, and Accept. Requests that are being held are
// answered. It can be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.wake)
		s.wake = make(chan struct{})
	}
	s.mu.Unlock()
	s.endAll(func(*session) bool { return true }, net.ErrClosed)
	return nil
}

func (s *Server) endAll(which func(*session) bool, err error) {
	s.mu.Lock()
	var gone []*session
	for _, ss := range s.sessions {
		if which(ss) {
			gone = append(gone, ss)
			s.forget(ss)
		}
	}
	s.mu.Unlock()
	for _, ss := range gone {
		ss.fail(err)
	}
}
