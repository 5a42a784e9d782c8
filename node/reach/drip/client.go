package drip

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	clientBuffer = 256 << 10
	openFor      = 20 * time.Second // after which a connection that does not come about is given up
	backoffMost  = 5 * time.Second  // between tries to connect
	dialTries    = 3                // connections that may bring nothing before a dial fails
	refusals     = 3                // in a row, after which the site means it
)

// Config says how a client gets connections and what its requests look like.
// Open and Prepare are required; every other zero is a good default.
type Config struct {
	// Open returns a fresh connection to the server on which HTTP/1.1 can be spoken
	// in secret. It is called whenever one is needed, by up to Parallel goroutines
	// at once, and blocks as long as it must to space connections out, until ctx ends:
	// after 20 seconds, or with the session.
	//
	// If what it returns has a method Received() int64, safe for concurrent use, that
	// is taken for the number of bytes that came from the server below TLS, the
	// handshake included. Else that number is estimated.
	Open func(ctx context.Context) (net.Conn, error)
	// Prepare sets path, host and headers of a request, a POST whose body is set
	// afterwards. It must not block. Different goroutines call it at once.
	Prepare func(*http.Request)

	Local, Remote net.Addr // what LocalAddr and RemoteAddr return; nil: addresses that name nothing

	Saver     bool          // ask less often when there is nothing to say: cheaper, and a frozen connection is noticed later
	Down      int           // bytes from the server after which a connection is replaced, TLS and headers included; 0: 9,000
	Up        int           // bytes to the server after which it is replaced; 0: 14,000
	Handshake int           // bytes of a TLS handshake from the server, where Open's connections do not count; 0: 4,500
	Parallel  int           // connections at once when there is much to carry, at least 2; 0: 4
	Expiry    time.Duration // how long a session lives without an answer; 0: 3 minutes
	Linger    time.Duration // how long Close waits until what was written has arrived; 0: 5 seconds
}

func (cfg Config) withDefaults() Config {
	cfg.Down = cmp.Or(cfg.Down, 9000)
	cfg.Up = cmp.Or(cfg.Up, 14000)
	cfg.Handshake = cmp.Or(cfg.Handshake, 4500)
	cfg.Parallel = max(2, cmp.Or(cfg.Parallel, 4))
	cfg.Expiry = cmp.Or(cfg.Expiry, 3*time.Minute)
	cfg.Linger = cmp.Or(cfg.Linger, 5*time.Second)
	return cfg
}

// client is the other half of a dialled Conn: it carries what is written in asks,
// and asks for what is to be read. All below cancel is guarded by the Conn's mu.
type client struct {
	*Conn
	cfg    Config
	id     sessionID
	wg     sync.WaitGroup
	cancel context.CancelFunc
	spawn  func() // starts a line

	expiry      *time.Timer
	established bool // the server has answered
	lines       int  // connections, those that are being opened included
	open        int  // those that are open
	idle        map[*line]bool
	asks        map[*flight]bool
	number      uint64 // of the latest ask
	poll        *flight
	pollAt      time.Time     // not before then
	pushAt      time.Time     // send data not before then
	lost        bool          // something that was on its way to here may not come
	gapAt       uint64        // number of the latest ask when a gap was seen where it is now; 0: no gap
	gapFrom     uint64        // where that gap begins
	more        bool          // the server has more than fitted
	told        uint64        // up to where the server knows that there is room
	bye         bool          // the last ack was sent
	costs       costs         // of exchanges so far
	width       int           // connections that may be alive
	patience    time.Duration // how long to wait for an answer that could come at once
	active      time.Time     // when data last moved
	fails       int           // connections in a row that brought nothing
	notBefore   time.Time     // when to try the next one
	refused     int           // answers of a web site in a row
	trouble     error         // what went wrong last
}

// Dial opens a session and returns once the server has answered. ctx bounds the
// dialling only. The connection is a *Conn.
//
// It fails with ErrRefused if what answers is a web site that does not speak drip
// to this client, with ErrFull if the server has no room, with the error of the
// third connection in a row that brings nothing, or with ctx's beside what went
// wrong last.
func Dial(ctx context.Context, cfg Config) (net.Conn, error) {
	cfg = cfg.withDefaults()
	c := &client{Conn: newConn(cfg.Local, cfg.Remote, clientBuffer), cfg: cfg, costs: costs{askCost, headerCost}, width: 2, patience: patienceLeast, active: time.Now(),
		idle: make(map[*line]bool), asks: make(map[*flight]bool)}
	rand.Read(c.id[:])
	life, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.spawn = func() { c.wg.Go(func() { c.run(life) }) }
	c.shut, c.stir = c.close, c.staff
	c.mu.Lock()
	c.expiry = time.AfterFunc(cfg.Expiry, c.expire)
	c.staff()
	c.mu.Unlock()
	if err := c.greet(ctx); err != nil {
		c.stop(err)
		return nil, err
	}
	return c.Conn, nil
}

