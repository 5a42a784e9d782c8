package veil

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/nettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection through a real HTTP server.
func pair(t testing.TB) (client, server net.Conn, stop func()) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsUpgrade(r) {
			t.Error("no upgrade")
		}
		c, err := Accept(w, r)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	raw, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, _, err = Dial(context.Background(), raw, Request{Host: "example.org", Path: "/live"})
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	return client, server, func() {
		_ = client.Close()
		_ = server.Close()
		s.Close()
	}
}

// TestConn holds a Conn against what a net.Conn promises.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		c1, c2, stop = pair(t)
		return c1, c2, stop, nil
	})
}

func TestCloseDelivers(t *testing.T) {
	client, server, stop := pair(t)
	defer stop()
	sent := strings.Repeat("what was written before Close arrives ", 1000)
	go func() {
		_, _ = io.WriteString(client, sent)
		_ = client.Close()
	}()
	got, err := io.ReadAll(server)
	if err != nil || string(got) != sent {
		t.Fatalf("%d of %d bytes, %v", len(got), len(sent), err)
	}
	if _, err := server.Write([]byte("x")); err == nil {
		t.Error("writing to who has gone succeeds")
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
}

// TestCut: a connection that is cut is no proper end.
func TestCut(t *testing.T) {
	client, server, stop := pair(t)
	defer stop()
	_ = client.(*Conn).ws.NetConn().Close()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read: %v", err)
	}
}

// TestDeadlineSpares: a deadline in the middle of everything costs no byte.
func TestDeadlineSpares(t *testing.T) {
	client, server, stop := pair(t)
	defer stop()
	sent := strings.Repeat("0123456789", 100_000)
	go func() {
		for rest := []byte(sent); len(rest) > 0; {
			_ = client.SetWriteDeadline(time.Now().Add(50 * time.Microsecond))
			n, err := client.Write(rest)
			if rest = rest[n:]; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
				return
			}
		}
		_ = client.Close()
	}()
	var got []byte
	for buf := make([]byte, 1000); ; {
		_ = server.SetReadDeadline(time.Now().Add(50 * time.Microsecond))
		n, err := server.Read(buf)
		got = append(got, buf[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if string(got) != sent {
		t.Errorf("%d bytes of %d, or others", len(got), len(sent))
	}
}

// TestLinger: Close does not wait for ever for who says nothing.
func TestLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			r, err := http.ReadRequest(newReader(theirs))
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(theirs, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
				acceptKey(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		}()
		c, _, err := Dial(t.Context(), ours, Request{Host: "example.org", Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte("nobody reads this"))
		start := time.Now()
		_ = c.Close()
		if d := time.Since(start); d != linger {
			t.Errorf("Close took %v", d)
		}
		_ = theirs.Close()
	})
}

func TestRefused(t *testing.T) {
	for name, answer := range map[string]string{
		"a site":         "HTTP/1.1 404 Not Found\r\nDate: Mon, 30 Nov 2026 22:00:00 GMT\r\nContent-Length: 2\r\n\r\nno",
		"a wrong accept": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, got, err := Dial(t.Context(), saying(t, answer), Request{Host: "example.org", Path: "/"})
			if !errors.Is(err, ErrRefused) || got == nil || c != nil {
				t.Fatal(c, got, err)
			}
		})
	}
	t.Run("no HTTP", func(t *testing.T) {
		if _, got, err := Dial(t.Context(), saying(t, "SSH-2.0-OpenSSH\r\n"), Request{Host: "example.org", Path: "/"}); err == nil || errors.Is(err, ErrRefused) || got != nil {
			t.Fatal(got, err)
		}
	})
	t.Run("without end", func(t *testing.T) {
		c := &metered{Conn: saying(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("A: b\r\n", 1<<20))}
		if _, _, err := Dial(t.Context(), c, Request{Host: "example.org", Path: "/"}); err == nil || c.read > answerMax {
			t.Fatalf("%d bytes read, %v", c.read, err)
		}
	})
}

type metered struct {
	net.Conn
	read int
}

func (m *metered) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.read += n
	return n, err
}

// TestDialCancel: ctx bounds the opening also of who never answers.
func TestDialCancel(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = http.ReadRequest(newReader(theirs))
		cancel()
	}()
	if _, _, err := Dial(ctx, ours, Request{Host: "example.org", Path: "/"}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := ours.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}

func BenchmarkVeil(b *testing.B) {
	client, server, stop := pair(b)
	defer stop()
	chunk := make([]byte, 16<<10)
	b.SetBytes(int64(len(chunk)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := io.Copy(io.Discard, server); err != nil {
			b.Error(err)
		}
	}()
	for b.Loop() {
		if _, err := client.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	_ = client.Close()
	<-done
}
