package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
)

// piece is about how many records one job fetches.
const piece = 750

// job is something to fetch: a part of a lane, or records by their ids.
type job struct {
	lane Lane
	part reconcile.Range
	ids  []record.ID
	rank int // lower ones come first: what is newer
}

// pass is one comparison with a few peers, which share the work that comes of it.
type pass struct {
	r *Repairer

	mu      sync.Mutex
	ready   *sync.Cond
	queue   []job // the next one last
	busy    int   // peers that may still add to the queue
	covered map[Lane][]reconcile.Range
	wanted  map[record.ID]struct{}
	gained  int
	ranks   int
}

// pass compares with peers and fetches what they have. It returns how many
// records were new.
func (r *Repairer) pass(ctx context.Context, peers []string) int {
	p := &pass{r: r, busy: len(peers), covered: map[Lane][]reconcile.Range{}, wanted: map[record.ID]struct{}{}}
	p.ready = sync.NewCond(&p.mu)
	r.update(func(s *State) { s.Asking, s.Done, s.Total = len(peers), 0, 0 })
	var wg sync.WaitGroup
	for _, peer := range peers {
		wg.Go(func() {
			err := p.with(ctx, peer)
			r.update(func(s *State) { s.Asking-- })
			switch {
			case errors.Is(err, ErrFalse) || errors.Is(err, ErrProtocol) || errors.Is(err, reconcile.ErrMessage):
				r.blame(peer, err)
			case err != nil && ctx.Err() == nil:
				if !errors.Is(err, ErrUnknown) {
					r.breaks(peer)
				}
				r.log.Debug("history: a comparison ended early", "topic", r.topic, "peer", peer, "err", err)
			}
		})
	}
	wg.Wait()
	r.update(func(s *State) { *s = State{Last: time.Now()} })
	return p.gained
}

// with compares with one peer, then works off what there is to fetch.
func (p *pass) with(ctx context.Context, peer string) error {
	idle := sync.OnceFunc(func() { p.idle(-1) })
	defer idle()
	behind, err := p.compare(ctx, peer)
	if err != nil || behind {
		return err
	}
	for {
		j, ok := p.next()
		if !ok {
			return nil
		}
		if err := p.fetch(ctx, peer, &j); err != nil {
			p.add(j)
			return err
		}
	}
}

// idle changes how many peers may still add to the queue.
func (p *pass) idle(n int) {
	p.mu.Lock()
	p.busy += n
	p.ready.Broadcast()
	p.mu.Unlock()
}

// next takes a job. While there is none it waits for as long as another peer
// may bring or give back one.
func (p *pass) next() (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		if p.busy--; p.busy == 0 {
			p.ready.Broadcast()
		}
		for len(p.queue) == 0 && p.busy > 0 {
			p.ready.Wait()
		}
		p.busy++
		if len(p.queue) == 0 {
			return job{}, false
		}
	}
	j := p.queue[len(p.queue)-1]
	p.queue = p.queue[:len(p.queue)-1]
	return j, true
}

// add queues jobs. Those that are new are given from the newest back, and come
// behind those that are here.
func (p *pass) add(jobs ...job) {
	p.mu.Lock()
	for _, j := range jobs {
		if j.rank == 0 {
			p.ranks++
			j.rank = p.ranks
		}
		p.queue = append(p.queue, j)
	}
	slices.SortFunc(p.queue, func(a, b job) int { return cmp.Compare(b.rank, a.rank) })
	p.ready.Broadcast()
	p.mu.Unlock()
}

// compare finds out what a peer has that is not here. Ops and checkpoints are
// fetched at once, the rest is queued. behind reports that the peer has nothing
// more, and there is nothing to fetch from it.
func (p *pass) compare(ctx context.Context, peer string) (behind bool, err error) {
	r := p.r
	book := r.keeper.Book()
	whole, err := r.client.Sums(ctx, peer, r.topic, book)
	if err != nil {
		return true, err
	}
	if whole.Same {
		r.keeper.Told(peer, book, nil)
		return true, p.fillBodies(ctx, peer)
	}
	if err := p.seeForks(ctx, peer, book, whole.Forks); err != nil {
		return true, err
	}
	behind = true
	lacks := lack{all: true}
	for _, l := range lanes {
		set := book.Set(l)
		mine, err := set.Sum(reconcile.Bound{}, reconcile.End())
		if err != nil {
			return true, err
		}
		theirs := whole.Lanes[l]
		switch {
		case theirs == (LaneSum{mine.Count, mine.Fingerprint()}):
		case theirs.Count == 0:
			lacks.all = false
		case mine.Count == 0:
			behind = false
			err = p.wantPart(ctx, peer, l, reconcile.Whole())
		default:
			behind = false
			err = p.compareLane(ctx, peer, l, set, &lacks)
		}
		if err != nil {
			return behind, err
		}
	}
	if lacks.all {
		r.keeper.Told(peer, book, lacks.ids)
	}
	return behind, p.fillBodies(ctx, peer)
}

