package front

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"

	utls "github.com/refraction-networking/utls"
)

// profile is how one browser looks.
type profile struct {
	Look   string      `json:"look"`   // its name
	Hello  string      `json:"hello"`  // whose TLS handshake it has, a key of hellos
	Agent  string      `json:"agent"`  // User-Agent
	Header [][2]string `json:"header"` // further lines of a request
}

// builtIn are the profiles that are in the program.
var builtIn = []profile{
	{"chrome", "chrome-133", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36", plain("en-US,en;q=0.9")},
	{"edge", "chrome-133", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36 Edg/133.0.0.0", plain("en-US,en;q=0.9")},
	{"firefox", "firefox-120", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", plain("en-US,en;q=0.5")},
	{"safari", "safari-16", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.0 Safari/605.1.15", plain("en-US,en;q=0.9")},
	{"ios", "ios-14", "Mozilla/5.0 (iPhone; CPU iPhone OS 14_8 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/14.1.2 Mobile/15E148 Safari/604.1", plain("en-us")},
	{"go", helloGo, "Mozilla/5.0 (compatible)", plain("en")},
}

func plain(language string) [][2]string {
	return [][2]string{{"Accept", "*/*"}, {"Accept-Language", language}, {"Cache-Control", "no-cache"}, {"Pragma", "no-cache"}}
}

// helloGo is the handshake of crypto/tls itself.
const helloGo = "go"

// hellos are the TLS handshakes that a profile may name.
var hellos = map[string]utls.ClientHelloID{
	"chrome-133":  utls.HelloChrome_133,
	"chrome-131":  utls.HelloChrome_131,
	"chrome-120":  utls.HelloChrome_120,
	"firefox-120": utls.HelloFirefox_120,
	"firefox-105": utls.HelloFirefox_105,
	"safari-16":   utls.HelloSafari_16_0,
	"ios-14":      utls.HelloIOS_14,
	"edge-85":     utls.HelloEdge_85,
}

// Looks returns the names that Client.Look may have, but for the empty one.
func Looks() []string {
	var all []string
	for _, p := range builtIn {
		all = append(all, p.Look)
	}
	return all
}

// helloOf returns a fresh copy of a browser's handshake as it is for a WebSocket: it
// offers HTTP/1.1 alone, and so no settings for HTTP/2 either. Leaving the extension
// for these out is what browsers do; putting something else in its place can repeat
// one that is there.
func helloOf(name string) (*utls.ClientHelloSpec, error) {
	id, ok := hellos[name]
	if !ok {
		return nil, fmt.Errorf("%w: no TLS handshake %.40q is known", ErrLook, name)
	}
	spec, err := utls.UTLSIdToSpec(id)
	if err != nil {
		return nil, fmt.Errorf("front: TLS handshake of %s: %w", name, err)
	}
	var kept []utls.TLSExtension
	for _, e := range spec.Extensions {
		switch e := e.(type) {
		case *utls.ALPNExtension:
			e.AlpnProtocols = []string{"http/1.1"}
		case *utls.ApplicationSettingsExtension, *utls.ApplicationSettingsExtensionNew:
			continue
		}
		kept = append(kept, e)
	}
	spec.Extensions = kept
	return &spec, nil
}

// lookFor returns the profile to go through d with. Where Look leaves it open, it
// follows from the pass: the same at each start, and for no two people the same.
func (c *Client) lookFor(d Door) (profile, error) {
	c.mu.Lock()
	all := c.profiles
	c.mu.Unlock()
	if all == nil {
		all = builtIn
	}
	if c.Look != "" {
		for _, p := range all {
			if p.Look == c.Look {
				return p, nil
			}
		}
		return profile{}, fmt.Errorf("%w as %.40q to look like", ErrLook, c.Look)
	}
	var browsers []profile
	for _, p := range all {
		if p.Hello != helloGo {
			browsers = append(browsers, p)
		}
	}
	m := hmac.New(sha256.New, d.Pass[:])
	m.Write([]byte("linnet/bridge/1 look"))
	return browsers[binary.BigEndian.Uint32(m.Sum(nil))%uint32(len(browsers))], nil
}

// request returns the header lines of all requests of one visit to a site. The
// cookie makes the first of them as long as it is with real sites: without one, a
// classifier that looks at lengths alone took a third of the connections for a tunnel.
func (p profile) request(name string) http.Header {
	h := http.Header{"User-Agent": {p.Agent}, "Origin": {"https://" + name}, "Cookie": {cookie()}}
	for _, line := range p.Header {
		h.Set(line[0], line[1])
	}
	return h
}

const cookieLeast, cookieMost = 900, 1900 // bytes

func cookie() string {
	head := fmt.Sprintf("_ga=GA1.1.%d.%d; consent=1; session=", 100_000_000+mathrand.IntN(900_000_000), 1_690_000_000+mathrand.IntN(80_000_000))
	secret := make([]byte, cookieMost)
	_, _ = rand.Read(secret) // never fails
	size := cookieLeast + mathrand.IntN(cookieMost-cookieLeast+1)
	return (head + base64.RawURLEncoding.EncodeToString(secret))[:size]
}
