package front

import (
	"errors"
	"net"
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
}

// Server is the bridge's side. Its methods are safe for concurrent use.
type Server struct{}

// Guest is a connection of somebody who came with a pass.
type Guest struct {
	net.Conn
	Way  string // Veil or Drip
	Pass [16]byte
}

// Open starts answering on l, which the server owns from then on, also when Open fails.
func Open(l net.Listener, cfg Config) (*Server, error) {
	return nil, errors.Join(errors.ErrUnsupported, l.Close())
}

// Accept waits for the next guest. After Close the error matches net.ErrClosed.
func (s *Server) Accept() (*Guest, error) { return nil, net.ErrClosed }

// Addr returns the listener's address.
func (s *Server) Addr() net.Addr { return nil }

// Name returns the name that doors of this bridge carry.
func (s *Server) Name() string { return "" }

// Pin returns the pin that doors of this bridge carry: zero where the system's
// roots vouch for the certificate.
func (s *Server) Pin() [32]byte { return [32]byte{} }

// SetPasses lets in who has one of passes, and nobody else from now on: guests
// with other passes are cut off before it returns.
func (s *Server) SetPasses(passes [][16]byte) {}

// Close stops listening, cuts off every guest and waits for all that was started.
// Calling it again does nothing.
func (s *Server) Close() error { return nil }
