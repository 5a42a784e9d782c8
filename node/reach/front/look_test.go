package front

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestHandshakes makes many handshakes with each profile, since a handshake is
// drawn at random each time and has been seen to fail one time in seven.
func TestHandshakes(t *testing.T) {
	const rounds = 120
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	hellos := make(chan *tls.ClientHelloInfo, 1)
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hellos <- h
		return nil, nil
	}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	d := Door{Name: "bridge.example", Pin: pinOf(s.Certificate())}
	for _, look := range Looks() {
		t.Run(look, func(t *testing.T) {
			c := Client{Look: look}
			for i := range rounds {
				v, err := c.visit(s.Listener.Addr().String(), d)
				if err != nil {
					t.Fatal(err)
				}
				tcp, err := net.Dial("tcp", v.addr)
				if err != nil {
					t.Fatal(err)
				}
				conn, err := v.handshake(t.Context(), &raw{Conn: tcp, done: func() {}})
				if err != nil {
					t.Fatalf("handshake %d: %v", i, err)
				}
				_ = conn.Close()
				h := <-hellos
				checkHello(t, h)
				if i == 0 {
					checkFingerprint(t, look, h)
				}
			}
		})
	}
}

func checkHello(t *testing.T, h *tls.ClientHelloInfo) {
	t.Helper()
	if h.ServerName != "bridge.example" || !slices.Equal(h.SupportedProtos, []string{"http/1.1"}) {
		t.Errorf("it asks %q for %q", h.ServerName, h.SupportedProtos)
	}
	if !slices.Contains(h.SupportedVersions, tls.VersionTLS13) {
		t.Error("it does not offer TLS 1.3")
	}
	seen := map[uint16]bool{}
	for _, e := range h.Extensions {
		if seen[e] {
			t.Errorf("extension %d stands twice in %v", e, h.Extensions)
		}
		seen[e] = true
		if e == 17513 || e == 17613 {
			t.Error("it offers settings for HTTP/2, which it does not offer")
		}
	}
}

// checkFingerprint holds a handshake against captures of real browsers that others
// have published. Chrome's HTTP/2 settings, which are left out for a WebSocket, count
// in its capture.
func checkFingerprint(t *testing.T, look string, h *tls.ClientHelloInfo) {
	t.Helper()
	extensions := h.Extensions
	if look == "chrome" || look == "edge" {
		extensions = append(slices.Clone(extensions), 17613)
	}
	want := map[string]string{
		"chrome": "8daaf6152771_d8a2da3f94cd", "edge": "8daaf6152771_d8a2da3f94cd", // Chrome 143
		"safari": "a09f3c656075_e42f34c56612", "ios": "a09f3c656075_e42f34c56612", // Safari 26.0.1
	}[look]
	if got := ja4(h, extensions); want != "" && got != want {
		t.Errorf("JA4 %s, real ones %s", got, want)
	}
	if look == "firefox" { // 149, by JA3 without the order; the order is that of 134
		order := []uint16{0, 23, 65281, 10, 11, 35, 16, 5, 34, 18, 51, 43, 13, 45, 28, 27, 65037}
		groups := []tls.CurveID{4588, 29, 23, 24, 25, 256, 257}
		if !slices.Equal(h.Extensions, order) || !slices.Equal(h.SupportedCurves, groups) {
			t.Errorf("extensions %v, groups %v", h.Extensions, h.SupportedCurves)
		}
	}
}

// ja4 returns the parts b and c of a JA4 fingerprint.
func ja4(h *tls.ClientHelloInfo, extensions []uint16) string {
	grease := func(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
	hexes := func(all []uint16, sorted bool) string {
		var s []string
		for _, v := range all {
			if !grease(v) {
				s = append(s, fmt.Sprintf("%04x", v))
			}
		}
		if sorted {
			slices.Sort(s)
		}
		return strings.Join(s, ",")
	}
	short := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:6]) }
	// The server's name and ALPN do not count.
	extensions = slices.DeleteFunc(slices.Clone(extensions), func(e uint16) bool { return e == 0 || e == 16 })
	var schemes []uint16
	for _, s := range h.SignatureSchemes {
		schemes = append(schemes, uint16(s))
	}
	return short(hexes(h.CipherSuites, true)) + "_" + short(hexes(extensions, true)+"_"+hexes(schemes, false))
}

// TestKnownHellos: every handshake that a record may name can be made.
func TestKnownHellos(t *testing.T) {
	for name := range hellos {
		if _, err := helloOf(name); err != nil {
			t.Error(err)
		}
	}
}

// TestLookIsKept: the same door, the same browser; many doors, all browsers.
func TestLookIsKept(t *testing.T) {
	seen := map[string]int{}
	for n := range 200 {
		d := Door{Pass: passOf(byte(n))}
		one, err := (&Client{}).lookFor(d)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := (&Client{}).lookFor(d)
		if one.Look != two.Look {
			t.Fatal("the browser changes")
		}
		seen[one.Look]++
	}
	if len(seen) != len(Looks())-1 || seen["go"] != 0 {
		t.Errorf("chosen: %v", seen)
	}
}

