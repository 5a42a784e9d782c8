package front

import (
	"net"
	"sync"
)

// Guest is a connection of somebody who came with a pass. Whoever accepted it must
// close it, which gives its place to somebody else.
type Guest struct {
	net.Conn
	Way  string // Veil or Drip
	Pass [16]byte

	guests *guests
	once   sync.Once
}

// Close implements net.Conn.
func (g *Guest) Close() (err error) {
	g.once.Do(func() {
		g.guests.leave(g)
		err = g.Conn.Close()
	})
	return err
}

// guests are all who are here, in bounded numbers.
type guests struct {
	most, mostPerPass int
	fresh             chan *Guest // has room for all
	done              chan struct{}

	mu      sync.Mutex
	places  int // taken
	perPass map[pass]int
	here    map[*Guest]bool
	closed  bool
}

func newGuests(most, mostPerPass int) *guests {
	return &guests{
		most: most, mostPerPass: mostPerPass,
		fresh: make(chan *Guest, most), done: make(chan struct{}),
		perPass: map[pass]int{}, here: map[*Guest]bool{},
	}
}

// reserve takes a place for a guest with p, if there is one.
func (a *guests) reserve(p pass) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.places >= a.most || a.perPass[p] >= a.mostPerPass {
		return false
	}
	a.places++
	a.perPass[p]++
	return true
}

// release gives a place back.
func (a *guests) release(p pass) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.releaseLocked(p)
}

func (a *guests) releaseLocked(p pass) {
	a.places--
	if a.perPass[p]--; a.perPass[p] == 0 {
		delete(a.perPass, p)
	}
}

// enter brings a guest in, for whom a place was reserved.
func (a *guests) enter(g *Guest) {
	g.guests = a
	a.mu.Lock()
	a.here[g] = true
	closed := a.closed
	if !closed {
		select {
		case a.fresh <- g:
		default: // a crowd of guests that left before anybody accepted them
			closed = true
		}
	}
	a.mu.Unlock()
	if closed {
		_ = g.Close()
	}
}

func (a *guests) leave(g *Guest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.here[g] {
		delete(a.here, g)
		a.releaseLocked(g.Pass)
	}
}

func (a *guests) accept() (*Guest, error) {
	select {
	case <-a.done:
		return nil, net.ErrClosed
	default:
	}
	select {
	case g := <-a.fresh:
		return g, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// cut closes those guests that which names, all at once, and waits for it.
func (a *guests) cut(which func(*Guest) bool) {
	a.mu.Lock()
	var out []*Guest
	for g := range a.here {
		if which(g) {
			out = append(out, g)
		}
	}
	a.mu.Unlock()
	var wg sync.WaitGroup
	for _, g := range out {
		wg.Go(func() { _ = g.Close() })
	}
	wg.Wait()
}

// close cuts everybody off and lets nobody in any more.
func (a *guests) close() {
	a.mu.Lock()
	closed := a.closed
	a.closed = true
	a.mu.Unlock()
	if !closed {
		close(a.done)
	}
	a.cut(func(*Guest) bool { return true })
}
