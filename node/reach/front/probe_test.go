package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestProbes puts every probe to a bridge and to a plain web server with the same
// site, and compares what each answers, byte for byte but for the time of day, and
// after how long (in virtual time).
func TestProbes(t *testing.T) {
	if len(probes()) < 50 {
		t.Errorf("only %d probes", len(probes()))
	}
	synctest.Test(t, func(t *testing.T) { runProbes(t, Config{}) })
}

// TestProbesOfBorrowedSite does the same where the bridge shows a real site, which
// tells what it was asked.
func TestProbesOfBorrowedSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		real := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "robots") {
				w.WriteHeader(http.StatusTeapot)
			}
			for _, line := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via"} {
				if r.Header.Get(line) != "" {
					t.Errorf("the site learns %s", line)
				}
			}
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %q %d %v\n", r.Method, r.URL, r.Host, len(body), err != nil)
		})}
		done := make(chan struct{})
		go func() { defer close(done); _ = real.Serve(m) }()
		runProbes(t, Config{Site: "http://192.0.2.7", dialSite: m.dial})
		_ = real.Close()
		<-done
	})
}

func runProbes(t *testing.T, cfg Config) {
	m := newMemory()
	cfg.Key, cfg.Passes = seed, []pass{passOf(1), passOf(2)}
	bridge, err := Open(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer bridge.Close()
	pm := newMemory()
	site, err := newSite(cfg, bridge.Name())
	if err != nil {
		t.Fatal(err)
	}
	plain := newHTTP(site, bridge.cert)
	done := make(chan struct{})
	go func() { defer close(done); _ = plain.ServeTLS(pm, "", "") }()
	defer func() { _ = plain.Close(); <-done; site.close() }()

	time.Sleep(3 * time.Hour) // so that old tickets are not refused for the start alone
	p := prepare(t, bridge, m.dial)
	different := map[string]bool{}
	for _, probe := range probes() {
		got, want := probe.run(t, p, m.dial), probe.run(t, p, pm.dial)
		// Go's HTTP/2 may or may not get its settings out before it gives a broken
		// connection up, and its reverse proxy may say 100 once or twice: there, what a
		// plain server answers too, in some runs, is right.
		for tries := 0; got != want && probe.torn && tries < 1000; tries++ {
			got, want = probe.run(t, p, m.dial), probe.run(t, p, pm.dial)
		}
		if got != want {
			t.Errorf("%s: the bridge answers\n%.2000s\na plain server\n%.2000s", probe.name, got, want)
		}
		if want == "" {
			t.Errorf("%s: nothing was seen", probe.name)
		}
		different[want] = true
	}
	if len(different) < 30 {
		t.Errorf("only %d different answers: the probes ask too little", len(different))
	}
}

// stolen is what a prober may have got hold of.
type stolen struct {
	name                     string // of the site
	replay, replayDrip       string // paths that were used
	revoked, revokedDrip     string // of a pass that was taken back
	old, otherWay, otherPass string
}

// prepare uses tickets, takes a pass back, and makes sure that what is stolen was
// good once.
func prepare(t *testing.T, s *Server, dial dialer) stolen {
	now := time.Now()
	fresh := func(n byte, way string) string { return ticketAt(now).path(passOf(n), way) }
	p := stolen{
		name: s.Name(), replay: fresh(1, Veil), replayDrip: fresh(1, Drip),
		revoked: fresh(2, Veil), revokedDrip: fresh(2, Drip), otherPass: fresh(3, Veil), otherWay: fresh(1, Drip),
		old: ticketAt(now.Add(-2*time.Hour)).path(passOf(1), Veil),
	}
	if got := overTLS(upgrade(p.name, p.replay))(t, p, dial); !strings.Contains(got, "101 Switching Protocols") {
		t.Fatalf("a good ticket is answered %.300q", got)
	}
	// What drip makes of an empty request is its own affair: the site's answer would
	// be 200 and a page.
	if got := overTLS("POST "+p.replayDrip+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")(t, p, dial); !strings.Contains(got, "400 Bad Request") {
		t.Fatalf("a good ticket for drip is answered %.300q", got)
	}
	s.SetPasses([]pass{passOf(1)})
	return p
}

type dialer = func(ctx context.Context, network, addr string) (net.Conn, error)

// probe is one way to find out whether a site is more than that. run returns all
// that a prober sees.
type probe struct {
	name string
	torn bool // see runProbes
	run  func(t *testing.T, p stolen, dial dialer) string
}

var dateLine = regexp.MustCompile(`(?mi)^Date: .*\r?\n`)

// watch reads to the end, or until an hour has gone by.
func watch(c net.Conn, began time.Time) string {
	_ = c.SetReadDeadline(time.Now().Add(time.Hour))
	b, err := io.ReadAll(io.LimitReader(c, 1<<20))
	how := "end"
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		how = "open"
	case err != nil:
		how = "cut"
		if s := err.Error(); strings.Contains(s, "tls:") {
			how = s
		}
	}
	return dateLine.ReplaceAllString(string(b), "") + "\n" + how + "\nafter " + time.Since(began).String()
}

