package drip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hand gives a server a request with this body, as a client with that pass.
func hand(s *Server, pass byte, body []byte) (status int, ans answer, err error) {
	w := httptest.NewRecorder()
	s.Serve(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)), [16]byte{pass})
	ans, err = decodeAnswer(w.Body.Bytes())
	return w.Code, ans, err
}

// TestHostileClient says what no client says. The server keeps to its limits, and
// an honest session beside goes on.
func TestHostileClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{Sessions: 6, PerPass: 3, Buffer: 8 << 10}
		p := newPlace(t, limits)
		c, s := p.pair(t, p.config())
		for _, body := range [][]byte{nil, {1}, bytes.Repeat([]byte{1}, askHead+maxData+1), append([]byte{2}, make([]byte, askHead)...), append([]byte{1, 255}, make([]byte, askHead)...)} {
			if code, _, err := hand(p.Server, 1, body); code != http.StatusBadRequest || err == nil {
				t.Errorf("%d bytes that are no ask: status %d, %v", len(body), code, err)
			}
		}
		id := sessionID{1}
		if _, ans, err := hand(p.Server, 1, ask{Session: id}.encode()); err != nil || ans.Flags != flagGone {
			t.Errorf("session that was never opened: %+v, %v", ans, err)
		}
		opened := 0
		for i := range 10 { // more than a pass may have
			_, ans, err := hand(p.Server, 1, ask{Flags: flagOpen, Session: sessionID{1, byte(i)}}.encode())
			if err != nil || ans.Flags&^flagFull != 0 {
				t.Errorf("open: %+v, %v", ans, err)
			}
			if !ans.has(flagFull) {
				opened++
			}
		}
		for i := range 10 { // and more than there is room for in all
			if _, ans, _ := hand(p.Server, 10+byte(i), ask{Flags: flagOpen, Session: sessionID{2, byte(i)}}.encode()); !ans.has(flagFull) {
				opened++
			}
		}
		if opened != limits.Sessions-1 || p.left() != limits.Sessions {
			t.Errorf("%d sessions beside the honest one, %d in all", opened, p.left())
		}
		if _, ans, _ := hand(p.Server, 2, ask{Flags: flagOpen, Session: sessionID{1, 0}}.encode()); ans.Flags != flagGone {
			t.Errorf("another pass takes a session over: %+v", ans)
		}
		id = sessionID{1, 0}
		for i := range 300 { // scattered pieces, beyond the window too
			hand(p.Server, 1, ask{Session: id, Offset: uint64(i*50 + 1), Data: make([]byte, 30)}.encode())
		}
		if in := &p.session(id).in; len(in.buf) > limits.Buffer || len(in.spans) > maxSpans {
			t.Errorf("%d bytes in %d pieces are kept", len(in.buf), len(in.spans))
		}
		if _, ans, _ := hand(p.Server, 1, ask{Session: id, Ack: 5}.encode()); ans.Flags != flagGone {
			t.Errorf("ack of what was never sent: %+v", ans)
		}
		if _, ans, _ := hand(p.Server, 1, ask{Flags: flagOpen, Session: id}.encode()); ans.Flags != flagGone {
			t.Errorf("a session that has ended begins again: %+v", ans)
		}
		exchangeOnce(t, c, s, "hello")
		exchangeOnce(t, s, c, "hello")
		c.Close()
		s.Close()
	})
}

// TestHeldAsks lets a client ask many times at once: few are held, the oldest goes.
func TestHeldAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(Limits{Hold: 10 * time.Second})
		id := sessionID{7}
		hand(s, 1, ask{Flags: flagOpen, Session: id}.encode())
		conn, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		at, done := time.Now(), make(chan time.Duration, 100)
		for range 3 * heldMost {
			go func() {
				hand(s, 1, ask{Session: id, Window: 1000, Want: 100, Wait: time.Minute}.encode())
				done <- time.Since(at)
			}()
		}
		synctest.Wait()
		if n := len(done); n != 2*heldMost {
			t.Errorf("%d of %d asks are answered at once", n, 3*heldMost)
		}
		time.Sleep(time.Second)
		conn.Write([]byte("x"))
		time.Sleep(time.Minute)
		var took []time.Duration
		for range 3 * heldMost {
			took = append(took, <-done)
		}
		if one, last := took[2*heldMost], took[len(took)-1]; one != time.Second+gather || last != 10*time.Second {
			t.Errorf("the first is answered after %v, the last after %v", one, last)
		}
		s.Close()
	})
}

// TestSlowBody sends the head of a request, and its body never: the server does not
// wait for long.
func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		conn, err := p.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at := time.Now()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 42\r\n\r\n\x01\x02")
		conn.SetDeadline(at.Add(time.Minute))
		b := make([]byte, 12)
		if _, err := io.ReadFull(conn, b); err != nil || string(b) != "HTTP/1.1 400" || time.Since(at) != bodyFor {
			t.Errorf("after %v: %q, %v", time.Since(at), b, err)
		}
		conn.Close()
	})
}

