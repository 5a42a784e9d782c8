package front

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/reach/drip"
	"github.com/linnet-im/linnet/node/reach/veil"
)

// Config says how a bridge looks and who may come in.
type Config struct {
	Key      []byte // 32 bytes, from which the self-signed certificate, Name and the made-up site follow; required
	Name     string // of the site; empty: made up from Key
	Site     string // http:// or https:// URL of a real site to show; empty: one made up from Key
	CertFile string // PEM, with KeyFile: the site's own certificate, read again when it changes; empty: self-signed
	KeyFile  string
	Passes   [][16]byte // who is let in; SetPasses changes that

	MaxGuests  int // at once; 0: 512
	MaxPerPass int // at once with one pass; 0: 16

	dialSite func(ctx context.Context, network, addr string) (net.Conn, error) // in tests
}

// Server is the bridge's side. Its methods are safe for concurrent use.
type Server struct {
	listener net.Listener
	name     string
	cert     func() *tls.Certificate
	site     *site
	http     *http.Server
	gate     *gate
	guests   *guests
	drip     *drip.Server

	busy   tally // connections and requests
	wg     sync.WaitGroup
	cancel context.CancelFunc
	once   sync.Once
}

// Open starts answering on l, which the server owns from then on, also when Open fails.
func Open(l net.Listener, cfg Config) (*Server, error) {
	s, err := newServer(l, cfg)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.SetPasses(cfg.Passes)
	crowd := &crowd{Listener: l, places: make(chan struct{}, connectionsMost), closed: make(chan struct{})}
	s.wg.Go(func() { _ = s.http.ServeTLS(crowd, "", "") }) // ends with Close
	s.wg.Go(s.takeDrips)
	return s, nil
}

func newServer(l net.Listener, cfg Config) (*Server, error) {
	if len(cfg.Key) != 32 {
		return nil, fmt.Errorf("front: a key of %d bytes, must be 32", len(cfg.Key))
	}
	if cfg.MaxGuests <= 0 {
		cfg.MaxGuests = 512
	}
	if cfg.MaxPerPass <= 0 {
		cfg.MaxPerPass = 16
	}
	s := &Server{
		listener: l, name: cfg.Name, gate: newGate(time.Now()),
		guests: newGuests(cfg.MaxGuests, cfg.MaxPerPass),
		drip:   drip.NewServer(drip.Limits{Sessions: cfg.MaxGuests, PerPass: cfg.MaxPerPass}),
	}
	if s.name == "" {
		s.name = madeUpName(cfg.Key)
	}
	var err error
	if s.cert, err = certificate(cfg, s.name); err != nil {
		return nil, err
	}
	if s.site, err = newSite(cfg, s.name); err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = newHTTP(http.HandlerFunc(s.serve), s.cert)
	s.http.BaseContext = func(net.Listener) context.Context { return base }
	s.http.ConnState = s.count
	return s, nil
}

func certificate(cfg Config, name string) (func() *tls.Certificate, error) {
	if cfg.CertFile != "" || cfg.KeyFile != "" {
		k, err := newKeeper(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, err
		}
		return k.get, nil
	}
	cert, err := selfSigned(cfg.Key, name)
	return func() *tls.Certificate { return cert }, err
}

// newHTTP is the whole of what an outsider meets, but for the handler: a plain web
// server of Go's.
func newHTTP(h http.Handler, cert func() *tls.Certificate) *http.Server {
	return &http.Server{
		Handler: h,
		TLSConfig: &tls.Config{
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert(), nil },
			NextProtos:     []string{"h2", "http/1.1"},
		},
		ReadHeaderTimeout: 15 * time.Second,
		ReadTimeout:       5 * time.Minute,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // nothing about who came
	}
}

// serve lets in who has a ticket. Everything else is the site's to answer.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.busy.add(1)
	defer s.busy.add(-1)
	way := ""
	switch {
	case veil.IsUpgrade(r):
		way = Veil
	case r.Method == http.MethodPost:
		way = Drip
	}
	now := time.Now()
	t, p, ok := s.gate.read(r.URL.Path, way, now)
	switch {
	case !ok || way == "" || !s.gate.spend(t, p, now):
		s.site.ServeHTTP(w, r)
	case way == Drip:
		s.drip.Serve(w, r, p)
	default:
		s.letIn(w, r, p)
	}
}

// letIn makes a guest of who came with a ticket for veil.
func (s *Server) letIn(w http.ResponseWriter, r *http.Request, p pass) {
	if !s.guests.reserve(p) {
		w.WriteHeader(http.StatusServiceUnavailable) // who has a pass may know
		return
	}
	c, err := veil.Accept(w, r)
	if err != nil {
		s.guests.release(p)
		return
	}
	s.admit(&Guest{Conn: c, Way: Veil, Pass: p})
}

// admit hands on a guest for whom there is a place, unless the pass was taken back
// in the meantime.
func (s *Server) admit(g *Guest) {
	s.guests.enter(g)
	if !s.gate.knows(g.Pass) {
		_ = g.Close()
	}
}

// takeDrips makes guests of sessions. It ends when Close closes s.drip.
func (s *Server) takeDrips() {
	for {
		c, err := s.drip.Accept()
		if err != nil {
			return
		}
		if !s.guests.reserve(c.Pass) {
			_ = c.Close()
			continue
		}
		s.admit(&Guest{Conn: c, Way: Drip, Pass: c.Pass})
	}
}

// Accept waits for the next guest. After Close the error matches net.ErrClosed.
func (s *Server) Accept() (*Guest, error) { return s.guests.accept() }

// Addr returns the listener's address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Name returns the name that doors of this bridge carry.
func (s *Server) Name() string { return s.name }

// Pin returns the pin that doors of this bridge carry: zero where the system's
// roots vouch for the certificate.
func (s *Server) Pin() [32]byte {
	cert := s.cert()
	chain, err := x509.ParseCertificates(bytes.Join(cert.Certificate, nil))
	if err != nil {
		return pinOf(cert.Leaf)
	}
	if vouched(chain, s.name, nil) == nil {
		return [32]byte{}
	}
	return pinOf(cert.Leaf)
}

// SetPasses lets in who has one of passes, and nobody else from now on: guests
// with other passes are cut off before it returns.
func (s *Server) SetPasses(passes [][16]byte) {
	removed := s.gate.set(passes)
	for _, p := range removed {
		s.drip.Drop(p)
	}
	s.guests.cut(func(g *Guest) bool { return !s.gate.knows(g.Pass) })
}

// Close stops listening, cuts off every guest and waits for all that was started.
// Calling it again does nothing.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.cancel()
		_ = s.http.Close()
		_ = s.drip.Close()
		s.guests.close()
		s.wg.Wait()
		s.busy.wait()
		s.site.close()
	})
	return nil
}

// count keeps the number of connections whose goroutines net/http has not ended yet.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.busy.add(1)
	case http.StateClosed, http.StateHijacked:
		s.busy.add(-1)
	}
}

// tally counts what is under way. Unlike a sync.WaitGroup it may rise from zero
// while somebody waits.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed at zero; nil: nobody waits
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n += n
	if t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

func (t *tally) wait() {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()
	<-zero
}
