package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// When an owner or admin vouches: after so many posts, or once a conversation
// rests, at most so often.
const (
	vouchPosts = 100
	vouchRest  = 2 * time.Minute
	vouchPause = time.Hour
	vouchDaily = 24 * time.Hour
)

// maxHoles is how many holes are listed.
const maxHoles = 20

// vouched holds the newest checkpoint of each author. The topic's mutex guards it.
type vouched struct {
	newest  map[Writer]mark
	version int // grows with each change
}

type mark struct {
	topic.Checkpoint
	id   RecordID
	seq  uint64
	time int64
}

// maxVouchers bounds the authors whose checkpoints are remembered.
const maxVouchers = 32

// add takes a checkpoint that is stored.
func (v *vouched) add(r *record.Record) {
	c, err := topic.OpenCheckpoint(r)
	if err != nil {
		return
	}
	if v.newest == nil {
		v.newest = map[Writer]mark{}
	}
	old, known := v.newest[r.Writer]
	if known && old.seq >= r.Seq || !known && len(v.newest) >= maxVouchers {
		return
	}
	v.newest[r.Writer] = mark{c, r.ID(), r.Seq, r.Time}
	v.version++
}

// forget drops what a writer said from seq on.
func (v *vouched) forget(w Writer, seq uint64) {
	if m, ok := v.newest[w]; ok && m.seq >= seq {
		delete(v.newest, w)
	}
	v.version++
}

// loadMarks reads the newest checkpoints of the store.
func (t *Topic) loadMarks() error {
	page, err := t.node.store.Range(t.space(), laneMarks, storage.Query{Limit: 4 * maxVouchers, Newest: true})
	if err != nil {
		return fmt.Errorf("node: read the checkpoints: %w", err)
	}
	for _, s := range page {
		r, err := t.open(s)
		if err != nil {
			t.node.log.Error("node: a stored checkpoint is damaged", "topic", t.id, "err", err)
			continue
		}
		t.vouched.add(r)
	}
	return nil
}

// claims returns the newest checkpoint that counts, and for each chain the
// farthest place that any of those that count vouches for.
func (t *Topic) claims() (newest *mark, by Writer, far map[Writer]topic.Head) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	far = map[Writer]topic.Head{}
	if t.state == nil {
		return nil, by, far
	}
	for w, m := range t.vouched.newest {
		if t.state.Role(w, m.seq, m.time) < topic.Admin {
			continue
		}
		if newest == nil || m.time > newest.time || m.time == newest.time && bytes.Compare(m.id[:], newest.id[:]) > 0 {
			newest, by = &m, w
		}
		for _, h := range m.Heads {
			if h.Seq > far[h.Writer].Seq {
				far[h.Writer] = h
			}
		}
	}
	return newest, by, far
}

// standing is what was worked out last, and of what.
type standing struct {
	stats   storage.Stats
	version int
	missing uint64
	holes   []Hole
	when    time.Time
	wrong   bool // somebody vouches for another record than the one that is here
}

// standFor is how long it is good enough where something is missing anyway.
const standFor = time.Second

// complete works out how much of the topic is here.
func (t *Topic) complete() (c Completeness, err error) {
	stats, err := t.node.store.Stats(t.space())
	if err != nil {
		return c, fmt.Errorf("node: %w", err)
	}
	newest, by, far := t.claims()
	s, err := t.stand(stats, far)
	if err != nil {
		return c, err
	}
	c = Completeness{Waiting: !t.isReady(), Have: stats.Records, Posts: stats.PerLane[lanePosts], Missing: s.missing, Holes: s.holes}
	if newest != nil {
		c.Checkpoint = &Checkpoint{
			Number: newest.Number, By: t.author(by), Time: time.UnixMilli(newest.time).UTC(), Posts: newest.Posts,
			Met: s.missing == 0 && !s.wrong,
		}
	}
	t.mu.RLock()
	for w, f := range t.forks {
		if t.state != nil && t.state.IsSeat(w) {
			continue // two people used one invitation: it counts for neither, and nobody wrote with it
		}
		c.Forks = append(c.Forks, Fork{Author: t.authorLocked(w), Seq: f.seq, When: f.when.UTC()})
	}
	t.mu.RUnlock()
	slices.SortFunc(c.Forks, func(a, b Fork) int { return a.When.Compare(b.When) })
	r := t.repair.State()
	c.Asking, c.Done, c.Total = r.Asking, r.Done, r.Total
	return c, nil
}

