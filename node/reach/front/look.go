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
	"slices"
)

// profile is how one browser looks.
type profile struct {
	Look    string      `json:"look"`              // its name
	Hello   string      `json:"hello,omitempty"`   // whose TLS handshake it has, a key of hellos
	Capture []byte      `json:"capture,omitempty"` // that handshake itself, instead of Hello: the record of a ClientHello
	Shuffle bool        `json:"shuffle,omitempty"` // the extensions of Capture come in any order
	Agent   string      `json:"agent"`             // User-Agent
	Header  [][2]string `json:"header,omitempty"`  // further lines of a request

	given bool // by the bridge
}

// builtIn are the profiles that are in the program.
var builtIn = []profile{
	{Look: "chrome", Hello: "chrome-133", Agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36", Header: plain("en-US,en;q=0.9")},
	{Look: "edge", Hello: "chrome-133", Agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36 Edg/149.0.0.0", Header: plain("en-US,en;q=0.9")},
	{Look: "firefox", Hello: "firefox-149", Agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:149.0) Gecko/20100101 Firefox/149.0", Header: plain("en-US,en;q=0.5")},
	{Look: "safari", Hello: "safari-26", Agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0.1 Safari/605.1.15", Header: plain("en-US,en;q=0.9")},
	{Look: "ios", Hello: "safari-26", Agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0.1 Mobile/15E148 Safari/604.1", Header: plain("en-US,en;q=0.9")},
	{Look: "go", Hello: helloGo, Agent: "Mozilla/5.0 (compatible)", Header: plain("en")},
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
// follows from the pass: the same at each start, until it turns out to lead nowhere.
// The bridge's own go first, but not for long: those in the program have their turn
// before there is any doubt that the way in is blocked by a bad record.
func (c *Client) lookFor(d Door) (profile, error) {
	own := named(builtIn, c.Look)
	if len(own) == 0 {
		return profile{}, fmt.Errorf("%w as %.40q to look like", ErrLook, c.Look)
	}
	m := hmac.New(sha256.New, d.Pass[:])
	m.Write([]byte("linnet/bridge/1 look"))
	first := binary.BigEndian.Uint32(m.Sum(nil))
	var all []profile
	if d.Profiles != nil {
		all = from(named(d.Profiles.all, c.Look), first)
		all = all[:min(len(all), givenMost)]
	}
	for i := range all {
		all[i].given = true
	}
	all = append(all, from(own, first)...)
	c.mu.Lock()
	defer c.mu.Unlock()
	return all[c.triesLocked(d).turns%uint32(len(all))], nil
}

// named returns the profiles called look; all browsers where that is empty.
func named(all []profile, look string) (out []profile) {
	for _, p := range all {
		if p.Look == look || look == "" && p.Hello != helloGo {
			out = append(out, p)
		}
	}
	return out
}

// from returns a copy of all that begins with one of them and comes around to it.
func from(all []profile, first uint32) []profile {
	if len(all) == 0 {
		return nil
	}
	i := first % uint32(len(all))
	return slices.Concat(all[i:], all[:i])
}

// tries is how a door's browser fares.
type tries struct {
	with    *Profiles // of the door, then; with others it begins anew
	turns   uint32    // how many other browsers had to go before it
	fails   int       // handshakes in a row that came to nothing
	refused int       // visits in a row that ended at the site
}

const (
	failsMost = 2   // of one browser, before the next has its turn
	givenMost = 3   // browsers of a bridge's own that are tried, before one in the program is
	triesMost = 256 // doors that are remembered
)

// triesLocked returns how d's browser has fared. The caller holds mu.
func (c *Client) triesLocked(d Door) tries {
	if t := c.tries[d.Pass]; t.with == d.Profiles {
		return t
	}
	return tries{with: d.Profiles}
}

// noteLocked remembers how d's browser has fared. The caller holds mu.
func (c *Client) noteLocked(d Door, t tries) {
	if c.tries == nil {
		c.tries = map[pass]tries{}
	}
	if t == (tries{}) {
		delete(c.tries, d.Pass)
		return
	}
	if _, known := c.tries[d.Pass]; !known && len(c.tries) >= triesMost {
		for p := range c.tries { // any: it begins anew
			delete(c.tries, p)
			break
		}
	}
	c.tries[d.Pass] = t
}

// fared notes how a handshake ended. Censors have blocked single browsers' handshakes
// for weeks; what else can be in the way does not get better or worse by another.
func (c *Client) fared(d Door, err error) {
	if errors.Is(err, ErrPin) || errors.Is(err, context.Canceled) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.triesLocked(d)
	if err == nil {
		t.fails = 0
	} else if t.fails++; t.fails == failsMost {
		t = tries{with: t.with, turns: t.turns + 1}
	}
	c.noteLocked(d, t)
}

// entered notes how a visit with p ended. One that was given by the bridge may have
// lines that a server in between does not like.
func (c *Client) entered(d Door, p profile, err error) {
	if !p.given || err != nil && !errors.Is(err, ErrSite) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.triesLocked(d)
	if err == nil {
		t.refused = 0
	} else if t.refused++; t.refused == failsMost {
		t = tries{with: t.with, turns: t.turns + 1}
	}
	c.noteLocked(d, t)
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
