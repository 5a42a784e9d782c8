package history

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/record"
)

// How often and how many are asked.
const (
	together = 4                // followers that are asked at once
	quietly  = 60 * time.Second // between two looks when nothing is known to be missing; jittered by half
	soon     = 3 * time.Second  // the same when something is; doubled up to quietly while nothing comes
	shunned  = 10 * time.Minute // for which one who sent what cannot be genuine is not asked
	patient  = 2 * time.Second  // between two nudges of one peer that are heeded

	spreadTo    = 3               // followers that are told when a comparison has brought something
	spreadPause = 5 * time.Second // between two times
	spreadWait  = 2 * time.Second // for all of them

	onceMore  = 500 * time.Millisecond // to the next try after a comparison broke off; doubled up to quietly
	whileNews = 5 * time.Second        // the same at most, while something is known to be missing
)

// Keeper is the node's side of one topic.
type Keeper interface {
	// Book returns what is kept.
	Book() Book
	// Peers returns the followers that are connected.
	Peers() []string
	// Take puts records through the verdict and stores those that pass. p
	// belongs to one run of records from the newest back.
	Take(ctx context.Context, p Proof, rs []*record.Record) (Taken, error)
	// Forked takes two records that a peer shows as proof of a fork.
	Forked(ctx context.Context, a, b *record.Record) error
	// Told hears that a comparison of b with a peer has ended: of what is in b
	// the peer lacks these records and has all others.
	Told(peer string, b Book, lacks []record.ID)
}

// Taken says what became of records.
type Taken struct {
	New      int
	Known    int
	Parked   int         // wait for something else
	False    int         // cannot be genuine, whoever brought them
	Bodiless []record.ID // new, and came without their body
	Filled   []record.ID // were here without their body, and have it now
}

// Repairer fetches what a topic lacks from whoever has it, until it is closed.
type Repairer struct {
	client *Client
	topic  record.TopicID
	keeper Keeper
	log    *slog.Logger
	change func()
	wake   chan struct{}

	mu       sync.Mutex
	met      map[string]bool      // compared since they connected
	shun     map[string]time.Time // until when
	nudged   map[string]time.Time // when they last said that they have news
	urgent   bool                 // somebody asked for a look now
	restless bool                 // something is known to be missing
	bodiless map[record.ID]struct{}
	broken   map[string]bool // comparisons with them broke off: they are to be taken up again
	state    State
}

// State says what a repairer does right now.
type State struct {
	Asking int    // peers
	Done   uint64 // records of the transfer under way
	Total  uint64 // as peers claim
	Last   time.Time
}

// NewRepairer makes a repairer for one topic. Run starts it. changed is called
// when a comparison that people may watch has ended.
func NewRepairer(c *Client, id record.TopicID, k Keeper, changed func(), logger *slog.Logger) *Repairer {
	return &Repairer{
		change: changed, client: c, topic: id, keeper: k, log: logger, wake: make(chan struct{}, 1),
		met: map[string]bool{}, shun: map[string]time.Time{}, nudged: map[string]time.Time{}, bodiless: map[record.ID]struct{}{}, broken: map[string]bool{},
	}
}

