package front

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/reach/drip"
	"github.com/linnet-im/linnet/node/reach/veil"
)

// Door is one way into a bridge: what a bridge link says about it, but for the
// address, and how to look there. It is secret.
type Door struct {
	Name string   // of the site, sent in clear in the TLS handshake
	Pin  [32]byte // SHA-256 of the certificate's SubjectPublicKeyInfo; zero: the system's roots must vouch for Name
	Pass [16]byte

	Profiles *Profiles // browsers to look like here, as the bridge wants it; nil: those in the program
}

// Client opens connections to bridges. The zero value is ready. Its fields must not
// change after the first call; its methods are safe for concurrent use. New TLS
// connections to one address begin at least 600 ms apart, and at most 6 are open at
// once, over Veil and Drip together: calls wait for their turn.
type Client struct {
	Look  string // one of Looks; empty: a browser chosen per door and kept, until it leads nowhere
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots *x509.CertPool // vouch for doors without a pin; nil: the system's

	pace   pace
	clocks clocks

	mu    sync.Mutex
	tries map[pass]tries
}

// patience bounds an opening whose context has no end.
const patience = time.Minute

// Veil opens a WebSocket through d at addr, an IP and port. ctx bounds the opening
// only. The error matches ErrPin, ErrSite, ErrFull or ErrLook where one of these is
// the cause.
func (c *Client) Veil(ctx context.Context, addr string, d Door) (net.Conn, error) {
	v, err := c.visit(addr, d)
	if err != nil {
		return nil, err
	}
	return v.enter(ctx, v.veil)
}

// Drip opens a session of many short requests through d at addr, otherwise like
// Veil. TLS connections come and go while the session lives.
func (c *Client) Drip(ctx context.Context, addr string, d Door) (net.Conn, error) {
	v, err := c.visit(addr, d)
	if err != nil {
		return nil, err
	}
	return v.enter(ctx, v.drip)
}

// Skew tells how far this computer's clock is ahead of the bridges', and whether
// any bridge has told its time yet.
func (c *Client) Skew() (ahead time.Duration, known bool) { return c.clocks.skew() }

// visitor is who goes through a door: all its requests look alike.
type visitor struct {
	*Client
	addr   string
	remote net.Addr
	door   Door
	look   profile
	header http.Header

	mu     sync.Mutex
	ticket ticket // the next one, but for the time
}

func (c *Client) visit(addr string, d Door) (*visitor, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("front: the bridge's address %.100q is not an IP and a port", addr)
	}
	if !plausible(d.Name) {
		return nil, fmt.Errorf("front: the bridge's name %.100q is no name of a web site", d.Name)
	}
	look, err := c.lookFor(d)
	if err != nil {
		return nil, err
	}
	return &visitor{Client: c, addr: addr, remote: net.TCPAddrFromAddrPort(ap), door: d, look: look, header: look.request(d.Name)}, nil
}

// plausible reports whether a name can stand in a TLS handshake and in a URL.
func plausible(name string) bool {
	u, err := url.Parse("https://" + name + "/")
	return err == nil && name != "" && len(name) < 254 && u.Host == name && u.Port() == "" &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`[]:%@\`, r) })
}

// enter calls open, and once more if the bridge's clock turns out to differ: the
// time is part of a ticket.
func (v *visitor) enter(ctx context.Context, open func(context.Context) (net.Conn, error)) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before := v.clocks.of(v.addr)
	v.renew()
	conn, err := open(ctx)
	if errors.Is(err, ErrSite) && (v.clocks.of(v.addr)-before).Abs() > time.Second {
		v.renew()
		conn, err = open(ctx)
	}
	v.entered(v.door, v.look, err)
	return conn, err
}

func (v *visitor) renew() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ticket = newTicket()
}

// path spends the next ticket.
func (v *visitor) path(way string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.ticket
	v.ticket.Count++
	t.Time = uint32(v.clocks.now().Add(-v.clocks.of(v.addr)).Unix())
	return t.path(v.door.Pass, way)
}

func (v *visitor) veil(ctx context.Context) (net.Conn, error) {
	s, err := v.secure(ctx)
	if err != nil {
		return nil, err
	}
	c, answer, err := veil.Dial(ctx, s, veil.Request{Host: v.door.Name, Path: v.path(Veil), Header: v.header})
	if err == nil || answer == nil {
		return c, err
	}
	if answer.StatusCode == http.StatusServiceUnavailable {
		return nil, ErrFull
	}
	v.clocks.note(v.addr, answer.Header.Get("Date"))
	return nil, ErrSite
}

func (v *visitor) drip(ctx context.Context) (net.Conn, error) {
	local := &net.TCPAddr{IP: net.IPv4zero}
	if v.remote.(*net.TCPAddr).IP.To4() == nil {
		local.IP = net.IPv6zero
	}
	c, err := drip.Dial(ctx, drip.Config{Open: v.secure, Prepare: v.prepare, Local: local, Remote: v.remote})
	switch {
	case errors.Is(err, drip.ErrFull):
		return nil, ErrFull
	case errors.Is(err, drip.ErrRefused):
		return nil, errors.Join(ErrSite, v.askTime(ctx))
	}
	return c, err
}

func (v *visitor) prepare(r *http.Request) {
	r.URL.Path, r.URL.Host, r.Host = v.path(Drip), v.door.Name, v.door.Name
	r.Header = v.header.Clone()
}

// askTime looks at the site for the bridge's time.
func (v *visitor) askTime(ctx context.Context) error {
	s, err := v.secure(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	date, err := readDate(s, v.door.Name, v.header)
	if err != nil {
		return fmt.Errorf("front: look at the site: %w", err)
	}
	v.clocks.note(v.addr, date)
	return nil
}
