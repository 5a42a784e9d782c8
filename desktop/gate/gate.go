// Package gate holds the one node of a running app, which may be locked: then there
// is no node, its key is not in memory, and whoever asks for it is told so.
//
// It knows when to open and close a node and who uses it meanwhile. It refuses to know
// what for: no HTTP, no page. Its main type is [Gate]; desktop makes one, and
// desktop/server asks it for the node with each request.
//
//	g := gate.New(gate.Config{Node: node.Config{Dir: dir}})
//	defer g.Close()
//	err := g.Unlock(ctx, passphrase)
//	use, err := g.Use(false) // node.ErrLocked where it is locked
//	defer use.Done()
//	use.Node.Topics()
//
// Locking, unlocking, wiping and closing come one after the other, whoever asks for
// them. A node is closed only when nobody uses it any more.
package gate

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node"
)

// ErrUnprotected says that locking would be in vain.
var ErrUnprotected = errors.New("gate: nothing protects this data: set a passphrase first")

// usePatience is how long the uses of a node may go on once it is to be closed,
// before their contexts end.
const usePatience = 5 * time.Second

// Config says what is held. Node says how it is opened; its Passphrase is not used.
type Config struct {
	Node node.Config
	// Opened is called after each opening, before anybody gets the node: a wipe may have
	// deleted what Node.Erase names. nil does nothing.
	Opened func(*node.Node) error
}

// Gate is open, with a node, or locked, without. Its methods are safe for concurrent use.
type Gate struct {
	cfg     Config
	lent    bool          // the node is the caller's: it is never closed here
	turn    chan struct{} // whoever put something in changes what is open
	guesses chan struct{} // whoever put something in tries a passphrase

	stop context.CancelFunc // ends the watch
	wg   sync.WaitGroup

	mu     sync.Mutex
	now    *opening      // nil while locked
	again  chan struct{} // while the node is reopened; closed when that has ended
	closed bool
	tries  tries
	idle   idle
}

// opening is a node between its opening and its closing.
type opening struct {
	node    *node.Node
	uses    sync.WaitGroup
	busy    int             // uses that are no streams; guarded by Gate.mu
	ending  context.Context // ends when the node is to be closed
	end     context.CancelFunc
	late    context.Context // ends usePatience after that
	abandon context.CancelFunc
}

// New makes a gate that is locked. It does no I/O.
func New(cfg Config) *Gate {
	g := newGate()
	g.cfg = cfg
	g.cfg.Node.Erase = append(slices.Clone(cfg.Node.Erase), OwnFile)
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.wg.Go(func() { g.watch(ctx) })
	return g
}

// Around makes a gate that is open, around a node that stays the caller's: it cannot
// be locked or wiped.
func Around(n *node.Node) *Gate {
	g := newGate()
	g.lent, g.stop = true, func() {}
	g.now = newOpening(n)
	return g
}

func newGate() *Gate {
	return &Gate{turn: make(chan struct{}, 1), guesses: make(chan struct{}, 1)}
}

func newOpening(n *node.Node) *opening {
	o := &opening{node: n}
	o.ending, o.end = context.WithCancel(context.Background())
	o.late, o.abandon = context.WithCancel(context.Background())
	return o
}

// Use is the right to use the node until Done.
type Use struct {
	Node   *node.Node
	g      *Gate
	o      *opening
	stream bool
}

// Use returns the node, which stays open until Done of the use was called. A stream
// is one that ends as soon as the node is to be closed; it does not keep an idle one
// open. The error is node.ErrLocked, or node.ErrClosed after Close.
func (g *Gate) Use(stream bool) (*Use, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return nil, node.ErrClosed
	case g.now == nil && g.again != nil:
		return nil, ErrReopening
	case g.now == nil:
		return nil, node.ErrLocked
	}
	g.now.uses.Add(1)
	if !stream {
		g.now.busy++
	}
	return &Use{g.now.node, g, g.now, stream}, nil
}

// Context returns ctx bounded by the use: for a stream it ends when the node is to
// be closed, for others some seconds later.
func (u *Use) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	bound := u.o.late
	if u.stream {
		bound = u.o.ending
	}
	release := context.AfterFunc(bound, cancel)
	return ctx, func() { release(); cancel() }
}

// Done gives the node back. It is called once.
func (u *Use) Done() {
	if !u.stream {
		u.g.mu.Lock()
		u.o.busy--
		u.g.mu.Unlock()
	}
	u.o.uses.Done()
}

// IsOpen reports whether there is a node, or will be in a moment.
func (g *Gate) IsOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now != nil || g.again != nil
}

// Dir returns the data folder.
func (g *Gate) Dir() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil {
		return g.now.node.Dir()
	}
	return g.cfg.Node.Dir
}

