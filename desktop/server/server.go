package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

// Timeouts of the HTTP server. Event streams set their own deadlines.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
)

// Config says what to serve. Node or Gate is required.
type Config struct {
	Node    *node.Node // stays the caller's, and open
	Gate    *gate.Gate // instead of Node: one that can be locked. It stays the caller's
	Assets  fs.FS      // the page; nil serves none
	Version string
	Logger  *slog.Logger
	// ReachFixed names the settings of reach, as in api.ReachSettings, that were given at
	// the start: the page cannot change them.
	ReachFixed []string
}

// Server answers on one loopback listener.
type Server struct {
	cfg      Config
	gate     *gate.Gate
	node     *node.Node // of the present opening; requests that hold a use of it read it
	log      *slog.Logger
	sessions *sessions
	http     *http.Server
	openapi  *huma.OpenAPI
	keyring  keyring

	ctx      context.Context // ends as Close begins: event streams stop
	cancel   context.CancelFunc
	base     context.Context // of all requests; ends when Close has no more patience
	abandon  context.CancelFunc
	requests sync.WaitGroup
	closing  sync.Once
	closeErr error

	mu     sync.Mutex
	addr   string // of the listener, empty before Serve
	closed bool
	silent map[net.Conn]struct{} // connections that have not asked anything yet
}

// New makes a server; it listens when Serve is called.
func New(cfg Config) (*Server, error) {
	switch {
	case cfg.Gate == nil && cfg.Node == nil:
		return nil, errors.New("server: neither Config.Node nor Config.Gate")
	case cfg.Gate == nil:
		cfg.Gate = gate.Around(cfg.Node)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, gate: cfg.Gate, node: cfg.Node, log: cfg.Logger, sessions: newSessions(), silent: map[net.Conn]struct{}{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.base, s.abandon = context.WithCancel(context.Background())
	page, err := newStatic(cfg.Assets)
	if err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler:           s.guard(s.routes(), page),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return s.base },
		ConnState:         s.connState,
		// Else net/http itself says yes to "OPTIONS *", past the guard.
		DisableGeneralOptionsHandler: true,
	}
	return s, nil
}

// Serve answers until Close and then returns nil. ln must be on a loopback
// address; Serve closes it.
func (s *Server) Serve(ln net.Listener) error {
	at, ok := ln.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsLoopback() {
		return errors.Join(fmt.Errorf("server: %s is not an address of this computer only", ln.Addr()), ln.Close())
	}
	s.mu.Lock()
	s.addr = at.String()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ln.Close()
	}
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// Token returns the bearer token of the discovery file. It dies with the server.
func (s *Server) Token() string { return s.sessions.token }

// NewCode returns a one-time code for the page's URL, good for a minute.
func (s *Server) NewCode() string { return s.sessions.newCode(codeBytes, codeLife) }

// NewPairingCode returns a one-time code of 8 characters that a person can
// type, good for five minutes.
func (s *Server) NewPairingCode() string { return s.sessions.newCode(pairingBytes, pairingLife) }

// URL returns the page's address, empty before Serve.
func (s *Server) URL() string {
	if addr := s.address(); addr != "" {
		return "http://" + addr
	}
	return ""
}

func (s *Server) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Close ends event streams, then lets requests finish within ctx, and cuts off
// those that do not. It returns when nothing of the server runs any more; calling
// it again waits for the same and returns the same.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		for c := range s.silent {
			_ = c.Close() // a browser's spare connection: Shutdown would give it five seconds
		}
		s.mu.Unlock()
		s.cancel()
		if err := s.http.Shutdown(ctx); err != nil {
			s.closeErr = errors.Join(fmt.Errorf("server: requests did not end in time: %w", err), s.http.Close())
		}
		s.abandon()
		s.requests.Wait()
	})
	return s.closeErr
}

// begin notes that a request runs. It reports false once Close was called.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.requests.Add(1)
	return true
}

// connState keeps the set of connections that Close need not be polite to.
func (s *Server) connState(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(s.silent, c)
	case s.closed:
		_ = c.Close()
	default:
		s.silent[c] = struct{}{}
	}
}
