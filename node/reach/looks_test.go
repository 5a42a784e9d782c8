package reach

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/linnet-im/linnet/node/reach/front"
)

// looking is what a bridge's owner writes: a browser that no guest has by itself.
func looking(serial int, agent string) []byte {
	return fmt.Appendf(nil, `{"serial": %d, "profiles": [{"look": "chrome", "hello": "firefox-120", "agent": %q, "header": [["Accept", "*/*"]]}]}`, serial, agent)
}

// lookingBridge is the configuration of a bridge whose certificate a witness can have too.
func lookingBridge(t *testing.T, passes ...Pass) BridgeConfig {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"www.example.org"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := BridgeConfig{
		Listen: "127.0.0.1:0", Name: "www.example.org", Key: bytes.Repeat([]byte{2}, 32), Passes: passes,
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
	}
	for file, block := range map[string]*pem.Block{cfg.CertFile: {Type: "CERTIFICATE", Bytes: der}, cfg.KeyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// visit is what a witness sees of somebody: the TLS handshake, and who the first
// request says that it is.
type visit struct {
	hello *tls.ClientHelloInfo
	agent string
}

// isNew reports whether the handshake is Firefox 120's, which nobody has by itself.
func (v visit) isNew() bool {
	return slices.Contains(v.hello.SupportedCurves, 256) && !slices.Contains(v.hello.SupportedCurves, tls.X25519MLKEM768)
}

// witness stands before a bridge, has its certificate, and looks at who comes.
type witness struct {
	l   net.Listener
	cfg *tls.Config
	wg  sync.WaitGroup

	mu     sync.Mutex
	to     string
	seen   []visit
	refuse bool // new handshakes
}

func newWitness(t *testing.T, cfg BridgeConfig) *witness {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &witness{l: l, cfg: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}}
	ctx, cancel := context.WithCancel(t.Context())
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { w.pass(ctx, c) })
		}
	})
	t.Cleanup(func() { cancel(); _ = l.Close(); w.wg.Wait() })
	return w
}

func (w *witness) pass(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	var v visit
	cfg := w.cfg.Clone()
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		v.hello = h
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.refuse && v.isNew() {
			return nil, errors.New("refused")
		}
		return nil, nil
	}
	s := tls.Server(c, cfg)
	if err := s.HandshakeContext(ctx); err != nil {
		return
	}
	var head bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReaderSize(io.TeeReader(s, &head), 16)) // what it read ahead is in head too
	if err != nil {
		return
	}
	v.agent = r.UserAgent()
	w.mu.Lock()
	w.seen = append(w.seen, v)
	to := w.to
	w.mu.Unlock()
	b, err := tls.Dial("tcp", to, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer b.Close()
	defer context.AfterFunc(ctx, func() { _ = b.Close() })()
	w.wg.Go(func() { _, _ = io.Copy(s, b); _ = s.Close() })
	if _, err := b.Write(head.Bytes()); err == nil {
		_, _ = io.Copy(b, s)
	}
}

// visits returns what was seen, and forgets it.
func (w *witness) visits() []visit {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.seen
	w.seen = nil
	return out
}

func (w *witness) set(to string, refuse bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to, w.refuse = to, refuse
}

// stored is what a guest was told and keeps.
type stored struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (s *stored) keep(peer string, record []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[peer] = record
}

func (s *stored) of(peer string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[peer]
}