// TestOpenedButNeverAccepted opens and leaves session after session while nobody
// accepts: the server does not keep all of them.
func TestOpenedButNeverAccepted(t *testing.T) {
	s := NewServer(Limits{Sessions: 10, PerPass: 10})
	for i := range 1000 {
		id := sessionID{byte(i), byte(i >> 8)}
		hand(s, 1, ask{Flags: flagOpen, Session: id}.encode())
		hand(s, 1, ask{Flags: flagEnd, Session: id}.encode())
	}
	if len(s.fresh) > 10 || len(s.over) > 40 || len(s.ended) > 40 || len(s.sessions) > 0 {
		t.Errorf("%d to be accepted, %d and %d that have ended, %d sessions", len(s.fresh), len(s.over), len(s.ended), len(s.sessions))
	}
	s.Close()
}

// TestHostileServer answers with what no server answers. The client fails, or goes
// on, but neither hangs nor asks in a circle, and takes nothing that was not sent.
func TestHostileServer(t *testing.T) {
	write := func(ans answer) func(net.Conn, ask) {
		return func(c net.Conn, a ask) {
			ans := ans
			if ans.Session == (sessionID{}) {
				ans.Session = a.Session
			}
			b := ans.encode()
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b)
		}
	}
	raw := func(s string) func(net.Conn, ask) { return func(c net.Conn, _ ask) { io.WriteString(c, s) } }
	endless := func(head, part string) func(net.Conn, ask) {
		return func(c net.Conn, _ ask) {
			io.WriteString(c, head)
			for range 10_000 {
				if _, err := io.WriteString(c, part); err != nil {
					return
				}
			}
		}
	}
	for name, reply := range map[string]func(net.Conn, ask){
		"nothing":           raw(""),
		"no HTTP":           raw("\x13/multistream/1.0.0\n"),
		"another session":   write(answer{Session: sessionID{9}}),
		"ack of nothing":    write(answer{Ack: 99}),
		"too much data":     write(answer{Data: make([]byte, maxData)}),
		"two ends":          write(answer{Flags: flagEnd, Offset: 77}),
		"endless headers":   endless("HTTP/1.1 200 OK\r\n", "X-A: "+strings.Repeat("b", 900)+"\r\n"),
		"endless body":      endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
		"endless continue":  endless("", "HTTP/1.1 100 Continue\r\n\r\n"),
		"negative length":   raw("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
		"short body":        raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"),
		"more is coming":    write(answer{Flags: flagMore}),
		"does not hold":     write(answer{Window: 1 << 20}),
		"kept, never acked": write(answer{Flags: flagKept, Window: 1 << 20}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asks, opens atomic.Int32
				cfg := Config{Prepare: prepare, Expiry: 30 * time.Second, Linger: time.Second}
				pace := pacer{gap: 600 * time.Millisecond}
				cfg.Open = func(context.Context) (net.Conn, error) {
					pace.wait()
					opens.Add(1)
					up, down := kind{Delay: 10 * time.Millisecond}, kind{Delay: 10 * time.Millisecond}
					c, s := connect(up, down)
					go func() {
						defer s.Close()
						for {
							a, err := readAsk(s)
							if err != nil {
								return
							}
							if asks.Add(1) == 1 && opens.Load() == 1 && name != "another session" {
								write(answer{Window: 1 << 20})(s, a) // so that the dial succeeds
								continue
							}
							reply(s, a)
						}
					}()
					return c, nil
				}
				c, err := Dial(t.Context(), cfg)
				if err != nil {
					if name != "another session" || !errors.Is(err, ErrRefused) {
						t.Errorf("dial: %v", err)
					}
					return
				}
				at := time.Now()
				c.SetReadDeadline(at.Add(time.Minute))
				c.Write([]byte("is anybody there?"))
				n, err := c.Read(make([]byte, 9000))
				took := time.Since(at)
				t.Logf("%d bytes, %v after %v; %d asks on %d connections", n, err, took, asks.Load(), opens.Load())
				if n > 0 || err == nil {
					t.Errorf("read %d, %v", n, err)
				}
				if most := 10 + 25*int32(took/time.Second+1); asks.Load() > most {
					t.Errorf("%d asks in %v", asks.Load(), took)
				}
				c.Close()
			})
		})
	}
}

// readAsk reads one request from a client.
func readAsk(s net.Conn) (ask, error) {
	var b []byte
	for part := make([]byte, 9000); ; {
		n, err := s.Read(part)
		if err != nil {
			return ask{}, err
		}
		b = append(b, part[:n]...)
		if head, body, ok := bytes.Cut(b, []byte("\r\n\r\n")); ok {
			var size int
			_, after, _ := strings.Cut(string(head), "Content-Length: ")
			fmt.Sscan(after, &size)
			if len(body) >= size {
				return decodeAsk(body)
			}
		}
	}
}
