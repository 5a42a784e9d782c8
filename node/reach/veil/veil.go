// Package veil is a net.Conn over WebSocket, inside a connection that is secured
// already: to whoever sees only lengths and times it is a page that holds a
// WebSocket open (PROTOCOL.md, Bridges).
//
// It knows frames, deadlines and how to close. It refuses to know TLS, tickets and
// libp2p: room front brings the connection and decides who may come. Its main type
// is [Conn].
//
//	c, answer, err := veil.Dial(ctx, secured, veil.Request{Host: "example.org", Path: "/live"})
//	if veil.IsUpgrade(r) {        // in an http.Handler
//		c, err := veil.Accept(w, r)
//	}
package veil

import (
	"context"
	"errors"
	"net"
	"net/http"
)

// ErrRefused means that the other side answered, but not as one that speaks WebSocket.
var ErrRefused = errors.New("veil: the other side does not open a WebSocket")

// Request is what the client asks for.
type Request struct {
	Host   string      // of the Host line
	Path   string      // begins with a slash
	Header http.Header // further lines; those of the WebSocket handshake itself are added
}

// Dial opens a WebSocket on c, which it owns from then on, also when it fails.
// When the other side answers with something else, the error matches ErrRefused
// and the response is not nil: its body is at most the first kilobyte.
func Dial(ctx context.Context, c net.Conn, r Request) (net.Conn, *http.Response, error) {
	return nil, nil, errors.ErrUnsupported
}

// IsUpgrade reports whether r asks for a WebSocket in a way that Accept takes.
func IsUpgrade(r *http.Request) bool { return false }

// Accept answers r, for which IsUpgrade holds, and takes its connection over.
func Accept(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