// TestLooks: a bridge tells its guests how to look, and they look so from the next
// visit on, also after a restart, and until there is something newer; where that leads
// nowhere, they look as they did.
func TestLooks(t *testing.T) {
	pass := Pass{1, 2, 3}
	cfg := lookingBridge(t, pass)
	w := newWitness(t, cfg)
	openB := func(serial int, agent string) *Host {
		cfg := cfg
		cfg.Looks = looking(serial, agent)
		b := openWorld(t, 2, Config{Settings: Settings{Mode: ModeCovert}, Bridge: &cfg})
		w.set(b.bridge.server.Addr().String(), false)
		return b
	}
	known := &stored{m: map[string][]byte{}}
	openA := func() *Host {
		return openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}, Looks: map[string][]byte{}, KeepLooks: known.keep})
	}
	b := openB(5, "Novel/5")
	c := doorsAt(t, b, pass, w.l.Addr().String())
	a := openA()
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "connected", func() bool { return a.IsConnected(b.ID()) })
	until(t, a, "told", func() bool { return known.of(b.ID()) != nil })
	first := w.visits()
	if len(first) == 0 {
		t.Error("nobody came")
	}
	for _, v := range first {
		if v.isNew() || v.agent == "Novel/5" {
			t.Errorf("it came as %q before it was told", v.agent)
		}
	}
	comesAs := func(a *Host, agent string) {
		t.Helper()
		_ = a.host.Network().ClosePeer(b.host.ID())
		w.visits()
		var last visit
		until(t, a, "to come as "+agent, func() bool {
			all := w.visits()
			if len(all) > 0 {
				last = all[len(all)-1]
			}
			return last.agent == agent && a.IsConnected(b.ID())
		})
		if !last.isNew() || !slices.Equal(last.hello.SupportedProtos, []string{"http/1.1"}) || last.hello.ServerName != "www.example.org" {
			t.Errorf("its handshake has %v, %v, %q", last.hello.SupportedCurves, last.hello.SupportedProtos, last.hello.ServerName)
		}
	}
	comesAs(a, "Novel/5")

	// What is older, the same, of somebody else, or nothing, changes nothing.
	line := a.doorTo(b.host.ID())
	if line == nil {
		t.Fatal("there is no line through the door")
	}
	_, stranger, _ := ed25519.GenerateKey(nil)
	own := ed25519.NewKeyFromSeed(append([]byte{2}, make([]byte, 31)...))
	for name, record := range map[string][]byte{
		"older":      signLooks(t, looking(4, "Novel/4"), own),
		"the same":   known.of(b.ID()),
		"no other's": signLooks(t, looking(9, "Novel/9"), stranger),
		"garbage":    bytes.Repeat([]byte{7}, 200),
	} {
		if err := a.looks.take(line, record); !errors.Is(err, front.ErrProfiles) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.looks.ask(line, 0); !errors.Is(err, front.ErrProfiles) { // it is told again
		t.Errorf("the same from the bridge itself: %v", err)
	}
	if err := a.looks.ask(line, 5); err != nil {
		t.Errorf("nothing new: %v", err)
	}
	if got := a.looks.of(b.host.ID()).Serial(); got != 5 {
		t.Fatalf("it is %d now", got)
	}

	// A restart keeps it: from the first visit on.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	w.visits()
	a = openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}, KeepLooks: known.keep, Looks: map[string][]byte{b.ID(): known.of(b.ID()), "x": nil, a.ID(): known.of(b.ID())}})
	if n := len(a.looks.known); n != 1 {
		t.Errorf("%d bridges' looks are known", n)
	}
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "connected again", func() bool { return a.IsConnected(b.ID()) })
	again := w.visits()
	if len(again) == 0 {
		t.Error("nobody came again")
	}
	for _, v := range again {
		if !v.isNew() || v.agent != "Novel/5" {
			t.Errorf("after a restart it came as %q", v.agent)
		}
	}

	// The bridge has others, and is asked again the next day.
	restart := func(serial int, agent string) {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = openB(serial, agent)
		until(t, a, "the bridge again", func() bool { return a.doorTo(b.host.ID()) != nil && len(a.looks.asked()) > 0 })
		a.looks.askDue(time.Now().Add(2 * looksEvery))
	}
	restart(6, "Novel/6")
	until(t, a, "told again", func() bool { return a.looks.of(b.host.ID()).Serial() == 6 })
	comesAs(a, "Novel/6")

	// Older ones of the bridge itself change nothing.
	restart(5, "Novel/5")
	comesAs(a, "Novel/6")

	// Somebody on the way drops what looks so.
	w.set(b.bridge.server.Addr().String(), true)
	_ = a.host.Network().ClosePeer(b.host.ID())
	w.visits()
	until(t, a, "through nevertheless", func() bool { return a.IsConnected(b.ID()) })
	came := w.visits()
	if len(came) == 0 {
		t.Error("nobody came")
	}
	for _, v := range came {
		if v.isNew() || v.agent == "Novel/6" {
			t.Errorf("it came as %q", v.agent)
		}
	}

	// Given up, it is forgotten.
	a.Forget(b.ID())
	if a.looks.of(b.host.ID()) != nil || len(a.looks.asked()) != 0 {
		t.Error("the looks of a bridge that was given up are still there")
	}
}

