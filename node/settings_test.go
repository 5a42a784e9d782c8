package node_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/reach"
)

// openConfig opens a node on loopback with more to its configuration.
func openConfig(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	cfg.Listen, cfg.NoMDNS = []string{loopback}, true
	n, err := node.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// reopen closes a node and opens it again.
func reopen(t *testing.T, n *node.Node) *node.Node {
	t.Helper()
	n, err := n.Reopen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// TestReachSettings hold from the next opening on, and can be overridden.
func TestReachSettings(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	if s := n.ReachSettings(); s != (node.ReachSettings{NoMDNS: true}) {
		t.Errorf("at first %+v", s)
	}
	want := node.ReachSettings{Mode: reach.ModeLAN, NoDHT: true, DataSaver: true, SOCKS: "127.0.0.1:9050", Onion: "abc.onion:443", Look: "firefox"}
	if err := n.SetReachSettings(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]node.ReachSettings{
		"no such mode": {Mode: "magic"}, "Tor without a proxy": {Mode: reach.ModeTor}, "no port": {SOCKS: "localhost"}, "no such browser": {Look: "lynx"}, "very long": {Look: strings.Repeat("x", 300)},
	} {
		if err := n.SetReachSettings(t.Context(), s); !errors.Is(err, node.ErrSettings) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s := n.ReachSettings(); s.Mode != reach.ModeOpen {
		t.Errorf("they hold before the node was opened again: %+v", s)
	}
	n = reopen(t, n)
	want.NoMDNS = true // by Config
	if s := n.ReachSettings(); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = openConfig(t, node.Config{Dir: dir, Reach: &node.ReachSettings{DataSaver: true}, LANOnly: true})
	if s := n.ReachSettings(); s != (node.ReachSettings{Mode: reach.ModeLAN, DataSaver: true, NoMDNS: true}) {
		t.Errorf("overridden they are %+v", s)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Open(context.Background(), node.Config{Dir: dir, Reach: &node.ReachSettings{Mode: reach.ModeTor}}); !errors.Is(err, node.ErrSettings) {
		t.Errorf("settings that do not work: %v", err)
	}
}

// TestDamagedSettings keeps a node shut whose settings cannot be read: it must not
// show somebody to the network who had asked for Tor.
func TestDamagedSettings(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string][]byte{"garbage": {1, 2, 3}, "a mode of a later version": {0xa1, 0x01, 0x61, 'x'}, "Tor without a proxy": {0xa1, 0x01, 0x63, 't', 'o', 'r'}} {
		n := open(t, dir)
		before := n.ReachSettings()
		if err := n.WriteSettings(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{loopback}, NoMDNS: true}); !errors.Is(err, node.ErrDamaged) {
			t.Errorf("%s: %v", name, errors.Join(err, n.Close()))
		}
		n = openConfig(t, node.Config{Dir: dir, Reach: &before}) // the way out
		if err := n.SetReachSettings(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReopenWith: settings with which the node cannot be opened leave it as it was,
// open, although it has a passphrase that nobody is asked for.
func TestReopenWith(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	covert := node.ReachSettings{Mode: reach.ModeCovert}
	dir := t.TempDir()
	n := openConfig(t, node.Config{Dir: dir, Reach: &covert})
	if err := errors.Join(n.SetReachSettings(t.Context(), covert), n.SetPassphrase(t.Context(), nil, []byte("a long passphrase"), nil), n.Close()); err != nil {
		t.Fatal(err)
	}
	// Where only bridges are used, nothing listens: the port is not wanted.
	n, err = node.Open(t.Context(), node.Config{Dir: dir, Passphrase: []byte("a long passphrase"), Listen: []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	me := n.Me()
	m, err := n.ReopenWith(t.Context(), node.ReachSettings{NoDHT: true})
	if err == nil || m == nil || m == n {
		t.Fatalf("with a port that is taken: %v, %v", m, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if m.Me() != me || m.StoredReachSettings() != covert {
		t.Errorf("%+v with %+v", m.Me(), m.StoredReachSettings())
	}
	if err := busy.Close(); err != nil {
		t.Fatal(err)
	}
	k, err := m.ReopenWith(t.Context(), node.ReachSettings{Mode: reach.ModeLAN, NoDHT: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	if k.Me() != me || k.StoredReachSettings() != (node.ReachSettings{Mode: reach.ModeLAN, NoDHT: true}) {
		t.Errorf("%+v with %+v", k.Me(), k.StoredReachSettings())
	}
	if same, err := k.ReopenWith(t.Context(), node.ReachSettings{Mode: "magic"}); same != k || !errors.Is(err, node.ErrSettings) {
		t.Errorf("refused at once: %v, %v", same, err)
	}
}

// TestBridgeSettings: a bridge that nobody can reach is refused, not opened.
func TestBridgeSettings(t *testing.T) {
	bridge := &node.BridgeConfig{Listen: "127.0.0.1:0"}
	_, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Listen: []string{loopback}, NoMDNS: true, LANOnly: true, Bridge: bridge})
	if !errors.Is(err, node.ErrSettings) {
		t.Errorf("this network only: %v", err)
	}
	n := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: bridge})
	for _, s := range []node.ReachSettings{{Mode: reach.ModeLAN}, {Mode: reach.ModeTor, SOCKS: "127.0.0.1:9050"}} {
		if err := n.SetReachSettings(t.Context(), s); !errors.Is(err, node.ErrSettings) {
			t.Errorf("%s: %v", s.Mode, err)
		}
	}
	if err := n.SetReachSettings(t.Context(), node.ReachSettings{Mode: reach.ModeCovert}); err != nil {
		t.Errorf("a bridge that uses bridges: %v", err)
	}
}

// TestOnionPort: the port of an onion service is not taken over when Tor only is over.
func TestOnionPort(t *testing.T) {
	dir := t.TempDir()
	port := func(mode node.ReachSettings) string {
		t.Helper()
		n, err := node.Open(t.Context(), node.Config{Dir: dir, NoMDNS: true, Reach: &mode})
		if err != nil {
			t.Fatal(err)
		}
		at := strings.Split(n.Status().Addresses[0], "/")
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		return at[4]
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	onion := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	lan := node.ReachSettings{Mode: reach.ModeLAN}
	before := port(lan)
	port(node.ReachSettings{Mode: reach.ModeTor, SOCKS: "127.0.0.1:1", Onion: fmt.Sprintf("%s.onion:%d", strings.Repeat("a", 56), onion)})
	if after := port(lan); after != before {
		t.Errorf("port %s, before Tor %s", after, before)
	}
}
