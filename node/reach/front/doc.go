// Package front is the face of a bridge: to everybody a web site, and to whoever
// has a pass the way to the node behind it (PROTOCOL.md, Bridges). It is also how a
// client looks on its way there: a browser that opens that site.
//
// On the bridge a [Server] answers TLS on a listener. A request whose path is a
// valid ticket becomes a [Guest], a net.Conn, by way of veil (WebSocket) or drip
// (many short requests). Every other request, among them replayed tickets and those
// of passes that were taken back, goes to the site. On the other side a [Client]
// goes through a [Door], which is what a bridge link carries. What it looks like there
// the bridge may say: [Profiles], which hold for its own door.
//
// It knows TLS, HTTP, browsers and passes. It refuses to know libp2p, who a pass
// was given to, and what a guest says. It logs nothing about who came. Room reach
// alone calls it.
//
//	s, err := front.Open(listener, front.Config{Key: seed, Passes: passes})
//	go func() { g, err := s.Accept(); … }()
//
//	var c front.Client
//	conn, err := c.Veil(ctx, "192.0.2.1:443", front.Door{Name: s.Name(), Pin: s.Pin(), Pass: pass})
package front

import "errors"

// Errors that callers branch on. Their texts are for people.
var (
	// ErrPin means that whoever answers at the address is not the bridge.
	ErrPin = errors.New("front: somebody else answers in the bridge's place")
	// ErrSite means that the bridge showed its site, as it does to everybody
	// without a valid pass.
	ErrSite = errors.New("front: the bridge does not know this pass; it may have been taken back, ask for a new bridge link")
	// ErrFull means that the bridge lets no more people in for now.
	ErrFull = errors.New("front: the bridge is full; try again later")
	// ErrLook means that there is no such browser to look like.
	ErrLook = errors.New("front: no such browser")
	// ErrProfiles means that profiles are malformed, or not signed by the bridge that they are of.
	ErrProfiles = errors.New("front: these browser profiles cannot be used")
)

// What Guest.Way can be.
const (
	Veil = "veil"
	Drip = "drip"
)