// overTCP sends bytes to the bare port.
func overTCP(parts ...string) func(*testing.T, stolen, dialer) string {
	return func(t *testing.T, p stolen, dial dialer) string {
		c, err := dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return speak(c, p, parts)
	}
}

// closing, as the last part, ends the sending side.
const closing = "\x00close"

// pausing, as a part, waits for five seconds.
const pausing = "\x00pause"

func speak(c net.Conn, p stolen, parts []string) string {
	began := time.Now()
	fill := strings.NewReplacer("$NAME", p.name, "$REPLAYDRIP", p.replayDrip, "$REPLAY", p.replay, "$REVOKEDDRIP", p.revokedDrip, "$REVOKED", p.revoked,
		"$OLD", p.old, "$OTHERWAY", p.otherWay, "$OTHERPASS", p.otherPass)
	for _, part := range parts {
		switch part {
		case closing:
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
		case pausing:
			time.Sleep(5 * time.Second)
		default:
			if _, err := io.WriteString(c, fill.Replace(part)); err != nil {
				break // the server has had enough; what it said is still there
			}
		}
	}
	return watch(c, began)
}

// overTLS sends bytes inside TLS, as a browser would that speaks HTTP/1.1.
func overTLS(parts ...string) func(*testing.T, stolen, dialer) string {
	return withTLS(&tls.Config{NextProtos: []string{"http/1.1"}}, parts...)
}

func withTLS(cfg *tls.Config, parts ...string) func(*testing.T, stolen, dialer) string {
	return func(t *testing.T, p stolen, dial dialer) string {
		raw, err := dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		cfg := cfg.Clone()
		cfg.InsecureSkipVerify = true
		if cfg.ServerName == "" {
			cfg.ServerName = p.name
		}
		if cfg.ServerName == "-" {
			cfg.ServerName = ""
		}
		c := tls.Client(raw, cfg)
		if err := c.Handshake(); err != nil {
			return "handshake: " + err.Error()
		}
		s := c.ConnectionState()
		head := fmt.Sprintf("TLS %x %x %q %x %v\n", s.Version, s.CipherSuite, s.NegotiatedProtocol, s.PeerCertificates[0].Raw, s.CurveID)
		return head + speak(c, p, parts)
	}
}

// overHTTP2 makes a request as a browser that speaks HTTP/2.
func overHTTP2(method, path string, body string) func(*testing.T, stolen, dialer) string {
	return func(t *testing.T, p stolen, dial dialer) string {
		began := time.Now()
		tr := &http.Transport{ForceAttemptHTTP2: true, DialContext: dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: p.name}}
		defer tr.CloseIdleConnections()
		fill := strings.NewReplacer("$REPLAYDRIP", p.replayDrip, "$REPLAY", p.replay, "$OTHERWAY", p.otherWay)
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+p.name+fill.Replace(path), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := tr.RoundTrip(r)
		if err != nil {
			return "error: " + err.Error()
		}
		defer answer.Body.Close()
		b, err := httputil.DumpResponse(answer, true)
		if err != nil {
			return "error: " + err.Error()
		}
		return answer.Proto + dateLine.ReplaceAllString(string(b), "") + "\nafter " + time.Since(began).String()
	}
}

// upgrade is a proper request for a WebSocket, after which nothing is sent.
func upgrade(name, path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + name + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
}
