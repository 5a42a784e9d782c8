package reach

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/linnet-im/linnet/node/reach/front"
)

// The traffic that the classifiers are shown (classifiers_linux_test.go): this test
// binary runs once more in each of two network namespaces, as a bridge and as those
// who come.

const (
	classifyEcho = "/linnet-test/echo/1"
	classifyAt   = "10.91.8.1"
)

// classifyBridge is told to those who come on the bridge's first line.
type classifyBridge struct {
	id, plain peer.ID
	name      string
	pin       [32]byte
}

// TestClassifyRole is no test: it is a bridge or a client in a namespace.
func TestClassifyRole(t *testing.T) {
	role := strings.Fields(os.Getenv("LINNET_CLASSIFY_ROLE"))
	if len(role) == 0 {
		return
	}
	if role[0] == "bridge" {
		beBridge(t)
		return
	}
	var b classifyBridge
	var n int
	var id, plain, pin string
	if _, err := fmt.Sscan(strings.Join(role[1:], " "), &n, &id, &plain, &b.name, &pin); err != nil {
		t.Fatal(err)
	}
	var err1, err2, err3 error
	b.id, err1 = peer.Decode(id)
	b.plain, err2 = peer.Decode(plain)
	var raw []byte
	raw, err3 = hex.DecodeString(pin)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	b.pin = [32]byte(raw)
	for i := range n {
		look := front.Looks()[i%len(front.Looks())]
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if err := come(ctx, role[0], look, b, i); err != nil {
			t.Errorf("%s %d as %s: %v", role[0], i, look, err)
		}
		cancel()
	}
}

// beBridge serves until its standard input ends.
func beBridge(t *testing.T) {
	h := openWorld(t, 2, Config{
		Settings: Settings{Mode: ModeCovert},
		Bridge:   &BridgeConfig{Listen: classifyAt + ":443", Key: bytes.Repeat([]byte{2}, 32), Passes: []Pass{{1}}},
	})
	plain, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/"+classifyAt+"/tcp/4001"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	for _, h := range []host.Host{h.LibP2P(), plain} {
		h.SetStreamHandler(classifyEcho, func(s network.Stream) {
			defer s.Close()
			_, _ = io.Copy(s, s)
		})
	}
	s := h.bridge.server
	pin := s.Pin()
	fmt.Printf("bridge %s %s %s %s\n", h.ID(), plain.ID(), s.Name(), hex.EncodeToString(pin[:]))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// come goes to the bridge once, and talks a little.
func come(ctx context.Context, way, look string, b classifyBridge, i int) error {
	c := front.Client{Look: look}
	d := front.Door{Name: b.name, Pin: b.pin, Pass: Pass{1}}
	addr := classifyAt + ":443"
	switch way {
	case "web": // a browser that opens a page which is not there
		d.Pass = Pass{2}
		if conn, err := c.Veil(ctx, addr, d); err == nil {
			return fmt.Errorf("let in: %w", conn.Close())
		}
		return nil
	case "https":
		return browse(ctx, addr, b.name)
	case "libp2p":
		return talkOver(ctx, libp2p.Transport(tcp.NewTCPTransport), b.plain, "/ip4/"+classifyAt+"/tcp/4001", i)
	}
	dial := map[string]func(context.Context, string, front.Door) (net.Conn, error){"veil": c.Veil, "drip": c.Drip}[way]
	through := libp2p.Transport(func(u transport.Upgrader, r network.ResourceManager) *conduit {
		return &conduit{
			upgrader: u, resources: r, codes: []int{ma.P_TCP},
			can:  func(ma.Multiaddr) bool { return true },
			at:   func(a ma.Multiaddr, _ peer.ID) ma.Multiaddr { return a },
			dial: func(ctx context.Context, _ ma.Multiaddr, _ peer.ID) (net.Conn, error) { return dial(ctx, addr, d) },
		}
	})
	return talkOver(ctx, through, b.id, "/ip4/"+classifyAt+"/tcp/443", i)
}

// talkOver connects as a node does, identifies itself, and has some things echoed.
func talkOver(ctx context.Context, through libp2p.Option, id peer.ID, at string, i int) error {
	h, err := libp2p.New(libp2p.NoListenAddrs, through, libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.Security(noise.ID, noise.New),
		libp2p.UserAgent("linnet"), libp2p.ProtocolVersion("linnet"), libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Connect(ctx, peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast(at)}}); err != nil {
		return err
	}
	s, err := h.NewStream(network.WithAllowLimitedConn(ctx, "test"), id, classifyEcho)
	if err != nil {
		return err
	}
	defer s.Close()
	r := mathrand.New(mathrand.NewPCG(uint64(i), 1))
	for range 4 + r.IntN(8) {
		b := make([]byte, 40+r.IntN(2500))
		if _, err := s.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(s, b); err != nil {
			return err
		}
	}
	return nil
}

// browse opens the first page and what belongs to it, as Go's client does.
func browse(ctx context.Context, addr, name string) error {
	t := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: name}}
	defer t.CloseIdleConnections()
	for _, path := range []string{"/", "/style.css", "/favicon.ico"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+addr+path, nil)
		if err != nil {
			return err
		}
		r.Host = name
		answer, err := t.RoundTrip(r)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// childIn is this test binary in another namespace, in a role.
func childIn(ns, role string) *exec.Cmd {
	cmd := exec.Command("ip", "netns", "exec", ns, os.Args[0], "-test.run=^TestClassifyRole$", "-test.timeout=10m")
	cmd.Env = append(os.Environ(), "LINNET_CLASSIFY_ROLE="+role)
	cmd.Stderr = os.Stderr
	return cmd
}