func signLooks(t *testing.T, file []byte, key ed25519.PrivateKey) []byte {
	t.Helper()
	record, err := front.SignProfiles(file, time.Now(), key)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// asked returns the bridges that are asked from time to time.
func (l *looks) asked() (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.asks {
		out = append(out, p.String())
	}
	return out
}

// TestLooksAreNotShown: who did not come through the door is answered by a bridge as
// by any other node.
func TestLooksAreNotShown(t *testing.T) {
	pass := Pass{1}
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}, Bridge: &BridgeConfig{
		Listen: "127.0.0.1:0", Name: "www.example.org", Key: bytes.Repeat([]byte{2}, 32), Passes: []Pass{pass}, Looks: looking(5, "Novel/5"),
	}})
	plain := openWorld(t, 3, Config{Listen: []string{anyTCP}})
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}})
	answers := func(h *Host, c network.Conn) []byte {
		t.Helper()
		s, err := a.host.NewStream(t.Context(), h.host.ID(), looksProtocol)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if c != nil && s.Conn() != c {
			t.Fatal("it goes another way")
		}
		if _, err := s.Write(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		record, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	for _, h := range []*Host{b, plain} {
		if _, err := a.Visit(t.Context(), h.Self()); err != nil {
			t.Fatal(err)
		}
		if got := answers(h, nil); len(got) != 0 {
			t.Errorf("it tells %q", got)
		}
	}
	one, err := a.host.Peerstore().GetProtocols(b.host.ID())
	if err != nil {
		t.Fatal(err)
	}
	two, err := a.host.Peerstore().GetProtocols(plain.host.ID())
	if err != nil || slices.Contains(one, looksProtocol) != slices.Contains(two, looksProtocol) || !slices.Contains(one, looksProtocol) {
		t.Errorf("a bridge speaks %v, a node %v, %v", one, two, err)
	}
	// The same guest through the door.
	if err := a.host.Network().ClosePeer(b.host.ID()); err != nil {
		t.Fatal(err)
	}
	a.host.Peerstore().ClearAddrs(b.host.ID())
	if _, err := a.Visit(t.Context(), doorsAt(t, b, pass, "")); err != nil {
		t.Fatal(err)
	}
	if got := answers(b, a.doorTo(b.host.ID())); !bytes.Contains(got, []byte("Novel/5")) {
		t.Errorf("through the door it tells %q", got)
	}
}

// TestBadLooks: what a bridge's owner wrote and cannot stand is named when it starts.
func TestBadLooks(t *testing.T) {
	cfg := Config{Key: make([]byte, 32), NoMDNS: true, Bridge: &BridgeConfig{Listen: "127.0.0.1:0", Key: make([]byte, 32), Looks: []byte(`{"profiles": [{"look": "chrome", "hello": "netscape-4", "agent": "x"}]}`)}}
	h, err := Open(t.Context(), cfg)
	if h != nil || !errors.Is(err, ErrSettings) || !bytes.Contains([]byte(err.Error()), []byte(`number 1: chrome has a TLS handshake "netscape-4"`)) {
		t.Errorf("%v", err)
	}
}