// Protection tells how the folder is protected, locked or not.
func (g *Gate) Protection() (node.Protection, error) {
	u, err := g.Use(true)
	if err == nil {
		defer u.Done()
		return u.Node.Protection(), nil
	}
	return node.Look(g.Dir())
}

// take waits for the turn to change what is open; the caller gives it back.
func (g *Gate) take(ctx context.Context) error {
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		g.give()
		return node.ErrClosed
	}
	return nil
}

func (g *Gate) give() { <-g.turn }

// Unlock opens the node, if it is not open. The passphrase stays the caller's; nil
// where there is none. After a wrong one the next try waits, see tries. ctx bounds the
// waiting and the opening. Errors are those of node.Open.
func (g *Gate) Unlock(ctx context.Context, passphrase []byte) error {
	return g.Guess(ctx, func() error {
		if err := g.take(ctx); err != nil {
			return err
		}
		defer g.give()
		if g.IsOpen() {
			return nil
		}
		return g.open(ctx, passphrase)
	})
}

// open opens the node; the caller has the turn.
func (g *Gate) open(ctx context.Context, passphrase []byte) error {
	cfg := g.cfg.Node
	cfg.Passphrase = passphrase
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return g.admit(n)
}

// admit lets others have a node that was just opened.
func (g *Gate) admit(n *node.Node) error {
	if g.cfg.Opened != nil {
		if err := g.cfg.Opened(n); err != nil {
			return errors.Join(err, n.Close())
		}
	}
	minutes := readMinutes(g.cfg.Node.Dir)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = newOpening(n)
	g.idle.minutes = minutes
	g.touchLocked()
	return nil
}

// shut takes the node away from others and returns it once nobody uses it any
// more, nil where there was none. The caller has the turn.
func (g *Gate) shut() *node.Node {
	g.mu.Lock()
	o := g.now
	g.now = nil
	g.mu.Unlock()
	if o == nil {
		return nil
	}
	o.end()
	timer := time.AfterFunc(usePatience, o.abandon)
	o.uses.Wait()
	timer.Stop()
	o.abandon()
	return o.node
}

// Lock closes the node, and with it forgets the key. Locking twice is harmless. The
// error is ErrUnprotected where nothing would keep anybody out.
func (g *Gate) Lock(ctx context.Context) error { return g.lockIf(ctx, func() bool { return true }) }

// lockIf locks if that is still wanted when its turn has come.
func (g *Gate) lockIf(ctx context.Context, wanted func() bool) error {
	if err := g.take(ctx); err != nil {
		return err
	}
	defer g.give()
	if p, err := g.Protection(); err != nil || p == node.Unprotected || g.lent {
		return errors.Join(err, ErrUnprotected)
	}
	if !wanted() {
		return nil
	}
	if n := g.shut(); n != nil {
		return n.Close()
	}
	return nil
}

// Wipe destroys the key and all that is stored, locked or not, and opens an empty
// node. It is not stopped by the end of ctx once it has begun. Errors match
// node.ErrUnfinished where something could not be deleted: then it stays locked, and
// the next Unlock goes on.
func (g *Gate) Wipe(ctx context.Context) error {
	if g.lent {
		return ErrUnprotected
	}
	if err := g.take(ctx); err != nil {
		return err
	}
	defer g.give()
	ctx = context.WithoutCancel(ctx)
	if n := g.shut(); n != nil {
		_ = n.Close() // whatever it says, the key goes
	}
	if err := node.Wipe(ctx, g.cfg.Node.Dir, g.cfg.Node.Erase); err != nil {
		return err
	}
	return g.open(ctx, nil)
}

// Restore closes the node to everybody else, has f fill its folder, and opens it
// again: f is given the node, and calls its Restore. After an error of f the node is as it was.
func (g *Gate) Restore(ctx context.Context, f func(*node.Node) error) error {
	if g.lent {
		return ErrUnprotected
	}
	if err := g.take(ctx); err != nil {
		return err
	}
	defer g.give()
	n := g.shut()
	if n == nil {
		return node.ErrLocked
	}
	if err := f(n); err != nil {
		g.mu.Lock()
		g.now = newOpening(n)
		g.mu.Unlock()
		return err
	}
	n, err := n.Reopen(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	return g.admit(n)
}

// Close waits for the uses of the node and closes it. Calling it again does nothing.
func (g *Gate) Close() error {
	g.turn <- struct{}{}
	defer g.give()
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.mu.Unlock()
	if closed {
		return nil
	}
	g.stop()
	g.wg.Wait()
	n := g.shut()
	if n == nil || g.lent {
		return nil
	}
	return n.Close()
}