// stand counts what is missing below the heads of the chains and of what is
// vouched for. It remembers the last answer.
func (t *Topic) stand(stats storage.Stats, far map[Writer]topic.Head) (standing, error) {
	t.mu.RLock()
	last, version := t.standing, t.vouched.version
	t.mu.RUnlock()
	same := last != nil && last.stats == stats && last.version == version
	// While much arrives the holes change all the time, and looking is not free.
	if same {
		return *last, nil
	}
	if last != nil && last.missing > 0 && stats.Missing > 0 && time.Since(last.when) < standFor {
		s := *last
		if came := stats.Records - min(stats.Records, last.stats.Records); came > 0 {
			s.missing -= min(came, s.missing-1) // at least one, until it was looked at
		}
		return s, nil
	}
	s := standing{stats: stats, version: version, missing: stats.Missing, when: time.Now()}
	if stats.Missing > 0 {
		if err := t.listHoles(&s); err != nil {
			return s, err
		}
	}
	for w, h := range far {
		if err := t.beside(&s, w, h); err != nil {
			return s, err
		}
	}
	t.mu.Lock()
	t.standing = &s
	t.mu.Unlock()
	return s, nil
}

// beside compares a chain with what somebody vouches for.
func (t *Topic) beside(s *standing, w Writer, h topic.Head) error {
	if t.frozenAt(w, h.Seq) {
		return nil
	}
	head, err := t.node.store.Head(t.space(), storage.Chain(w))
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("node: %w", err)
	}
	if head.Seq < h.Seq {
		s.missing += h.Seq - head.Seq
		s.hole(Hole{Author: t.author(w), From: head.Seq + 1, To: h.Seq})
		return nil
	}
	id := record.ID(head.ID)
	if head.Seq != h.Seq {
		r, err := t.node.store.At(t.space(), storage.Chain(w), h.Seq)
		if errors.Is(err, storage.ErrNotFound) {
			return nil // one of the holes
		}
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		id = record.ID(r.ID)
	}
	if id != h.ID { // its writer forked, or whoever vouches is wrong: the repairer finds out
		s.wrong = true
	}
	return nil
}

func (s *standing) hole(h Hole) {
	if len(s.holes) < maxHoles {
		s.holes = append(s.holes, h)
	}
}

// frozenAt reports whether a chain was set aside at or before seq.
func (t *Topic) frozenAt(w Writer, seq uint64) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	f := t.forks[w]
	return f != nil && f.seq <= seq
}

// listHoles names the holes below the heads of the chains. What was set aside
// after a fork is not missed.
func (t *Topic) listHoles(s *standing) error {
	chains, err := t.node.store.Chains(t.space(), storage.Chain{}, 0)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	for _, c := range chains {
		if c.Count == c.Seq {
			continue
		}
		w := Writer(c.Chain)
		gaps, err := t.node.store.Gaps(t.space(), c.Chain, maxHoles)
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		for _, g := range gaps {
			if !t.frozenAt(w, g.From) {
				s.hole(Hole{Author: t.author(w), From: g.From, To: g.To})
			}
		}
		if t.frozenAt(w, c.Seq) {
			s.missing -= min(s.missing, c.Seq-c.Count)
		}
	}
	return nil
}

// vouch writes a checkpoint if this device may and it is time for one.
func (t *Topic) vouch(ctx context.Context) error {
	if !t.mayVouch() {
		return nil
	}
	c, err := t.complete()
	if err != nil || c.Missing > 0 || !t.vouchDue(c) {
		return err
	}
	chains, err := t.node.store.Chains(t.space(), storage.Chain{}, 0)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	slices.SortFunc(chains, func(a, b storage.ChainHead) int { return int(max(-1, min(1, b.Time-a.Time))) })
	cp := topic.Checkpoint{Number: t.nextMark(), Posts: c.Posts, Chains: uint64(len(chains))}
	for _, ch := range chains {
		if ch.Count == ch.Seq && !t.frozenAt(Writer(ch.Chain), ch.Seq) && len(cp.Heads) < topic.MaxHeads {
			cp.Heads = append(cp.Heads, topic.Head{Writer: Writer(ch.Chain), Seq: ch.Seq, ID: record.ID(ch.ID)})
		}
	}
	body, err := cp.Encode()
	if err != nil {
		return err
	}
	_, err = t.append(ctx, &entry{kind: record.KindCheckpoint, body: body})
	return err
}

func (t *Topic) mayVouch() bool {
	seq := t.nextSeq()
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.state != nil && t.state.Role(t.me, seq, time.Now().UnixMilli()) >= topic.Admin
}

func (t *Topic) nextMark() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.vouched.newest[t.me].Number + 1
}

// vouchDue tells whether enough has happened since the newest checkpoint.
func (t *Topic) vouchDue(c Completeness) bool {
	since, age := c.Posts, time.Duration(vouchDaily)
	if c.Checkpoint != nil {
		since = c.Posts - min(c.Posts, c.Checkpoint.Posts)
		age = time.Since(c.Checkpoint.Time)
	}
	stats, err := t.node.store.Stats(t.space())
	if since == 0 || err != nil {
		return false
	}
	// A topic of many writers makes long checkpoints, and fewer of them.
	if since >= max(vouchPosts, 2*stats.Chains) || age >= vouchDaily && c.Checkpoint != nil {
		return true
	}
	last, err := t.lastMessage()
	return err == nil && last != nil && age >= vouchPause && time.Since(last.Time) >= vouchRest
}
