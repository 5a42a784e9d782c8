package reach

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// TestObfs4: a covert node reaches another through Debian's obfs4proxy at both ends,
// and by no other way; nothing that libp2p says in clear is on the wire between the
// two; a program that dies is started again, and all end when the hosts do.
func TestObfs4(t *testing.T) {
	if os.Getenv("LINNET_OUTSIDE") == "" {
		t.Skip("set LINNET_OUTSIDE=1, as ./check does where obfs4proxy is there")
	}
	path, err := exec.LookPath("obfs4proxy")
	if err != nil {
		t.Fatal(err)
	}
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	b.host.SetStreamHandler("/test/echo", func(s network.Stream) { _, _ = io.Copy(s, s); _ = s.Close() })
	server := startObfs4(t, path, listenAddr(t, b))
	wire := newWiretap(t, server.at)

	a := openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}, Transports: []string{"obfs4 exec " + path}})
	c, err := ParseAddress(fmt.Sprintf("obfs4 %s %s cert=%s iat-mode=0", wire.l.Addr(), b.ID(), server.cert))
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "through obfs4", func() bool { return a.Way(b.ID()) == WayPT })
	t.Logf("connected after %v", time.Since(begun).Round(time.Millisecond))
	sendAndBack(t, a, b, 1<<20)
	lines(t, server.pid(), listenAddr(t, b))

	first := a.programs["obfs4"].run
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.ended
	until(t, a, "through obfs4 again", func() bool {
		p := a.programs["obfs4"]
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.run != nil && p.run != first && a.Way(b.ID()) == WayPT
	})
	sendAndBack(t, a, b, 1<<10)
	if carried := wire.seen(); len(carried) < 2<<20 {
		t.Errorf("%d bytes went between the programs, want 2 MB at least", len(carried))
	} else if word := inClear.Find(carried); word != nil {
		t.Errorf("between the programs one can read %q", word)
	}

	run := a.programs["obfs4"].run
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(run.cmd.Process.Pid) {
		t.Error("the client's program still runs")
	}
	if _, err := os.Stat(run.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder stays: %v", err)
	}
	server.stop(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestObfs4Shows is what TestObfs4 would see if nothing were disguised: the words that
// it looks for are on the wire of a plain connection. It needs no program.
func TestObfs4Shows(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	wire := newWiretap(t, listenAddr(t, b))
	a := openWorld(t, 1, Config{Listen: []string{anyTCP}})
	at := ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", wire.l.Addr().(*net.TCPAddr).Port))
	if _, err := a.Dial(t.Context(), contactOf(peer.AddrInfo{ID: b.host.ID(), Addrs: []ma.Multiaddr{at}})); err != nil {
		t.Fatal(err)
	}
	if inClear.Find(wire.seen()) == nil {
		t.Error("a plain connection does not show what it is")
	}
}

// inClear is what gives libp2p away: the first words on a TCP connection, and those of
// its TLS handshake.
var inClear = regexp.MustCompile(`/multistream/|/tls/1\.0\.0|/noise|libp2p|/yamux/`)

// sendAndBack sends n random bytes to a host that echoes them.
func sendAndBack(t *testing.T, from, to *Host, n int) {
	t.Helper()
	s, err := from.host.NewStream(network.WithNoDial(t.Context(), "test"), to.host.ID(), "/test/echo")
	if err != nil {
		t.Fatal(err)
	}
	_ = s.SetDeadline(time.Now().Add(20 * time.Second))
	want := make([]byte, n)
	_, _ = rand.Read(want) // crypto/rand does not fail
	begun := time.Now()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _, _ = s.Write(want); _ = s.CloseWrite() })
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d of %d bytes came back, or others: %v", len(got), n, err)
	}
	t.Logf("%d KB there and back in %v", n>>10, time.Since(begun).Round(time.Millisecond))
}

// lines shows that whoever is connected to a listener is a certain program, and not
// this process, in which both hosts are.
func lines(t *testing.T, pid int, to string) {
	t.Helper()
	if n := socketsTo(t, os.Getpid(), to); n != 0 {
		t.Errorf("this process has %d connections straight to %s", n, to)
	}
	if n := socketsTo(t, pid, to); n == 0 {
		t.Errorf("the program has no connection to %s", to)
	}
}

