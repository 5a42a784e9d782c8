package drip

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestConversation lets both sides talk, over a perfect network.
func TestConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		c, s := p.pair(t, p.config())
		if s.Pass != testPass {
			t.Errorf("pass %x", s.Pass)
		}
		for range 20 {
			exchangeOnce(t, c, s, "hello")
			exchangeOnce(t, s, c, "and hello to you")
			time.Sleep(time.Second)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if n, err := s.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after Close the other side reads %d, %v", n, err)
		}
		s.Close()
	})
}

// exchangeOnce writes at one end and reads at the other.
func exchangeOnce(t testing.TB, from, to net.Conn, text string) {
	t.Helper()
	if _, err := from.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(to, b); err != nil || string(b) != text {
		t.Fatalf("read %q, %v", b, err)
	}
}

// TestBulk carries a megabyte each way at once.
func TestBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t, Limits{})
		p.kinds = func() (up, down kind) {
			return kind{Delay: 50 * time.Millisecond}, kind{Delay: 50 * time.Millisecond}
		}
		c, s := p.pair(t, p.config())
		start := time.Now()
		both(t, c, s, 1<<20)
		up, down := p.bytes()
		t.Logf("1 MiB each way in %v, %d connections, %d requests, %d bytes up, %d down", time.Since(start), p.dialled(), p.asked(), up, down)
		c.Close()
		s.Close()
	})
}

// both carries n random bytes each way.
func both(t testing.TB, c, s net.Conn, n int) {
	t.Helper()
	done := make(chan bool)
	for i, x := range [][2]net.Conn{{c, s}, {s, c}} {
		data := noise(uint64(i), n)
		go func() {
			defer func() { done <- true }()
			if _, err := x[0].Write(data); err != nil {
				t.Error(err)
			}
		}()
		go func() {
			defer func() { done <- true }()
			got := make([]byte, n)
			if _, err := io.ReadFull(x[1], got); err != nil {
				t.Error(err)
			} else if !bytes.Equal(got, data) {
				t.Errorf("%d bytes arrive otherwise than they were sent: %x, %x", n, sha256.Sum256(got), sha256.Sum256(data))
			}
		}()
	}
	for range 4 {
		<-done
	}
}

func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
