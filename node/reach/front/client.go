package front

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"net"
	"time"
)

// Door is one way into a bridge: what a bridge link says about it, but for the
// address. It is secret.
type Door struct {
	Name string   // of the site, sent in clear in the TLS handshake
	Pin  [32]byte // SHA-256 of the certificate's SubjectPublicKeyInfo; zero: the system's roots must vouch for Name
	Pass [16]byte
}

// Client opens connections to bridges. The zero value is ready. Its fields must not
// change after the first call; its methods are safe for concurrent use. New TLS
// connections to one address begin at least 600 ms apart, and at most 6 are open at
// once, over Veil and Drip together: calls wait for their turn.
type Client struct {
	Look        string // one of Looks; empty: a browser chosen per door and kept
	Dial        func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots       *x509.CertPool    // vouch for doors without a pin; nil: the system's
	ProfilesKey ed25519.PublicKey // whose signature SetProfiles takes; nil: nobody's
}

// Veil opens a WebSocket through d at addr, an IP and port. ctx bounds the opening
// only. The error matches ErrPin, ErrSite or ErrLook where one of these is the cause.
func (c *Client) Veil(ctx context.Context, addr string, d Door) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// Drip opens a session of many short requests through d at addr, otherwise like
// Veil. TLS connections come and go while the session lives.
func (c *Client) Drip(ctx context.Context, addr string, d Door) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// Skew tells how far this computer's clock is ahead of the bridges', and whether
// any bridge has told its time yet.
func (c *Client) Skew() (ahead time.Duration, known bool) { return 0, false }

// SetProfiles replaces the browser profiles by those of a signed record. The error
// matches ErrProfiles, and then nothing has changed.
func (c *Client) SetProfiles(record []byte) error { return ErrProfiles }

// Looks returns the names that Client.Look may have, but for the empty one.
func Looks() []string { return []string{"chrome", "edge", "firefox", "safari", "ios", "go"} }