// lack gathers what a peer lacks; all tells whether that is everything.
type lack struct {
	ids []record.ID
	all bool
}

// maxLack bounds the ids that a peer is found to lack.
const maxLack = 4096

// compareLane reconciles one lane.
func (p *pass) compareLane(ctx context.Context, peer string, l Lane, set reconcile.Set, lacks *lack) error {
	a := reconcile.NewAsker(set, talkOptions())
	msg, err := a.Start()
	for err == nil && msg != nil {
		var reply []byte
		if reply, err = p.r.client.reconcile(ctx, peer, p.r.topic, l, msg); err != nil {
			return err
		}
		msg, err = a.Next(reply)
		found := a.Take()
		for _, id := range found.Have {
			lacks.ids = append(lacks.ids, record.ID(id))
		}
		lacks.all = lacks.all && uint64(len(found.Have)) == found.HaveCount
		if err := p.wantIDs(ctx, peer, l, found.Need); err != nil {
			return err
		}
		for _, part := range found.NeedRanges {
			if err := p.wantPart(ctx, peer, l, part); err != nil {
				return err
			}
		}
	}
	if errors.Is(err, reconcile.ErrRounds) { // what was found is fetched, and then comes the rest
		lacks.all = false
		return nil
	}
	return err
}

func talkOptions() reconcile.Options {
	return reconcile.Options{MaxFrame: maxMessage - 4096, MaxHave: maxLack}
}

// wantIDs queues records of a peer by their ids, those that no other peer brings.
func (p *pass) wantIDs(ctx context.Context, peer string, l Lane, need []reconcile.ID) error {
	var jobs []job
	var ids []record.ID
	p.mu.Lock()
	for _, id := range need {
		if _, ok := p.wanted[record.ID(id)]; ok {
			continue
		}
		p.wanted[record.ID(id)] = struct{}{}
		if ids = append(ids, record.ID(id)); len(ids) == maxWanted {
			jobs = append(jobs, job{lane: l, ids: ids})
			ids = nil
		}
	}
	p.mu.Unlock()
	if len(ids) > 0 {
		jobs = append(jobs, job{lane: l, ids: ids})
	}
	return p.want(ctx, peer, l, jobs)
}

// wantPart queues a part of a lane of which nothing is here, cut into pieces.
func (p *pass) wantPart(ctx context.Context, peer string, l Lane, part reconcile.Range) error {
	var jobs []job
	for _, part := range p.claim(l, part) {
		count, cuts, err := p.r.client.outline(ctx, peer, p.r.topic, l, part, piece)
		if err != nil {
			p.disclaim(l, part)
			return err
		}
		p.r.update(func(s *State) { s.Total += min(count, 1<<40) })
		to := part.To
		for _, cut := range slices.Backward(slices.Concat([]reconcile.Bound{part.From}, cuts)) {
			jobs = append(jobs, job{lane: l, part: reconcile.Range{From: cut, To: to}})
			to = cut
		}
	}
	return p.want(ctx, peer, l, jobs)
}

// want fetches jobs at once where others depend on them, and queues the rest.
func (p *pass) want(ctx context.Context, peer string, l Lane, jobs []job) error {
	if l == LanePosts || l == LaneOther {
		p.add(jobs...)
		return nil
	}
	for i := range jobs {
		if err := p.fetch(ctx, peer, &jobs[i]); err != nil {
			p.add(jobs[i:]...)
			return err
		}
	}
	return nil
}

// claim returns what of a part no other peer was asked for in this pass.
func (p *pass) claim(l Lane, part reconcile.Range) []reconcile.Range {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := []reconcile.Range{part}
	for _, c := range p.covered[l] {
		var next []reconcile.Range
		for _, x := range left {
			next = append(next, without(x, c)...)
		}
		left = next
	}
	p.covered[l] = append(p.covered[l], left...)
	return left
}

