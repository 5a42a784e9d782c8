package front

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// clocks remembers how far this computer's clock is ahead of the bridges'.
type clocks struct {
	ahead time.Duration // of the true time, in tests only

	mu    sync.Mutex
	skews map[string]time.Duration // by address
}

const clocksMost = 256 // addresses

func (c *clocks) now() time.Time { return time.Now().Add(c.ahead) }

// of returns the skew towards addr, 0 if it is not known.
func (c *clocks) of(addr string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skews[addr]
}

// note takes the Date line of an answer that has just come.
func (c *clocks) note(addr, date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := c.now().Sub(at.Add(time.Second / 2)) // it was rounded down
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.skews == nil {
		c.skews = map[string]time.Duration{}
	}
	if _, known := c.skews[addr]; !known && len(c.skews) >= clocksMost {
		return
	}
	c.skews[addr] = skew
}

// skew is the median: one bridge with a wrong clock does not decide.
func (c *clocks) skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.skews) == 0 {
		return 0, false
	}
	var all []time.Duration
	for _, s := range c.skews {
		all = append(all, s)
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

// readDate opens the first page of a site and returns the Date line of the answer.
func readDate(c net.Conn, name string, header http.Header) (string, error) {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: name, Path: "/"}, Host: name, Header: header}
	if err := r.Write(c); err != nil {
		return "", err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, 64<<10)), r)
	if err != nil {
		return "", err
	}
	return answer.Header.Get("Date"), answer.Body.Close()
}
