package mailbox

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Policy decides for whom mail is kept.
type Policy interface {
	// Allow is asked at each agreement, new or renewed. It returns the terms that
	// the box may have, at most want, or false: refused. It must be quick, and may
	// be called from several goroutines. asker is a peer id; its signature with the
	// box key has been checked.
	Allow(asker string, box Box, want Terms) (Terms, bool)
}

// Config is what a keeper needs. Host, Store and Policy are required; other zero
// fields take the value in parentheses.
type Config struct {
	Host    host.Host
	Store   Store
	Policy  Policy
	Total   int64         // bytes that all boxes together may be promised (256 MiB)
	PerBox  int64         // bytes that one box may be promised (16 MiB)
	MaxAge  time.Duration // how long a mail, or a receipt, is kept at most (30 days)
	MaxTerm time.Duration // how long an agreement runs at most (180 days)
	Logger  *slog.Logger  // (none)
}

func (c Config) withDefaults() Config {
	if c.Total == 0 {
		c.Total = 256 << 20
	}
	if c.PerBox == 0 {
		c.PerBox = 16 << 20
	}
	if c.MaxAge == 0 {
		c.MaxAge = 30 * 24 * time.Hour
	}
	if c.MaxTerm == 0 {
		c.MaxTerm = 180 * 24 * time.Hour
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Keeper keeps mail for others and answers on a host. Its methods may be called
// from several goroutines.
type Keeper struct {
	cfg     Config
	ledger  *ledger
	uploads uploads
	spent   allowance
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	streams   map[network.Stream]bool // true: something signed was asked
	perPeer   map[peer.ID]int
	strangers int
	serving   int
}

// sweepEvery is how often too old mail is looked for. It is not listed or handed
// out in between.
const sweepEvery = 10 * time.Minute

// Open counts what is in the store and begins to answer. Close ends it.
func Open(cfg Config) (*Keeper, error) {
	cfg = cfg.withDefaults()
	if cfg.Host == nil || cfg.Store == nil || cfg.Policy == nil {
		return nil, errors.New("mailbox: a keeper needs a host, a store and a policy")
	}
	l, err := openLedger(&ledger{store: cfg.Store, total: cfg.Total, perBox: cfg.PerBox, age: cfg.MaxAge, term: cfg.MaxTerm})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	k := &Keeper{
		cfg: cfg, ledger: l, cancel: cancel,
		uploads: uploads{parts: map[upload]part{}},
		spent:   allowance{peers: map[peer.ID]*budget{}},
		streams: map[network.Stream]bool{}, perPeer: map[peer.ID]int{},
	}
	k.wg.Go(func() { k.sweepLoop(ctx) })
	cfg.Host.SetStreamHandler(Protocol, k.handle)
	return k, nil
}

// Close stops answering, cuts exchanges under way and waits for them. It does not
// close the store. It is idempotent.
func (k *Keeper) Close() error {
	k.mu.Lock()
	if !k.closed {
		k.closed = true
		k.cfg.Host.RemoveStreamHandler(Protocol)
	}
	for st := range k.streams {
		_ = st.Reset()
	}
	k.mu.Unlock()
	k.cancel()
	k.wg.Wait()
	return nil
}

// Boxes returns how each box stands, in no order.
func (k *Keeper) Boxes() []Agreement { return k.ledger.all() }

// Drop ends an agreement from the keeper's side: the box and all mail in it are
// gone. ErrUnknownBox if there is no such box.
func (k *Keeper) Drop(box Box) error { return k.ledger.end(box) }

// sweepLoop ends with ctx.
func (k *Keeper) sweepLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		k.uploads.sweep(now)
		if err := k.ledger.sweep(now); err != nil {
			k.cfg.Logger.Warn("mailbox: cannot delete what is too old", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// handle runs in a goroutine of the host's, one for each stream; it ends with the exchange.
func (k *Keeper) handle(st network.Stream) {
	busy, ok := k.enter(st)
	if !ok {
		_ = st.Reset()
		return
	}
	defer k.leave(st)
	v := &visit{k: k, line: newLine(st, time.Now().Add(introduced))}
	v.Keeper, v.Asker = k.cfg.Host.ID(), st.Conn().RemotePeer()
	if err := v.serve(busy); err != nil {
		k.cfg.Logger.Debug("mailbox: exchange failed", "peer", v.Asker, "err", err)
		_ = st.Reset()
		return
	}
	_ = st.Close()
}

// enter lets a stream in as a stranger; busy says that it is told to go.
func (k *Keeper) enter(st network.Stream) (busy, ok bool) {
	p := st.Conn().RemotePeer()
	may := k.spent.spend(p, 1, 0, time.Now())
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.strangers >= 2*maxStrangers {
		return false, false
	}
	busy = !may || k.strangers >= maxStrangers || k.perPeer[p] >= maxServingPeer
	k.strangers++
	k.perPeer[p]++
	k.streams[st] = false
	k.wg.Add(1)
	return busy, true
}

// introduce counts a stream as one that serves from now on, if there is room.
func (k *Keeper) introduce(st network.Stream) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.streams[st] {
		return true
	}
	if k.serving >= maxServing {
		return false
	}
	k.streams[st] = true
	k.strangers--
	k.serving++
	return true
}

func (k *Keeper) leave(st network.Stream) {
	p := st.Conn().RemotePeer()
	k.mu.Lock()
	if k.streams[st] {
		k.serving--
	} else {
		k.strangers--
	}
	if k.perPeer[p]--; k.perPeer[p] == 0 {
		delete(k.perPeer, p)
	}
	delete(k.streams, st)
	k.mu.Unlock()
	k.wg.Done()
}

func newNonce() (n [32]byte) {
	_, _ = rand.Read(n[:]) // never fails
	return n
}
