package hint

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func TestLine(t *testing.T) {
	a, b := newHost(t), newHost(t)
	heard := make(chan Hint, 1)
	la := Open(a, func(string, Hint) { t.Error("it was said to the other") })
	lb := Open(b, func(from string, h Hint) {
		if from != a.ID().String() {
			t.Errorf("from %s", from)
		}
		heard <- h
	})
	defer la.Close()
	if err := la.Send(t.Context(), b.ID().String(), Hint{Kind: Here}); err == nil {
		t.Error("a hint dials")
	}
	if err := a.Connect(t.Context(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
	want := Hint{Kind: Read, Topic: [32]byte{1}, Record: [32]byte{2}}
	if err := la.Send(t.Context(), b.ID().String(), want); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != want {
		t.Errorf("%+v became %+v", want, got)
	}
	lb.Close()
	if la.Send(t.Context(), "nobody", want) == nil {
		t.Error("nobody has heard it")
	}
}

// TestSpend: a peer may say burst hints at once and rate a second, and peers beyond
// those that are remembered nothing.
func TestSpend(t *testing.T) {
	l, now := &Line{spent: map[peer.ID]budget{}}, time.Unix(1000, 0)
	say := func(p string, times int) (heard int) {
		for range times {
			if l.spend(peer.ID(p), now) {
				heard++
			}
		}
		return heard
	}
	if n := say("a", 100); n != burst {
		t.Errorf("%d at once, want %v", n, burst)
	}
	now = now.Add(5 * time.Second)
	if n := say("a", 100); n != 5*rate {
		t.Errorf("%d in 5 s, want %v", n, 5*rate)
	}
	for i := range maxPeers {
		say(fmt.Sprint("b", i), 1)
	}
	if n := say("one more", 1); n != 0 {
		t.Error("it remembers more peers than it may")
	}
	now = now.Add(time.Minute)
	if n := say("one more", 1); n != 1 || len(l.spent) > maxPeers {
		t.Errorf("after a minute %d are heard, %d remembered", n, len(l.spent))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Hint{Kind: Read, Record: [32]byte{1}}.Encode())
	f.Add(Hint{Kind: Here}.Encode())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Decode(b)
		if err == nil && !bytes.Equal(h.Encode(), b) {
			t.Errorf("%x is read and written as %x", b, h.Encode())
		}
	})
}
