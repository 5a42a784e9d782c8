package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
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

// Config says what to serve. Node is required.
type Config struct {
	Node    *node.Node // stays the caller's
	Assets  fs.FS      // the page; nil serves none
	Version string
	Logger  *slog.Logger
}

// Server answers on one loopback listener.
type Server struct {
	cfg      Config
	node     *node.Node
	log      *slog.Logger
	sessions *sessions
	once     *onceKeys
	http     *http.Server
	openapi  *huma.OpenAPI

	ctx     context.Context // ends with Close: event streams stop
	cancel  context.CancelFunc
	streams sync.WaitGroup

	mu     sync.Mutex
	port   string // of the listener, empty before Serve
	closed bool
}

// New makes a server; it listens when Serve is called.
func New(cfg Config) (*Server, error) {
	if cfg.Node == nil {
		return nil, errors.New("server: Config.Node is nil")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{cfg: cfg, node: cfg.Node, log: cfg.Logger, sessions: newSessions(), once: newOnceKeys()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
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
	}
	return s, nil
}

// Serve answers until Close and then returns nil. ln must be on a loopback
// address; Serve closes it.
func (s *Server) Serve(ln net.Listener) error {
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.port = port
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ln.Close()
	}
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.port == "" {
		return ""
	}
	return "http://127.0.0.1:" + s.port
}

// Close ends event streams, then lets requests finish within ctx. Calling it
// again does nothing.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	s.streams.Wait()
	return err
}

// security marks operations that need a token; none is for those that do not.
var bearer = []map[string][]string{{"token": {}}}

// operation fills in what all operations share.
func operation(method, path, id, summary string, status int) huma.Operation {
	return huma.Operation{
		Method: method, Path: api.Prefix + path, OperationID: id, Summary: summary, DefaultStatus: status,
		MaxBodyBytes: api.MaxBodyBytes, BodyReadTimeout: readTimeout, Security: bearer,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError},
	}
}
