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
	"time"

	utls "github.com/refraction-networking/utls"
)

// witness starts a TLS server that tells of each ClientHello, until the test ends.
func witness(t *testing.T) (*httptest.Server, <-chan *tls.ClientHelloInfo) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	came := make(chan *tls.ClientHelloInfo, 1)
	s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		came <- h
		return nil, nil
	}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, came
}

// TestHandshakes makes many handshakes with each profile, since a handshake is
// drawn at random each time and has been seen to fail one time in seven.
func TestHandshakes(t *testing.T) {
	const rounds = 120
	s, hellos := witness(t)
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

func keys(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, secret
}

func signed(t testing.TB, key ed25519.PrivateKey, r any) []byte {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return append(ed25519.Sign(key, append([]byte(profilesDomain), body...)), body...)
}

// parsed are profiles as a bridge would have told of them.
func parsed(t testing.TB, serial int64, all ...profile) *Profiles {
	t.Helper()
	public, secret := keys(t)
	p, err := ParseProfiles(signed(t, secret, profilesRecord{Serial: serial, Profiles: all}), public)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var newChrome = profile{Look: "chrome", Hello: "chrome-131", Agent: "Mozilla/5.0 (new)", Header: [][2]string{{"Accept-Language", "de"}}}

func TestParseProfiles(t *testing.T) {
	public, secret := keys(t)
	_, stranger := keys(t)
	p := newChrome
	good := profilesRecord{Serial: 5, Profiles: []profile{p}}
	got, err := ParseProfiles(signed(t, secret, good), public)
	if err != nil || got.Serial() != 5 || len(got.all) != 1 || got.all[0].Agent != p.Agent {
		t.Fatalf("%+v, %v", got, err)
	}
	if (*Profiles)(nil).Serial() != 0 {
		t.Error("none has a serial number")
	}
	with := func(change func(*profile)) []byte {
		q := p
		change(&q)
		return signed(t, secret, profilesRecord{Serial: 6, Profiles: []profile{p, q}})
	}
	broken := signed(t, secret, good)
	broken[len(broken)-2]++
	otherDomain := signed(t, secret, good)
	copy(otherDomain, ed25519.Sign(secret, append([]byte("linnet/profiles/1"), otherDomain[64:]...)))
	for name, record := range map[string][]byte{
		"nothing":          nil,
		"only a name":      make([]byte, 64),
		"a stranger's":     signed(t, stranger, good),
		"of another kind":  otherDomain,
		"changed":          broken,
		"no serial number": signed(t, secret, profilesRecord{Profiles: []profile{p}}),
		"one below 0":      signed(t, secret, profilesRecord{Serial: -1, Profiles: []profile{p}}),
		"none":             signed(t, secret, profilesRecord{Serial: 6}),
		"no browser":       signed(t, secret, profilesRecord{Serial: 6, Profiles: []profile{{Look: "go", Hello: "go", Agent: "x"}}}),
		"too many":         signed(t, secret, profilesRecord{Serial: 6, Profiles: slices.Repeat([]profile{p}, profilesMost+1)}),
		"too long":         append(signed(t, secret, good), make([]byte, RecordMost)...),
		"unknown hello":    with(func(p *profile) { p.Hello = "netscape-4" }),
		"two hellos":       with(func(p *profile) { p.Capture = captured(t, utls.HelloChrome_133) }),
		"no hello":         with(func(p *profile) { p.Hello = "" }),
		"an empty capture": with(func(p *profile) { p.Hello, p.Capture = "", []byte{} }),
		"a bad capture":    with(func(p *profile) { p.Hello, p.Capture = "", []byte("hello") }),
		"shuffled":         with(func(p *profile) { p.Shuffle = true }),
		"no name":          with(func(p *profile) { p.Look = "" }),
		"no agent":         with(func(p *profile) { p.Agent = "" }),
		"a line break":     with(func(p *profile) { p.Agent = "a\r\nHost: b" }),
		"reserved":         with(func(p *profile) { p.Header = [][2]string{{"HOST", "b"}} }),
		"a handshake's":    with(func(p *profile) { p.Header = [][2]string{{"Sec-WebSocket-Key", "b"}} }),
		"a long line":      with(func(p *profile) { p.Agent = strings.Repeat("a", lineMost+1) }),
		"many lines":       with(func(p *profile) { p.Header = slices.Repeat([][2]string{{"A", "b"}}, linesMost+1) }),
		"unknown field":    signed(t, secret, map[string]any{"serial": 6, "profiles": []profile{p}, "more": 1}),
		"something after":  signed(t, secret, json.RawMessage(`{"serial":6,"profiles":[]}`)),
	} {
		if _, err := ParseProfiles(record, public); !errors.Is(err, ErrProfiles) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseProfiles(signed(t, secret, good), nil); !errors.Is(err, ErrProfiles) {
		t.Errorf("without a key: %v", err)
	}
}

// TestSignProfiles: what a bridge's owner wrote becomes a record, or it is said what is wrong.
func TestSignProfiles(t *testing.T) {
	public, secret := keys(t)
	now := time.UnixMilli(1_700_000_000_123)
	const one = `{"look": "chrome", "hello": "chrome-133", "agent": "Mozilla/5.0", "header": [["Accept", "*/*"]]}`
	for file, want := range map[string]int64{
		`{"profiles": [` + one + `]}`:               now.UnixMilli(),
		`{"serial": 7, "profiles": [` + one + `]} `: 7,
	} {
		record, err := SignProfiles([]byte(file), now, secret)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := ParseProfiles(record, public); err != nil || p.Serial() != want {
			t.Errorf("%s: %d, %v", file, p.Serial(), err)
		}
	}
	for file, want := range map[string]string{
		"":                                 "EOF",
		"{":                                "EOF",
		`{"profile": []}`:                  `unknown field "profile"`,
		`{"profiles": []}`:                 "no browser",
		`{"profiles": [` + one + `]} more`: "behind them",
		`{"profiles": [` + one + `, {}]}`:  "number 2: it is called",
		strings.Repeat(" ", RecordMost+1):  "at most 32768",
		strings.Replace(`{"profiles": [`+one+`]}`, "chrome-133", "chrome-999", 1): `chrome has a TLS handshake "chrome-999"`,
		strings.Replace(`{"profiles": [`+one+`]}`, "Accept", "Host", 1):           `a line "Host"`,
		strings.Replace(`{"profiles": [`+one+`]}`, "Mozilla/5.0", "ü", 1):         `an agent "ü"`,
	} {
		if _, err := SignProfiles([]byte(file), now, secret); !errors.Is(err, ErrProfiles) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", file, err, want)
		}
	}
}

// TestGivenLooks: a bridge's own browsers are looked like at its door and nowhere
// else, and those in the program have their turn where they lead nowhere.
func TestGivenLooks(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	plain := door(s, passOf(1))
	own, err := (&Client{}).lookFor(plain)
	if err != nil {
		t.Fatal(err)
	}
	var many []profile
	for i := range 10 {
		p := newChrome
		p.Agent = fmt.Sprint("Mozilla/5.0 new ", i)
		many = append(many, p)
	}
	given := plain
	given.Profiles = parsed(t, 5, many...)
	for _, look := range []string{"", "chrome", "firefox"} {
		blocked := true
		c := Client{Look: look, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err == nil && blocked {
				_ = conn.Close()
			}
			return conn, err
		}}
		seen := map[string]int{}
		now := func() profile {
			p, err := c.lookFor(given)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		for now().given {
			seen[now().Agent]++
			if _, err := c.Veil(t.Context(), s.Addr().String(), given); err == nil {
				t.Fatal("it came through")
			}
		}
		want := map[string]int{"": givenMost, "chrome": givenMost, "firefox": 0}[look] // there is no given firefox
		if len(seen) != want {
			t.Errorf("%q: tried were %v", look, seen)
		}
		if look == "" && now().Agent != own.Agent || look != "" && now().Look != look {
			t.Errorf("%q: then it looks like %+v", look, now())
		}
		blocked = false
		for range 2 {
			conn, err := c.Veil(t.Context(), s.Addr().String(), given)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if now().given {
				t.Errorf("%q: it goes on although it works", look)
			}
		}
		// A newer record has its turn.
		given := given
		given.Profiles = parsed(t, 6, newChrome)
		if p, err := c.lookFor(given); err != nil || p.given != (look != "firefox") {
			t.Errorf("%q: with a newer record it looks like %+v, %v", look, p, err)
		}
		if p, err := c.lookFor(plain); err != nil || p.given {
			t.Errorf("%q: elsewhere it looks like %+v, %v", look, p, err)
		}
	}
}

// TestRefusedLook: a browser of the bridge's own that a server in between does not
// like has another go before it.
func TestRefusedLook(t *testing.T) {
	s := open(t, nil)
	echo(t, s)
	handler := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() == newChrome.Agent {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	})
	d := door(s, passOf(1))
	d.Profiles = parsed(t, 5, newChrome)
	c := Client{}
	for i := range failsMost {
		if conn, err := c.Veil(t.Context(), s.Addr().String(), d); !errors.Is(err, ErrSite) {
			t.Fatalf("visit %d: %v, %v", i, conn, err)
		}
	}
	conn, err := c.Veil(t.Context(), s.Addr().String(), d)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// TestForgetsTries: with more doors than are remembered, a bad record still gives way.
func TestForgetsTries(t *testing.T) {
	var c Client
	for n := range 2 * triesMost {
		c.fared(Door{Pass: pass{byte(n), byte(n >> 8)}}, errors.New("blocked"))
	}
	if len(c.tries) != triesMost {
		t.Errorf("%d doors are remembered", len(c.tries))
	}
	d := Door{Pass: passOf(9), Profiles: parsed(t, 5, newChrome)}
	for range failsMost {
		c.fared(d, errors.New("blocked"))
	}
	if p, err := c.lookFor(d); err != nil || p.given {
		t.Errorf("%+v, %v", p, err)
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
	capture, err := json.Marshal(profilesRecord{Serial: 1, Profiles: []profile{{Look: "a", Capture: captured(f, utls.HelloFirefox_120), Shuffle: true, Agent: "b"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(capture)
	public, secret := keys(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := decodeProfiles(body)
		if err != nil {
			if !errors.Is(err, ErrProfiles) {
				t.Error(err)
			}
			return
		}
		if record, err := SignProfiles(body, time.UnixMilli(1), secret); err == nil {
			if again, err := ParseProfiles(record, public); err != nil || again.Serial() == 0 {
				t.Errorf("what was signed is not taken: %v", err)
			}
		}
		for _, p := range r.Profiles {
			c := Client{Look: p.Look}
			if got, err := c.lookFor(Door{Profiles: &Profiles{1, r.Profiles}}); err == nil && !got.given {
				t.Errorf("%s is not looked like", p.Look)
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
			if _, err := p.spec(); err != nil && p.Hello != helloGo {
				t.Errorf("%+v: %v", p, err)
			}
		}
	})
}