// socketsTo counts a process's TCP connections to an address on loopback.
func socketsTo(t *testing.T, pid int, to string) (n int) {
	t.Helper()
	_, port, err := net.SplitHostPort(to)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		t.Fatalf("the files of process %d cannot be seen: %v", pid, err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			own[strings.Trim(to, "socket:[]")] = true
		}
	}
	b, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		fields := strings.Fields(line)
		var remote int
		if len(fields) < 10 || !own[fields[9]] {
			continue
		}
		if _, err := fmt.Sscanf(portPart(fields[2]), "%X", &remote); err == nil && fmt.Sprint(remote) == port {
			n++
		}
	}
	return n
}

// obfs4Server is obfs4proxy as Tor runs it on a bridge (Pluggable Transport
// Specification 1, server side).
type obfs4Server struct {
	cmd  *exec.Cmd
	in   io.Closer
	at   string // where it listens
	cert string
}

// startObfs4 has obfs4proxy lead to an address.
func startObfs4(t *testing.T, path, to string) *obfs4Server {
	t.Helper()
	state := t.TempDir()
	s := &obfs4Server{cmd: exec.Command(path)}
	s.cmd.Env = append(os.Environ(), "TOR_PT_MANAGED_TRANSPORT_VER=1", "TOR_PT_STATE_LOCATION="+state, "TOR_PT_EXIT_ON_STDIN_CLOSE=1",
		"TOR_PT_SERVER_TRANSPORTS=obfs4", "TOR_PT_SERVER_BINDADDR=obfs4-127.0.0.1:0", "TOR_PT_ORPORT="+to)
	var out io.ReadCloser
	var err1, err2 error
	s.in, err1 = s.cmd.StdinPipe()
	out, err2 = s.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	late := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	said := bufio.NewScanner(out)
	for said.Scan() {
		fields := strings.Fields(said.Text())
		if len(fields) >= 3 && fields[0] == "SMETHOD" && fields[1] == "obfs4" {
			s.at = fields[2]
		}
		if len(fields) >= 2 && fields[0] == "SMETHODS" {
			break
		}
	}
	b, err := os.ReadFile(filepath.Join(state, "obfs4_bridgeline.txt"))
	cert := regexp.MustCompile(`(?m)^Bridge obfs4 .* cert=(\S+)`).FindSubmatch(b)
	if s.at == "" || err != nil || cert == nil {
		t.Fatalf("obfs4proxy is not ready: it listens at %q, %v, %s", s.at, err, b)
	}
	s.cert = string(cert[1])
	return s
}

func (s *obfs4Server) pid() int { return s.cmd.Process.Pid }

// stop has it go as Tor does: by the end of its input.
func (s *obfs4Server) stop(t *testing.T) {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.in.Close()
	late := time.AfterFunc(10*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server's program does not end with its input: %v", err)
	}
	if alive(s.pid()) {
		t.Error("the server's program still runs")
	}
}

// alive reports whether there is such a process.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// wiretap passes connections on and keeps what goes through.
type wiretap struct {
	l    net.Listener
	to   string
	wg   sync.WaitGroup
	mu   sync.Mutex
	data bytes.Buffer
	open []net.Conn
}

func newWiretap(t *testing.T, to string) *wiretap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{l: l, to: to}
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.mu.Lock()
		for _, c := range w.open {
			_ = c.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

// accept ends when the listener does.
func (w *wiretap) accept() {
	for {
		in, err := w.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		w.mu.Lock()
		w.open = append(w.open, in, out)
		w.mu.Unlock()
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(io.MultiWriter(w, to), from)
			_ = to.Close()
		}
		w.wg.Go(func() { pass(out, in) })
		w.wg.Go(func() { pass(in, out) })
	}
}

// Write keeps what has gone through, both directions in turn.
func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.data.Write(b)
}

func (w *wiretap) seen() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.data.Bytes())
}
