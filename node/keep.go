package node

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// Keep says what a topic keeps on this computer. Texts are dropped, never the
// records that prove their place, and never own ones. The zero value keeps all.
// At most one of the two is set.
type Keep struct {
	Last uint64 `cbor:"1,keyasint,omitempty"` // texts of the last so many posts
	Days uint64 `cbor:"2,keyasint,omitempty"` // texts of the last so many days
}

// maxKeep bounds both numbers of a Keep.
const maxKeep = 10_000_000

// SetKeep changes what is kept here. What was dropped and is wanted again is
// asked for.
func (t *Topic) SetKeep(ctx context.Context, k Keep) error {
	if k.Last > 0 && k.Days > 0 || k.Last > maxKeep || k.Days > maxKeep {
		return ErrKeep
	}
	if err := t.saveRow(ctx, func(row *topicRow) { row.Keep = k }); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	t.mu.Lock()
	was := t.shedTo
	t.shedTo = storage.Pos{}
	t.mu.Unlock()
	if err := t.shedOld(ctx); err != nil {
		return err
	}
	t.mu.RLock()
	now := t.shedTo
	t.mu.RUnlock()
	if now.Compare(was) < 0 {
		t.wg.Go(func() { t.do("ask for texts again", func(ctx context.Context) error { return t.wantTexts(ctx, now) }) })
	}
	t.node.bell.topic(t.id)
	return nil
}

// shed drops the body of a record that is older than what is kept here.
func (t *Topic) shed(r *record.Record) (*record.Record, error) {
	if r.Kind != record.KindPost || r.Writer == t.me {
		return r, nil
	}
	t.mu.RLock()
	old := storage.Pos{Time: r.Time, ID: storage.ID(r.ID())}.Compare(t.shedTo) <= 0
	t.mu.RUnlock()
	if _, ok := r.Body(); !ok || !old {
		return r, nil
	}
	return r.WithoutBody()
}

// shedOld drops the texts that are not to be kept any more, and remembers how
// far that goes.
func (t *Topic) shedOld(ctx context.Context) error {
	to, err := t.shedBound()
	if err != nil || to == nil {
		return err
	}
	t.mu.Lock()
	from := t.shedTo
	if to.Compare(from) <= 0 {
		t.mu.Unlock()
		return nil
	}
	t.shedTo = *to
	t.mu.Unlock()
	after := &from
	if from == (storage.Pos{}) {
		after = nil
	}
	if t.seals() != nil {
		if err := t.fadeBetween(ctx, after, *to, false); err != nil {
			return err
		}
	}
	for {
		const step = 200
		page, err := t.node.store.Range(t.space(), lanePosts, storage.Query{After: after, Limit: step})
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		var b storage.Batch
		for _, s := range page {
			pos := posOf(s)
			if pos.Compare(*to) > 0 {
				break
			}
			r, err := t.open(s)
			if err != nil || r.Writer == t.me || r.Kind != record.KindPost {
				continue
			}
			if _, ok := r.Body(); !ok {
				continue
			}
			bare, err := r.WithoutBody()
			if err != nil {
				return err
			}
			b.Replace = append(b.Replace, storage.Replacement{Space: t.space(), ID: s.ID, Data: bare.Bytes()})
			t.recent.forget(r.ID())
		}
		if len(b.Replace) > 0 {
			if err := t.node.commit(ctx, b); err != nil {
				return err
			}
		}
		if len(page) < step || posOf(page[len(page)-1]).Compare(*to) >= 0 {
			break
		}
		last := posOf(page[len(page)-1])
		after = &last
	}
	t.node.bell.topic(t.id)
	return t.node.commit(ctx, storage.Batch{State: []storage.KV{{Key: prefixShed + t.id.String(), Value: posBytes(*to)}}})
}

// shedBound is the place up to which texts are not kept, nil for none.
func (t *Topic) shedBound() (*storage.Pos, error) {
	t.mu.RLock()
	keep := t.row.Keep
	t.mu.RUnlock()
	switch {
	case keep.Days > 0:
		at := time.Now().Add(-time.Duration(keep.Days) * 24 * time.Hour).UnixMilli()
		return &storage.Pos{Time: max(0, at)}, nil
	case keep.Last > 0:
		stats, err := t.node.store.Stats(t.space())
		if err != nil || stats.PerLane[lanePosts] <= keep.Last {
			return nil, err
		}
		page, err := t.node.store.Positions(t.space(), lanePosts, nil, nil, int(stats.PerLane[lanePosts]-keep.Last))
		if err != nil || len(page) == 0 {
			return nil, err
		}
		return &page[len(page)-1], nil
	}
	return nil, nil
}

// wantTexts asks for the texts of posts behind a place that are here without.
func (t *Topic) wantTexts(ctx context.Context, behind storage.Pos) error {
	after := &behind
	for ctx.Err() == nil {
		const step = 500
		page, err := t.node.store.Range(t.space(), lanePosts, storage.Query{After: after, Limit: step})
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		var ids []record.ID
		for _, s := range page {
			if r, err := t.open(s); err == nil {
				if _, ok := r.Body(); !ok {
					ids = append(ids, r.ID())
				}
			}
		}
		t.repair.WantBodies(ids)
		if len(page) < step {
			break
		}
		last := posOf(page[len(page)-1])
		after = &last
	}
	t.repair.Look(true)
	return nil
}

func posBytes(p storage.Pos) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 40), uint64(p.Time)), p.ID[:]...)
}

// parseTime reads the time of posBytes.
func parseTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