// State returns what it does right now.
func (r *Repairer) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// Look makes it compare soon: with followers that are new, and, if now is set, with any.
func (r *Repairer) Look(now bool) {
	r.mu.Lock()
	r.urgent = r.urgent || now
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Nudged makes it compare with a peer that says it has news.
func (r *Repairer) Nudged(peer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.nudged) > 1024 {
		clear(r.nudged)
	}
	if time.Since(r.nudged[peer]) < patient {
		return
	}
	r.nudged[peer] = time.Now()
	delete(r.met, peer)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Back makes it compare with a connected peer to whom a line has come or gone: what was
// on its way by the one that is lost may be lost too.
func (r *Repairer) Back(peer string) {
	r.mu.Lock()
	known := r.met[peer]
	delete(r.met, peer)
	r.mu.Unlock()
	if known {
		r.Look(false)
	}
}

// Missing tells whether something is known to be missing: then it looks more often.
func (r *Repairer) Missing(some bool) {
	r.mu.Lock()
	news := some && !r.restless
	r.restless = some
	r.mu.Unlock()
	if news {
		r.Look(true)
	}
}

// Run works until ctx ends.
func (r *Repairer) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	pause, again := soon, onceMore
	var due, spread time.Time // of the next look at anybody; when others were last told
	for ctx.Err() == nil {
		r.mu.Lock()
		hurry := r.restless
		r.mu.Unlock()
		peers := r.choose()
		gained := 0
		if len(peers) > 0 {
			if gained = r.pass(ctx, peers); gained > 0 || hurry {
				r.change()
			}
		}
		switch {
		case gained > 0:
			pause, again = soon, onceMore
		case hurry:
			pause = min(2*pause, quietly)
		default:
			pause = quietly
		}
		if gained > 0 {
			r.again(peers)
			if time.Since(spread) > spreadPause {
				spread = time.Now()
				wg.Go(func() { r.spread(ctx, peers) }) // ends within spreadWait
			}
		}
		broke := r.brokeOff()
		// A few records are what gossip brings meanwhile anyway: no need to hurry.
		if !broke && (gained >= piece || gained == 0 && r.fresh()) {
			continue
		}
		if next := time.Now().Add(pause/2 + rand.N(pause)); due.IsZero() || next.Before(due) {
			due = next
		}
		wait := time.Until(due)
		if !broke {
			again = onceMore
		} else {
			// A line was lost, and there may be another one in a moment.
			wait = min(wait, again)
			if again = min(2*again, quietly); hurry {
				again = min(again, whileNews)
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
		if !time.Now().Before(due) {
			r.mu.Lock()
			r.urgent = true
			r.mu.Unlock()
			due = time.Time{}
		}
		r.takeUpAgain()
	}
}

// spread tells a few followers that there is news, which gossip does not bring: what
// came from one side of a cut that has healed is on the other side with whoever has
// a line there, and with nobody else.
func (r *Repairer) spread(ctx context.Context, but []string) {
	peers := slices.DeleteFunc(slices.Clone(r.keeper.Peers()), func(p string) bool { return slices.Contains(but, p) })
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	ctx, cancel := context.WithTimeout(ctx, spreadWait)
	defer cancel()
	for _, p := range peers[:min(len(peers), spreadTo)] {
		if err := r.client.Nudge(ctx, p, r.topic); err != nil {
			r.log.Debug("history: tell of news", "topic", r.topic, "peer", p, "err", err)
		}
	}
}

// breaks notes that a comparison with a peer broke off.
func (r *Repairer) breaks(peer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken[peer] = true
}

// brokeOff reports whether comparisons broke off in the last pass.
func (r *Repairer) brokeOff() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.broken) > 0
}

// takeUpAgain makes peers be compared with anew with whom that broke off.
func (r *Repairer) takeUpAgain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.broken {
		delete(r.met, p)
	}
	clear(r.broken)
}

// again makes peers that had something be compared with once more.
func (r *Repairer) again(peers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range peers {
		delete(r.met, p)
	}
}

// fresh reports whether somebody is there who was not compared with.
func (r *Repairer) fresh() bool {
	for _, p := range r.keeper.Peers() {
		r.mu.Lock()
		known := r.met[p] || time.Now().Before(r.shun[p])
		r.mu.Unlock()
		if !known {
			return true
		}
	}
	return false
}

// choose picks whom to ask: those who are new, or any where it is time for a look.
func (r *Repairer) choose() []string {
	peers := r.keeper.Peers()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.met {
		if !slices.Contains(peers, p) {
			delete(r.met, p)
		}
	}
	peers = slices.DeleteFunc(peers, func(p string) bool { return now.Before(r.shun[p]) })
	urgent := r.urgent
	r.urgent = false
	var chosen, others []string
	for _, p := range peers {
		if r.met[p] {
			others = append(others, p)
		} else {
			chosen = append(chosen, p)
		}
	}
	if urgent {
		n := 2
		if r.restless {
			n = together
		}
		chosen = append(chosen, others[:min(len(others), n)]...)
	}
	chosen = chosen[:min(len(chosen), together)]
	for _, p := range chosen {
		r.met[p] = true
	}
	return chosen
}

// blame notes that a peer cannot be believed.
func (r *Repairer) blame(peer string, err error) {
	r.log.Warn("history: a peer is not asked for a while", "topic", r.topic, "peer", peer, "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.shun) > 1024 {
		clear(r.shun)
	}
	r.shun[peer] = time.Now().Add(shunned)
}

func (r *Repairer) update(change func(*State)) {
	r.mu.Lock()
	change(&r.state)
	r.mu.Unlock()
}

// WantBodies makes it ask for the bodies of records that are here without.
func (r *Repairer) WantBodies(ids []record.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if len(r.bodiless) < maxBodiless {
			r.bodiless[id] = struct{}{}
		}
	}
}