// TestBlockedBrowser: where a censor drops one browser's handshake, the next has its
// turn, and stays once it works; a client that is told what to look like does not
// look like anything else.
func TestBlockedBrowser(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	d := door(s, passOf(1))
	first, err := (&Client{}).lookFor(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, look := range []string{"", first.Look} {
		blocked := true
		c := Client{Look: look, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil && blocked {
				_ = conn.Close()
			}
			return conn, err
		}}
		for i := range failsMost {
			if now, _ := c.lookFor(d); now.Look != first.Look {
				t.Fatalf("it looks like %s after %d", now.Look, i)
			}
			if _, err := c.Veil(t.Context(), s.Addr().String(), d); err == nil {
				t.Fatal("it came through")
			}
		}
		second, _ := c.lookFor(d)
		if (second.Look == first.Look) != (look != "") {
			t.Errorf("told %q, it looks like %s and then like %s", look, first.Look, second.Look)
		}
		blocked = false
		for range 2 {
			conn, err := c.Veil(t.Context(), s.Addr().String(), d)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if now, _ := c.lookFor(d); now.Look != second.Look {
				t.Errorf("from %s it goes on to %s although it works", second.Look, now.Look)
			}
		}
	}
}

func TestCookie(t *testing.T) {
	for range 1000 {
		n := len(builtIn[0].request("bridge.example").Get("Cookie"))
		if n < cookieLeast || n > cookieMost {
			t.Fatalf("a cookie of %d bytes", n)
		}
	}
}

func signed(t testing.TB, key ed25519.PrivateKey, r any) []byte {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(ed25519.Sign(key, append([]byte(profilesDomain), body...)), body...)
}

func TestSetProfiles(t *testing.T) {
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := profile{"chrome", "chrome-131", "Mozilla/5.0 (new)", [][2]string{{"Accept-Language", "de"}}}
	good := profilesRecord{Serial: 5, Profiles: []profile{p}}
	c := Client{Look: "chrome", ProfilesKey: public}
	if err := c.SetProfiles(signed(t, secret, good)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.lookFor(Door{}); err != nil || got.Agent != p.Agent || got.Hello != p.Hello {
		t.Fatalf("%v, %v", got, err)
	}
	with := func(change func(*profile)) []byte {
		q := p
		change(&q)
		return signed(t, secret, profilesRecord{Serial: 6, Profiles: []profile{p, q}})
	}
	broken := signed(t, secret, good)
	broken[len(broken)-2]++
	for name, record := range map[string][]byte{
		"nothing":         nil,
		"only a name":     make([]byte, 64),
		"a stranger's":    signed(t, stranger, good),
		"changed":         broken,
		"older":           signed(t, secret, profilesRecord{Serial: 4, Profiles: []profile{p}}),
		"none":            signed(t, secret, profilesRecord{Serial: 6}),
		"no browser":      signed(t, secret, profilesRecord{Serial: 6, Profiles: []profile{{"go", "go", "x", nil}}}),
		"too many":        signed(t, secret, profilesRecord{Serial: 6, Profiles: slices.Repeat([]profile{p}, profilesMost+1)}),
		"unknown hello":   with(func(p *profile) { p.Hello = "netscape-4" }),
		"no name":         with(func(p *profile) { p.Look = "" }),
		"no agent":        with(func(p *profile) { p.Agent = "" }),
		"a line break":    with(func(p *profile) { p.Agent = "a\r\nHost: b" }),
		"reserved":        with(func(p *profile) { p.Header = [][2]string{{"HOST", "b"}} }),
		"a handshake's":   with(func(p *profile) { p.Header = [][2]string{{"Sec-WebSocket-Key", "b"}} }),
		"a long line":     with(func(p *profile) { p.Agent = strings.Repeat("a", lineMost+1) }),
		"many lines":      with(func(p *profile) { p.Header = slices.Repeat([][2]string{{"A", "b"}}, linesMost+1) }),
		"unknown field":   signed(t, secret, map[string]any{"serial": 6, "profiles": []profile{p}, "more": 1}),
		"something after": signed(t, secret, json.RawMessage(`{"serial":6,"profiles":[]}`)),
	} {
		if err := c.SetProfiles(record); !errors.Is(err, ErrProfiles) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, _ := c.lookFor(Door{}); got.Agent != p.Agent {
		t.Error("a refused record changed something")
	}
	if err := (&Client{}).SetProfiles(signed(t, secret, good)); !errors.Is(err, ErrProfiles) {
		t.Errorf("without a key: %v", err)
	}
}

// FuzzProfiles: whatever is taken can be used.
func FuzzProfiles(f *testing.F) {
	good, err := json.Marshal(profilesRecord{Serial: 1, Profiles: builtIn})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"serial":1,"profiles":[{"look":"a","hello":"go","agent":"b","header":[["c","d"]]}]}`))
	f.Add([]byte(`{"profiles":[{"header":[["c"]]}]}{}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeProfiles(body)
		if err != nil {
			if !errors.Is(err, ErrProfiles) {
				t.Error(err)
			}
			return
		}
		for _, p := range r.Profiles {
			c := Client{profiles: r.Profiles, Look: p.Look}
			if _, err := c.lookFor(Door{}); err != nil {
				t.Error(err)
			}
			req, err := http.NewRequest("GET", "https://bridge.example/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header = p.request("bridge.example")
			var b strings.Builder
			if err := req.Write(&b); err != nil {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}
