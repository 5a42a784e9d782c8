package reach

import (
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// TestMoves: a kept peer that gets a new address says so, and is found there when it
// has gone from where the link said that it is.
func TestMoves(t *testing.T) {
	a, b := open(t, 1, anyTCP), open(t, 2, anyTCP)
	old := contact(t, b.Addresses()[0])
	moved := make(chan string, 10)
	a.WatchMoves(func(p string) { moved <- p })
	if err := a.Keep(old); err != nil {
		t.Fatal(err)
	}
	if p := <-moved; p != b.ID() { // what it says when it connects
		t.Fatal(p)
	}
	if err := b.host.Network().Listen(ma.StringCast(anyTCP)); err != nil {
		t.Fatal(err)
	}
	<-moved
	// b goes from its old port.
	first := ma.Cast(old.Addrs[0])
	b.host.Network().(interface{ ListenClose(...ma.Multiaddr) }).ListenClose(first)
	<-moved
	if err := a.host.Network().ClosePeer(b.host.ID()); err != nil {
		t.Fatal(err)
	}
	until(t, a, "back, elsewhere", func() bool {
		return a.IsConnected(b.ID()) && !strings.HasPrefix(a.Peers()[0].Address, first.String())
	})
	c, ok := a.Contact(b.ID())
	if !ok || slices.ContainsFunc(c.Addrs[:1], func(x []byte) bool { return ma.Cast(x).Equal(first) }) {
		t.Errorf("contact %v", c)
	}
}

// TestBounded: what a peer says of itself, and what others say of it, is bounded and
// filtered.
func TestBounded(t *testing.T) {
	a, b := open(t, 1, anyTCP), open(t, 2, anyTCP)
	if err := a.Keep(contact(t, b.Addresses()[0])); err != nil {
		t.Fatal(err)
	}
	var many []ma.Multiaddr
	for i := range 100 {
		many = append(many, ma.StringCast("/ip4/9.9.9.9/tcp/"+strings.Repeat("1", 1+i%4)), ma.StringCast("/dns4/example.org/tcp/1"), ma.StringCast("/ip4/10.0.0."+strings.Repeat("1", 1+i%3)+"/tcp/1"), ma.StringCast("/ip4/9.9.9."+string(rune('0'+i%10))+"/udp/1/quic-v1"))
	}
	a.says(b.host.ID(), many)
	a.mu.Lock()
	defer a.mu.Unlock()
	own := a.kept[b.host.ID()].own
	if len(own) == 0 || len(own) > maxAddrs || slices.ContainsFunc(own, func(a ma.Multiaddr) bool { return !dialable(a) }) {
		t.Errorf("%v", own)
	}
	if n := len(a.kept[b.host.ID()].addrs()); n > 2*maxAddrs {
		t.Errorf("%d addresses are dialled", n)
	}
}
