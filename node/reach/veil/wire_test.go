package veil

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// acceptKey is RFC 6455 §4.2.2.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// saying returns a connection whose other end reads a request and says answer.
func saying(t testing.TB, answer string) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = http.ReadRequest(newReader(theirs))
		_, _ = io.WriteString(theirs, answer)
		_ = theirs.Close()
	}()
	t.Cleanup(func() { _ = theirs.Close(); <-done })
	return ours
}

// scripted is a connection that says what it was given and takes all that is said.
type scripted struct{ io.Reader }

func (scripted) Write(b []byte) (int, error)      { return len(b), nil }
func (scripted) Close() error                     { return nil }
func (scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (scripted) SetDeadline(time.Time) error      { return nil }
func (scripted) SetReadDeadline(time.Time) error  { return nil }
func (scripted) SetWriteDeadline(time.Time) error { return nil }

// FuzzFrames feeds a client whatever a server may send: it ends, and never hands
// out more than was sent.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x82\x05hello\x88\x02\x03\xe8"))            // a frame and a goodbye
	f.Add([]byte("\x02\x02he\x80\x03llo"))                    // in two fragments
	f.Add([]byte("\x89\x04ping\x82\x01x"))                    // a ping
	f.Add([]byte("\x81\x04text"))                             // text
	f.Add([]byte("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")) // too long
	f.Add([]byte("\x82\xfe\x00\x02\x00\x00\x00\x00ab"))       // masked by a server
	f.Add([]byte("\xff\x00"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		ws := clientOn(t, wire)
		c := newConn(ws)
		got, err := io.ReadAll(c)
		if len(got) > len(wire) {
			t.Errorf("%d bytes out of %d", len(got), len(wire))
		}
		if err == nil && !bytes.Contains(wire, []byte{0x88}) {
			t.Error("a proper end without a goodbye")
		}
		_ = c.Close()
	})
}

// clientOn returns the client's side of a WebSocket whose server sends wire.
func clientOn(t *testing.T, wire []byte) *websocket.Conn {
	t.Helper()
	var ws *websocket.Conn
	head := &answering{rest: wire}
	d := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return head, nil }}
	ws, _, err := d.Dial("ws://example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// answering completes the handshake for the key that it was sent, then says rest.
type answering struct {
	scripted
	asked bytes.Buffer
	rest  []byte
}

func (a *answering) Write(b []byte) (int, error) {
	if a.Reader != nil {
		return len(b), nil
	}
	a.asked.Write(b)
	if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(a.asked.Bytes()))); err == nil {
		head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
			acceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
		a.Reader = bytes.NewReader(append([]byte(head), a.rest...))
	}
	return len(b), nil
}
