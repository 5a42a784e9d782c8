package gate

import (
	"context"
	"errors"

	"github.com/linnet-im/linnet/node"
)

// ErrReopening says that the node is closed for a moment and opens again by itself.
var ErrReopening = errors.New("gate: the node opens again in a moment")

// UseSoon is Use that waits while the node is reopened, as long as ctx allows. The
// error is then ErrReopening.
func (g *Gate) UseSoon(ctx context.Context, stream bool) (*Use, error) {
	for {
		u, err := g.Use(stream)
		if !errors.Is(err, ErrReopening) {
			return u, err
		}
		g.mu.Lock()
		again := g.again
		g.mu.Unlock()
		if again == nil {
			continue
		}
		select {
		case <-again:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Reopen takes the node away from everybody else and has f close it and open another
// one in its place, such as by node.Node.ReopenWith. Whoever wants to use it meanwhile
// is told ErrReopening. f returns the node that there is afterwards, which may be the
// same, also beside an error; where it returns none, it is locked.
func (g *Gate) Reopen(ctx context.Context, f func(*node.Node) (*node.Node, error)) error {
	if g.lent {
		return errors.New("gate: this node is somebody else's to reopen")
	}
	if err := g.take(ctx); err != nil {
		return err
	}
	defer g.give()
	g.mu.Lock()
	open := g.now != nil
	if open {
		g.again = make(chan struct{})
		defer g.reopened()
	}
	g.mu.Unlock()
	if !open {
		return node.ErrLocked
	}
	before := g.shut()
	now, err := f(before)
	switch now {
	case nil:
	case before:
		g.mu.Lock()
		g.now = newOpening(now)
		g.mu.Unlock()
	default:
		err = errors.Join(err, g.admit(now))
	}
	return err
}

// reopened lets those go on who wait for the node.
func (g *Gate) reopened() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.again)
	g.again = nil
}
