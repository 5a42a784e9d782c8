package node

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/record"
)

// Clocks of tend.
const (
	tendEvery = 10 * time.Second
	tendAfter = 2 * time.Second // from a hint to looking: gossip brings most things a moment later, some with its next heartbeat
	shedEvery = time.Hour
)

// tend looks after a topic from its genesis until it is closed: it asks for what
// is missing, gives what is parked another chance, vouches, and drops what is
// not to be kept.
func (t *Topic) tend() {
	select {
	case <-t.ctx.Done():
		return
	case <-t.ready:
	}
	t.mu.RLock()
	own := t.forks[t.me]
	t.mu.RUnlock()
	if own != nil { // found out just before the last stop
		t.node.renew(t, own)
		return
	}
	t.wg.Go(func() { t.repair.Run(t.ctx) })
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	shed := time.Now()
	for {
		t.do("retry what is parked", func(ctx context.Context) error { t.retryParked(ctx); return nil })
		t.do("see what is missing", t.seeMissing)
		t.do("take back an own topic", t.regain)
		t.do("vouch", t.vouch)
		if t.seals() != nil {
			t.do("let messages disappear", t.fadeOld)
		}
		if !time.Now().Before(shed) {
			t.do("drop texts", t.shedOld)
			shed = time.Now().Add(shedEvery)
		}
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		case <-t.chores:
			select {
			case <-t.ctx.Done():
				return
			case <-time.After(tendAfter):
			}
		}
	}
}

func (t *Topic) do(what string, f func(context.Context) error) {
	if err := f(t.ctx); err != nil && t.ctx.Err() == nil {
		t.node.log.Warn("node: "+what, "topic", t.id, "err", err)
	}
}

// maxUnseen bounds the ids that are remembered because a record named them
// before they were here.
const maxUnseen = 256

// noteHoles remembers what r, just stored, shows to be missing. head was its
// chain's before.
func (t *Topic) noteHoles(r *record.Record, head chainHead) {
	named := r.After
	if r.Seq != head.seq+1 && r.Seq > 1 {
		named = append(slices.Clip(named), r.Prev)
	}
	for _, id := range named {
		if t.recent.get(id) != nil || (book{t: t}).Has(id) {
			continue
		}
		t.mu.Lock()
		if _, known := t.unseen[id]; !known && len(t.unseen) < maxUnseen {
			t.unseen[id] = time.Now()
		}
		t.mu.Unlock()
		poke(t.chores)
	}
}

// seeMissing tells the repairer whether something is known to be missing. What
// was named just now may be on its way: gossip gets tendAfter to bring it. Asking
// at once would make a busy topic fetch its newest records a second time.
func (t *Topic) seeMissing(context.Context) error {
	late, young := t.named()
	if young {
		poke(t.chores)
	}
	c, err := t.complete()
	if err != nil {
		return err
	}
	t.repair.Missing(late || c.Missing > 0 && !young)
	poke(t.locks) // a newcomer may have waited for this
	return nil
}

// named reports whether something that others named is still not here, since long
// or since just now.
func (t *Topic) named() (late, young bool) {
	t.mu.RLock()
	unseen := maps.Clone(t.unseen)
	t.mu.RUnlock()
	for id, since := range unseen {
		switch {
		case (book{t: t}).Has(id) || t.forkProof(id) != nil:
			t.mu.Lock()
			delete(t.unseen, id)
			t.mu.Unlock()
		case time.Since(since) >= tendAfter:
			late = true
		default:
			young = true
		}
	}
	return late, young
}

// Repair asks followers again for what is missing, now.
func (t *Topic) Repair() { t.repair.Look(true) }
