package node

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// fork is the proof that a writer signed two records that cannot both be in its
// chain: two with one number, or one that does not name the one before it. The
// chain counts up to the record before; what comes from there on is set aside.
type fork struct {
	seq  uint64 // the lower number of the two
	a, b *record.Record
	when time.Time // this node found out
}

type forkRow struct {
	A    []byte `cbor:"1,keyasint"`
	B    []byte `cbor:"2,keyasint"`
	When int64  `cbor:"3,keyasint"`
}

func forkKey(id TopicID, w Writer) string { return prefixFork + id.String() + "/" + w.String() }

// contradicts handles r, whose signature was checked, when another record stands
// at a place where it cannot stand beside r.
func (t *Topic) contradicts(ctx context.Context, r *record.Record, seq uint64) error {
	other, err := t.at(r.Writer, seq)
	if err != nil || other == nil {
		return err
	}
	return t.freeze(ctx, other, r)
}

// proveFork takes two records that somebody shows as proof.
func (t *Topic) proveFork(ctx context.Context, a, b *record.Record) error {
	if a.Seq > b.Seq {
		a, b = b, a
	}
	apart := a.Seq == b.Seq && a.ID() != b.ID() || a.Seq+1 == b.Seq && b.Prev != a.ID()
	if a.TopicID() != t.id || b.TopicID() != t.id || a.Writer != b.Writer || !apart {
		return fmt.Errorf("%w: no proof of a fork", record.ErrForm)
	}
	for _, r := range []*record.Record{a, b} {
		if err := r.Verify(); err != nil {
			return err
		}
	}
	if err := t.freeze(ctx, a, b); err != errFork {
		return err
	}
	return nil
}

// freeze keeps a and b as proof, sets the chain aside from the lower of their
// numbers on, and returns errFork. Both signatures were checked.
func (t *Topic) freeze(ctx context.Context, a, b *record.Record) error {
	if a.Seq > b.Seq || a.Seq == b.Seq && bytes.Compare(idBytes(a.ID()), idBytes(b.ID())) > 0 {
		a, b = b, a
	}
	t.freezing.Lock()
	defer t.freezing.Unlock()
	t.mu.RLock()
	known := t.forks[a.Writer]
	t.mu.RUnlock()
	if known != nil && known.seq <= a.Seq {
		return errFork
	}
	f := &fork{seq: a.Seq, a: a, b: b, when: time.Now()}
	row, err := record.EncodeBody(forkRow{A: a.Bytes(), B: b.Bytes(), When: f.when.UnixMilli()})
	if err != nil {
		return err
	}
	t.node.log.Warn("node: a writer signed two records with one number", "topic", t.id, "writer", a.Writer, "seq", a.Seq)
	err = t.node.commit(ctx, storage.Batch{
		State:  []storage.KV{{Key: forkKey(t.id, a.Writer), Value: row}},
		Moves:  []storage.Move{{Space: t.space(), Chain: storage.Chain(a.Writer), From: a.Seq, To: laneAside}},
		Events: [][]byte{encodeEvent(TopicUpdated, t.id, a.ID())},
	})
	if err != nil {
		return err
	}
	if err := t.refold(f); err != nil {
		return err
	}
	t.node.aside(t.spread)
	if f.a.Writer == t.me {
		t.node.renew(t, f)
	}
	return errFork
}

// maxTold is how many followers are told of a fork at once; each tells others.
const maxTold = 16

// tellOfForks tells somebody who passes on what a forked writer signs that there is a
// proof, once for each fork. It may have come after the others were told.
func (t *Topic) tellOfForks(peer string) {
	t.mu.Lock()
	n := len(t.forks)
	known := t.toldForks[peer] >= n
	if len(t.toldForks) >= maxToldForks {
		clear(t.toldForks)
	}
	t.toldForks[peer] = n
	t.mu.Unlock()
	if known {
		return
	}
	t.node.aside(func() {
		if err := t.node.asker.Nudge(t.ctx, peer, t.id); err != nil {
			t.node.log.Debug("node: tell of a fork", "topic", t.id, "peer", peer, "err", err)
		}
	})
}

// maxToldForks is how many peers are remembered as told.
const maxToldForks = 256

// spread tells followers that there is a proof to be fetched.
func (t *Topic) spread() {
	peers := t.gossip.Peers()
	for _, p := range peers[:min(len(peers), maxTold)] {
		if err := t.node.asker.Nudge(t.ctx, p, t.id); err != nil {
			t.node.log.Debug("node: tell of a fork", "topic", t.id, "peer", p, "err", err)
		}
	}
}

// refold brings the memory up to a chain that was set aside: what it said as an
// op does not count any more.
func (t *Topic) refold(f *fork) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forks[f.a.Writer] = f
	t.last = nil
	t.unreadStale = true
	t.vouched.forget(f.a.Writer, f.seq)
	clear(t.people)
	if t.state == nil {
		return nil
	}
	s, err := t.node.store.Get(t.space(), storage.ID(t.id))
	if err != nil {
		return err
	}
	genesis, err := t.open(s)
	if err != nil {
		return err
	}
	if t.state, err = topic.NewState(genesis); err != nil {
		return err
	}
	return t.applyAll()
}

// loadForks reads what freeze wrote.
func (t *Topic) loadForks() error {
	t.forks = map[Writer]*fork{}
	rows, err := t.node.store.ListState(prefixFork + t.id.String() + "/")
	if err != nil {
		return fmt.Errorf("node: read the forks: %w", err)
	}
	for _, kv := range rows {
		var row forkRow
		if err := record.DecodeBody(kv.Value, &row); err != nil {
			return fmt.Errorf("%w: fork: %w", ErrDamaged, err)
		}
		a, err := record.Decode(row.A)
		if err != nil {
			return fmt.Errorf("%w: fork: %w", ErrDamaged, err)
		}
		b, err := record.Decode(row.B)
		if err != nil {
			return fmt.Errorf("%w: fork: %w", ErrDamaged, err)
		}
		t.forks[a.Writer] = &fork{seq: a.Seq, a: a, b: b, when: time.UnixMilli(row.When)}
	}
	return nil
}

// forkIDs returns the proofs by their ids.
func (t *Topic) forkIDs() [][2]record.ID {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var out [][2]record.ID
	for _, f := range t.forks {
		out = append(out, [2]record.ID{f.a.ID(), f.b.ID()})
	}
	slices.SortFunc(out, func(x, y [2]record.ID) int { return bytes.Compare(x[0][:], y[0][:]) })
	return out
}

// forkProof returns the bytes of a record that is part of a proof, nil for none.
func (t *Topic) forkProof(id record.ID) []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, f := range t.forks {
		for _, r := range []*record.Record{f.a, f.b} {
			if r.ID() == id {
				return r.Bytes()
			}
		}
	}
	return nil
}
