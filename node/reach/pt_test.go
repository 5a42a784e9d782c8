package reach

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// asProgram is set in the environment of this test binary where it is to be a program
// for pluggable transports: "good", or what is wrong with it.
const asProgram = "LINNET_TEST_AS_PROGRAM"

// ptSecret are the arguments that the test's transport wants.
const ptSecret = `cert=a\;b;mode=2`

// runProgram is a pluggable transport that disguises nothing: a SOCKS5 proxy that wants
// the right arguments. It ends when its input does.
func runProgram() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	switch os.Getenv(asProgram) {
	case "mute":
	case "error":
		fmt.Println("ENV-ERROR no state for me")
	case "afar":
		fmt.Println("VERSION 1\nCMETHOD plain socks5 192.0.2.1:1\nCMETHODS DONE")
	default:
		if os.Getenv("TOR_PT_MANAGED_TRANSPORT_VER") != "1" || os.Getenv("TOR_PT_CLIENT_TRANSPORTS") != "plain,other" || os.Getenv("TOR_PT_STATE_LOCATION") == "" {
			fmt.Println("ENV-ERROR the environment is not as the specification has it")
			return
		}
		fmt.Println("VERSION 1\nCMETHOD plain socks5 " + l.Addr().String() + "\nCMETHOD-ERROR other unknown\nLOG SEVERITY=notice MESSAGE=hello\nCMETHODS DONE")
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go disguise(c)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func disguise(c net.Conn) {
	defer c.Close()
	take := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	take(int(take(2)[1]))
	_, _ = c.Write([]byte{5, 2})
	user := string(take(int(take(2)[1])))
	password := string(take(int(take(1)[0])))
	if user != ptSecret || password != "\x00" {
		_, _ = c.Write([]byte{1, 1})
		return
	}
	_, _ = c.Write([]byte{1, 0})
	ask := take(10) // IPv4
	out, err := net.Dial("tcp", fmt.Sprintf("%d.%d.%d.%d:%d", ask[4], ask[5], ask[6], ask[7], int(ask[8])<<8|int(ask[9])))
	if err != nil {
		_, _ = c.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() { _, _ = io.Copy(out, c); _ = out.Close() }()
	_, _ = io.Copy(c, out)
}

// programLine runs this test binary as a pluggable transport.
func programLine(t *testing.T, how string) string {
	t.Helper()
	t.Setenv(asProgram, how)
	return "plain,other exec " + os.Args[0]
}

// TestProgram: a covert node reaches another through a program of its own, which ends
// with it.
func TestProgram(t *testing.T) {
	b := openWorld(t, 2, Config{Listen: []string{anyTCP}})
	a := openWorld(t, 1, Config{Settings: Settings{Mode: ModeCovert}, Transports: []string{programLine(t, "good")}})
	c, err := ParseAddress(fmt.Sprintf("plain %s %s cert=a;b mode=2", listenAddr(t, b), b.ID()))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Keep(c); err != nil {
		t.Fatal(err)
	}
	until(t, a, "through the program", func() bool { return a.Way(b.ID()) == WayPT })
	if _, ok := a.Contact(b.ID()); ok {
		t.Error("it would tell the way")
	}
	run := a.programs["plain"].run
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if run.cmd.ProcessState == nil {
		t.Error("the program still runs")
	}
	if _, err := os.Stat(run.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder stays: %v", err)
	}
}

// TestBadPrograms: a program that does not do its part is said so, and its proxy
// elsewhere is not used.
func TestBadPrograms(t *testing.T) {
	for how, want := range map[string]string{"error": "no state for me", "afar": "no transport that this node can use"} {
		m, err := parsePrograms(t.Context(), []string{programLine(t, how)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m["plain"].method("plain"); !errors.Is(err, errProgram) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", how, err)
		}
		m["plain"].close()
	}
	m, err := parsePrograms(t.Context(), []string{"plain exec /nowhere/at/all"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m["plain"].method("plain"); !errors.Is(err, errProgram) {
		t.Errorf("no program: %v", err)
	}
	for _, line := range []string{"", "obfs4", "obfs4 /usr/bin/x", "ob-fs4 exec x", "a,a exec x"} {
		if _, err := parsePrograms(t.Context(), []string{line}); !errors.Is(err, ErrSettings) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzPTLine(f *testing.F) {
	const id = " 12D3KooWH3uVF6wv47WnArKHk5p6cvgCJEb74UTmxztmQDc298L3 "
	f.Add("obfs4 192.0.2.1:443" + id + "cert=x iat-mode=0")
	f.Add("a [2001:db8::1]:1" + id)
	f.Add("a [::ffff:1.2.3.4]:1" + id)
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parsePTLine(s)
		if err != nil {
			return
		}
		info, err := c.info()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range info.Addrs {
			line, err := decodePT(a[len(a)-1].RawValue())
			if err != nil || !isPT(a) || isTellable(a) || strings.Contains(a.String(), line.args) && line.args != "" {
				t.Errorf("%q becomes %s, %v", s, a, err)
			}
		}
	})
}

func FuzzPTAddress(f *testing.F) {
	f.Add(ptLine{"obfs4", "cert=x"}.bytes())
	f.Add([]byte{0})
	f.Add([]byte{255, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodePT(b)
		if err == nil && string(l.bytes()) != string(b) {
			t.Errorf("%x is read as %+v", b, l)
		}
		if err == nil && (len(l.auth().User) > 255 || len(l.auth().Password) > 255 || len(l.auth().Password) == 0) {
			t.Errorf("%+v has no room in SOCKS", l)
		}
		_, _ = ma.NewMultiaddrBytes(b)
	})
}
