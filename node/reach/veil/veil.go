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
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// ErrRefused means that the other side answered, but not as one that speaks WebSocket.
var ErrRefused = errors.New("veil: the other side does not open a WebSocket")

// answerMax bounds what is read of the answer to a handshake.
const answerMax = 64 << 10

// buffers are shared by connections that have nothing to send.
var buffers sync.Pool

// Request is what the client asks for.
type Request struct {
	Host   string      // of the Host line
	Path   string      // begins with a slash
	Header http.Header // further lines; those of the WebSocket handshake itself are added
}

// Dial opens a WebSocket on c, which it owns from then on, also when it fails. ctx
// bounds the opening only. When the other side answers with something else, the
// error matches ErrRefused and the response is not nil: its body is at most the
// first kilobyte. The connection is a *Conn.
func Dial(ctx context.Context, c net.Conn, r Request) (net.Conn, *http.Response, error) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	g := &guarded{Conn: c, left: answerMax}
	d := websocket.Dialer{
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return g, nil },
		WriteBufferSize: frameSize,
		WriteBufferPool: &buffers,
	}
	ws, answer, err := d.DialContext(ctx, "ws://"+r.Host+r.Path, r.Header)
	if !stop() && err == nil {
		err = ctx.Err() // c is closed already
	}
	switch {
	case err == nil:
		g.left = -1
		return newConn(ws), answer, nil
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, answer, fmt.Errorf("%w: it answers %.100q", ErrRefused, answer.Status)
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	_ = c.Close()
	return nil, nil, fmt.Errorf("veil: open a WebSocket: %w", err)
}

// guarded bounds what is read from a connection until it has proved itself.
type guarded struct {
	net.Conn
	left int // bytes; negative: no bound any more
}

func (g *guarded) Read(b []byte) (int, error) {
	if g.left < 0 {
		return g.Conn.Read(b)
	}
	if g.left == 0 {
		return 0, errors.New("an answer without end")
	}
	n, err := g.Conn.Read(b[:min(len(b), g.left)])
	g.left -= n
	return n, err
}

// upgrader says how Accept answers. It holds no state.
var upgrader = websocket.Upgrader{
	ReadBufferSize:  4096,
	WriteBufferSize: frameSize,
	WriteBufferPool: &buffers,
	CheckOrigin:     func(*http.Request) bool { return true }, // whoever may come has shown it by then
}

// IsUpgrade reports whether r asks for a WebSocket in a way that Accept takes.
func IsUpgrade(r *http.Request) bool {
	// Whatever else Upgrade looks at, it is only called for who has a ticket.
	return r.ProtoMajor == 1 && r.Method == http.MethodGet && websocket.IsWebSocketUpgrade(r) &&
		r.Header.Get("Sec-Websocket-Version") == "13" && len(r.Header.Get("Sec-Websocket-Key")) == 24
}

// Accept answers r, for which IsUpgrade holds, and takes its connection over. The
// connection is a *Conn.
func Accept(w http.ResponseWriter, r *http.Request) (net.Conn, error) {
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil, fmt.Errorf("veil: answer a WebSocket: %w", err)
	}
	return newConn(ws), nil
}