func (p *pass) disclaim(l Lane, part reconcile.Range) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.covered[l] = slices.DeleteFunc(p.covered[l], func(x reconcile.Range) bool { return x == part })
}

// without returns x less c.
func without(x, c reconcile.Range) []reconcile.Range {
	if c.To.Compare(x.From) <= 0 || c.From.Compare(x.To) >= 0 {
		return []reconcile.Range{x}
	}
	var out []reconcile.Range
	if x.From.Compare(c.From) < 0 {
		out = append(out, reconcile.Range{From: x.From, To: c.From})
	}
	if c.To.Compare(x.To) < 0 {
		out = append(out, reconcile.Range{From: c.To, To: x.To})
	}
	return out
}

// fetch does a job with one peer. When it fails, j is what is left of it.
func (p *pass) fetch(ctx context.Context, peer string, j *job) error {
	proof := Proof{}
	if len(j.ids) > 0 {
		_, err := p.r.client.records(ctx, peer, p.r.topic, j.ids, func(rs []*record.Record) error {
			return p.take(ctx, proof, rs)
		})
		return err
	}
	for {
		before := j.part.To
		all, err := p.r.client.part(ctx, peer, p.r.topic, j.lane, j.part, maxServed, func(rs []*record.Record) error {
			if err := inOrder(rs, j.part); err != nil {
				return err
			}
			if err := p.take(ctx, proof, rs); err != nil {
				return err
			}
			j.part.To = reconcile.At(itemOf(rs[len(rs)-1]))
			return nil
		})
		if err != nil || all {
			return err
		}
		if j.part.To.Compare(before) >= 0 {
			return fmt.Errorf("%w: more is promised and none sent", ErrProtocol)
		}
	}
}

func (p *pass) take(ctx context.Context, proof Proof, rs []*record.Record) error {
	taken, err := p.r.keeper.Take(ctx, proof, rs)
	p.mu.Lock()
	p.gained += taken.New
	p.mu.Unlock()
	p.r.mu.Lock()
	p.r.state.Done += uint64(len(rs))
	for _, id := range taken.Bodiless {
		if len(p.r.bodiless) < maxBodiless {
			p.r.bodiless[id] = struct{}{}
		}
	}
	for _, id := range taken.Filled {
		delete(p.r.bodiless, id)
	}
	p.r.mu.Unlock()
	if err == nil && taken.False > 0 {
		err = fmt.Errorf("%w: %d of %d records", ErrFalse, taken.False, len(rs))
	}
	return err
}

// maxBodiless bounds the records that are remembered because they came without their body.
const maxBodiless = 100_000

// fillBodies asks a peer for the bodies of records that came without.
func (p *pass) fillBodies(ctx context.Context, peer string) error {
	p.r.mu.Lock()
	ids := make([]record.ID, 0, min(len(p.r.bodiless), maxWanted))
	for id := range p.r.bodiless {
		if ids = append(ids, id); len(ids) == cap(ids) {
			break
		}
	}
	p.r.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	return p.fetch(ctx, peer, &job{ids: ids})
}

// seeForks fetches proofs of forks that are not here.
func (p *pass) seeForks(ctx context.Context, peer string, book Book, forks [][2]record.ID) error {
	known := map[[2]record.ID]bool{}
	for _, f := range book.Forks() {
		known[f] = true
	}
	for _, f := range forks {
		if known[f] {
			continue
		}
		var rs []*record.Record
		_, err := p.r.client.records(ctx, peer, p.r.topic, f[:], func(more []*record.Record) error {
			rs = append(rs, more...)
			return nil
		})
		if err != nil {
			return err
		}
		if len(rs) != 2 {
			continue // dropped meanwhile
		}
		if err := p.r.keeper.Forked(ctx, rs[0], rs[1]); err != nil {
			return err
		}
	}
	return nil
}

// inOrder checks that records come from the newest back and from the part that
// was asked for.
func inOrder(rs []*record.Record, part reconcile.Range) error {
	to := part.To
	for _, r := range rs {
		at := reconcile.At(itemOf(r))
		if at.Compare(to) >= 0 || at.Compare(part.From) < 0 {
			return fmt.Errorf("%w: a record out of order", ErrProtocol)
		}
		to = at
	}
	return nil
}

func itemOf(r *record.Record) reconcile.Item {
	return reconcile.Item{Time: r.Time, ID: reconcile.ID(r.ID())}
}
