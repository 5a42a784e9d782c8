package front

import (
	"context"
	"sync"
	"time"
)

// Censors have been seen to freeze whoever opens more than three TLS connections to
// one site less than 400 ms apart, and browsers open at most six to one site.
const (
	spacing  = 600 * time.Millisecond
	parallel = 6
)

// pace spaces out the TLS connections to each address.
type pace struct {
	mu    sync.Mutex
	lanes map[string]*lane
}

// lane is the way to one address.
type lane struct {
	open  chan struct{} // holds one for each connection
	users int           // connections, and those who wait
	next  time.Time     // before which none begins
}

// turn waits until a connection to addr may begin. Whoever called must call done
// once it has ended.
func (p *pace) turn(ctx context.Context, addr string) (done func(), err error) {
	l := p.enter(addr)
	select {
	case l.open <- struct{}{}:
	case <-ctx.Done():
		p.leave(l)
		return nil, ctx.Err()
	}
	done = func() {
		<-l.open
		p.leave(l)
	}
	p.mu.Lock()
	wait := max(0, time.Until(l.next))
	l.next = time.Now().Add(wait + spacing)
	p.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return done, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}

func (p *pace) enter(addr string) *lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lanes == nil {
		p.lanes = map[string]*lane{}
	}
	for a, l := range p.lanes {
		if l.users == 0 && time.Until(l.next) < 0 {
			delete(p.lanes, a)
		}
	}
	l := p.lanes[addr]
	if l == nil {
		l = &lane{open: make(chan struct{}, parallel)}
		p.lanes[addr] = l
	}
	l.users++
	return l
}

func (p *pace) leave(l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.users--
}
