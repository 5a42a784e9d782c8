package front

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
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
	{"chrome", "chrome-133", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36", plain("en-US,en;q=0.9")},
	{"edge", "chrome-133", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36 Edg/149.0.0.0", plain("en-US,en;q=0.9")},
	{"firefox", "firefox-149", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0", plain("en-US,en;q=0.5")},
	{"safari", "safari-26", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0.1 Safari/605.1.15", plain("en-US,en;q=0.9")},
	{"ios", "safari-26", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0.1 Mobile/15E148 Safari/604.1", plain("en-US,en;q=0.9")},
	{"go", helloGo, "Mozilla/5.0 (compatible)", plain("en")},
}

func plain(language string) [][2]string {
	return [][2]string{{"Accept", "*/*"}, {"Accept-Language", language}, {"Cache-Control", "no-cache"}, {"Pragma", "no-cache"}}
}

// Looks returns the names that Client.Look may have, but for the empty one.
func Looks() []string {
	var all []string
	for _, p := range builtIn {
		all = append(all, p.Look)
	}
	return all
}

// lookFor returns the profile to go through d with. Where Look leaves it open, it
// follows from the pass: the same at each start, until it turns out to be blocked.
func (c *Client) lookFor(d Door) (profile, error) {
	c.mu.Lock()
	all, turns := c.profiles, c.tries[d.Pass].turns
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
	return browsers[(binary.BigEndian.Uint32(m.Sum(nil))+turns)%uint32(len(browsers))], nil
}

// tries is how a door's browser fares.
type tries struct {
	turns uint32 // how many other browsers had to go before it
	fails int    // handshakes in a row that came to nothing
}

const (
	failsMost = 2   // of one browser, before the next has its turn
	triesMost = 256 // doors that are remembered
)

// fared notes how a handshake ended. Censors have blocked single browsers' handshakes
// for weeks; what else can be in the way does not get better or worse by another.
func (c *Client) fared(d Door, err error) {
	if c.Look != "" || errors.Is(err, ErrPin) || errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, known := c.tries[d.Pass]
	if err == nil {
		t.fails = 0
	} else if t.fails++; t.fails == failsMost {
		t = tries{turns: t.turns + 1}
	}
	if !known && (err == nil || len(c.tries) >= triesMost) {
		return
	}
	if c.tries == nil {
		c.tries = map[pass]tries{}
	}
	c.tries[d.Pass] = t
}

// request returns the header lines of all requests of one visit to a site. The
// cookie makes the first of them as long as it is with real sites: without one, a
// classifier that looks at lengths alone took 2 of 57 connections of drip for a tunnel,
// with it none or one of 78 (TestClassifiers of room reach).
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
