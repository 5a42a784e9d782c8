package drip

import (
	"net"
	"net/http"
	"time"
)

// Limits bounds what clients can make a server hold. Zeros are the defaults. A
// server keeps at most 2 x Sessions x Buffer bytes for its sessions.
type Limits struct {
	Sessions int           // at once; 0: 256
	PerPass  int           // of them by one pass; 0: 8
	Buffer   int           // bytes kept for a session in each direction; 0: 128 KiB
	Expiry   time.Duration // how long a session lives without a request; 0: 3 minutes
	Hold     time.Duration // how long a request without an answer is held at most; 0: 30 seconds
}

// Server holds the sessions of clients. It has no goroutines of its own.
type Server struct{}

// NewServer returns a server without sessions.
func NewServer(l Limits) *Server { return &Server{} }

// Serve answers one request of a client that has shown that it knows pass. A
// session belongs to the pass that opened it. It blocks until there is something
// to answer, for at most Limits.Hold, or until the request's context ends. It
// writes status, headers and body; headers that are already set stay.
//
// The http.Server around it must allow answers that take longer than that: a
// WriteTimeout of Limits.Hold and some seconds, or none.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, pass [16]byte) {}

// Accept returns the next session that a client opened. It blocks, and fails with
// net.ErrClosed after Close.
func (s *Server) Accept() (*Conn, error) { return nil, net.ErrClosed }

// Drop ends all sessions of a pass at once.
func (s *Server) Drop(pass [16]byte) {}

// Close ends all sessions at once, and Accept. Requests that are being held are
// answered. It can be called again.
func (s *Server) Close() error { return nil }
