package drip

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	recordCost = 30       // bytes that TLS adds to what one read brings
	helloCost  = 2 << 10  // bytes of a TLS handshake to the server
	headerCost = 400      // bytes of an answer's headers, until some were seen
	askCost    = 2500     // bytes of a request's headers, until some were seen
	answerMost = 64 << 10 // bytes of an answer with its headers, or it is no answer
	slack      = 100      // bytes that are left of a budget, for what ends a connection
	leastDown  = 1024     // data bytes below which a connection is not worth another exchange
	leastUp    = 512
)

// errSite means that a web site answered that does not speak drip.
var errSite = errors.New("answered like a web site")

// line is one connection. One goroutine uses it.
type line struct {
	conn    net.Conn
	in      *bufio.Reader
	cfg     Config
	allow   int          // bytes that the present answer may still have
	down    atomic.Int64 // bytes from the server, estimated
	up      int          // bytes to the server, estimated
	costs   costs        // of this line's dearest exchange, or the last one's
	answers int
	asked   time.Time // when the last exchange began
	used    time.Time // when it ended
	last    bool      // the other side ends the connection
}

// costs are the bytes of an exchange that are not data.
type costs struct{ ask, answer int }

func newLine(conn net.Conn, cfg Config, seen costs) *line {
	l := &line{conn: conn, cfg: cfg, up: helloCost, costs: seen, used: time.Now()}
	l.down.Store(int64(cfg.Handshake))
	l.in = bufio.NewReader(l)
	return l
}

// Read reads from the connection and counts.
func (l *line) Read(b []byte) (int, error) {
	if l.allow <= 0 {
		return 0, fmt.Errorf("%w: more than %d bytes", errSite, answerMost)
	}
	n, err := l.conn.Read(b[:min(len(b), l.allow)])
	l.allow -= n
	l.down.Add(int64(n + recordCost))
	return n, err
}

// received returns how many bytes came from the server, TLS included.
func (l *line) received() int {
	if c, ok := l.conn.(interface{ Received() int64 }); ok {
		return int(c.Received())
	}
	return int(l.down.Load())
}

// want returns how many data bytes the next answer may carry.
func (l *line) want() int {
	room := l.cfg.Down - l.received() - l.costs.answer - slack
	if l.answers == 0 {
		room = max(room, leastDown) // whatever the handshake cost, a line carries something
	}
	return min(room, exchange)
}

// most returns how many data bytes the next request may carry.
func (l *line) most() int {
	room := l.cfg.Up - l.up - l.costs.ask - slack
	if l.answers == 0 {
		room = max(room, leastUp)
	}
	return min(room, exchange)
}

// spent reports whether the connection should carry no more.
func (l *line) spent() bool { return l.last || l.want() < leastDown || l.most() < leastUp }

// do sends an ask and returns its answer. After an error the line is of no use.
func (l *line) do(ctx context.Context, a ask, patience time.Duration) (answer, error) {
	l.asked = time.Now()
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	if err := l.conn.SetDeadline(time.Now().Add(a.Wait + patience)); err != nil {
		return answer{}, err
	}
	req, err := l.send(a)
	if err != nil {
		return answer{}, err
	}
	before := l.received()
	l.allow = answerMost
	resp, err := http.ReadResponse(l.in, req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerHead+maxData+1))
	if err != nil {
		return answer{}, err
	}
	if resp.StatusCode >= 500 {
		return answer{}, fmt.Errorf("the site says %s", resp.Status)
	}
	ans, err := decodeAnswer(body)
	if err != nil || resp.StatusCode != http.StatusOK || ans.Session != a.Session || len(ans.Data) > a.Want {
		return answer{}, fmt.Errorf("%w: %s, %d bytes", errSite, resp.Status, len(body))
	}
	l.answers++
	l.used = time.Now()
	l.last = resp.Close || l.in.Buffered() > 0
	l.costs.answer = l.seen(l.costs.answer, l.received()-before-len(ans.Data))
	return ans, nil
}

// send writes a request in one piece.
func (l *line) send(a ask) (*http.Request, error) {
	body := a.encode()
	req, err := http.NewRequest(http.MethodPost, "http://drip/", nil)
	if err != nil {
		return nil, err
	}
	l.cfg.Prepare(req)
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		return nil, err
	}
	l.up += b.Len() + recordCost
	l.costs.ask = l.seen(l.costs.ask, b.Len()+recordCost-len(a.Data))
	_, err = l.conn.Write(b.Bytes())
	return req, err
}

// seen replaces what was reckoned with by what was seen: the last, and then the most.
func (l *line) seen(before, now int) int {
	if l.answers <= 1 {
		return now
	}
	return max(before, now)
}