// greet waits until the server has answered.
func (c *client) greet(ctx context.Context) error {
	defer context.AfterFunc(ctx, c.alarm)()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.err != nil {
			return c.err
		}
		if c.established {
			return nil
		}
		if err := ctx.Err(); err != nil {
			if c.trouble != nil {
				return fmt.Errorf("drip: dial: %w; last: %w", err, c.trouble)
			}
			return fmt.Errorf("drip: dial: %w", err)
		}
		c.wait()
	}
}

// stop ends the session and waits for its goroutines.
func (c *client) stop(err error) {
	c.mu.Lock()
	c.fail(err)
	c.mu.Unlock()
	c.wg.Wait()
}

// fail ends the session. The caller holds mu.
func (c *client) fail(err error) {
	c.expiry.Stop()
	c.cancel()
	c.end(err)
}

// close waits until the other side has all, but not for ever.
func (c *client) close() {
	timer := time.AfterFunc(c.cfg.Linger, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fail(net.ErrClosed)
	})
	c.mu.Lock()
	for c.err == nil && !c.out.done() {
		c.wait()
	}
	c.mu.Unlock()
	timer.Stop()
	c.stop(net.ErrClosed)
}

func (c *client) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble != nil {
		c.fail(fmt.Errorf("%w; last: %w", ErrLost, c.trouble))
		return
	}
	c.fail(ErrLost)
}

// staff sees to it that there are as many lines as are worth having. The caller
// holds mu.
func (c *client) staff() {
	for c.err == nil && c.lines < c.worth() {
		c.lines++
		c.spawn()
	}
}

// worth is how many lines are worth having: one that waits for what the server has
// to say and one for what is written here, or the next one; more if there is much
// to carry.
func (c *client) worth() int {
	if !c.established {
		return 1
	}
	if s, _ := c.out.next(exchange); s.to-s.from == exchange || c.more {
		return c.width
	}
	return 2
}

// run opens a line and uses it until it is spent or broken, or the session is over.
func (c *client) run(ctx context.Context) {
	l, err := c.connect(ctx)
	if err == nil {
		for f := c.next(ctx, l); f != nil; f = c.next(ctx, l) {
			ans, err := l.do(ctx, f.ask, f.patience)
			if !c.settle(l, f, ans, err) {
				break
			}
		}
		l.conn.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lines--; err != nil {
		c.failed(err)
	} else {
		c.open--
	}
	c.changed()
}

func (c *client) connect(ctx context.Context) (*line, error) {
	c.mu.Lock()
	for c.err == nil && time.Now().Before(c.notBefore) {
		c.rest(ctx, time.Until(c.notBefore))
	}
	over, seen := c.err, c.costs
	c.mu.Unlock()
	if over != nil {
		return nil, over
	}
	ctx, cancel := context.WithTimeout(ctx, openFor)
	defer cancel()
	conn, err := c.cfg.Open(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open++
	return newLine(conn, c.cfg, seen), nil
}

// failed notes that a connection brought nothing, and spaces out the next. The
// caller holds mu.
func (c *client) failed(err error) {
	c.trouble = err
	if c.fails++; !c.established && c.fails >= dialTries {
		c.fail(fmt.Errorf("drip: dial: %w", err))
	}
	c.fails = min(c.fails, 8)
	pause := min(200*time.Millisecond<<c.fails, backoffMost)
	c.notBefore = time.Now().Add(pause*3/4 + mathrand.N(pause/2))
}

// rest waits until something changes, or for d if that is positive. The caller
// holds mu, which is released meanwhile.
func (c *client) rest(ctx context.Context, d time.Duration) {
	wake := c.wake
	c.mu.Unlock()
	defer c.mu.Lock()
	var alarm <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-wake:
	case <-alarm:
	case <-ctx.Done():
	}
}

// refuse notes that a web site answered. The caller holds mu.
func (c *client) refuse(err error) {
	if c.refused++; c.refused >= refusals || !c.established {
		c.fail(fmt.Errorf("%w: it %w", ErrRefused, err))
	}
}
