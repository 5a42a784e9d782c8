package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// In a sealed topic a text that is not to be kept goes away by itself: the record
// stays as it is, and what was opened of it is deleted. Its key was erased when it
// was opened. That is done here for messages that disappear, and for what a
// retention on this computer drops.

// prefixFade + topic id: the place up to which messages have disappeared here.
const prefixFade = "fade/"

// fadeBound returns the times, in ms since 1970, between which messages have
// disappeared.
func (t *Topic) fadeBound(now time.Time) (from, to int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil || t.state.Settings().Fade == 0 {
		return 0, 0
	}
	s := t.state.Settings()
	return s.Since, now.UnixMilli() - s.Fade*1000
}

// isFaded reports whether a message has disappeared, or is not kept here.
func (t *Topic) isFaded(r *record.Record) bool {
	from, to := t.fadeBound(time.Now())
	if r.Time >= from && r.Time < to {
		return true
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	return r.Writer != t.me && storage.Pos{Time: r.Time, ID: storage.ID(r.ID())}.Compare(t.shedTo) <= 0
}

// fadeOld deletes the texts of messages whose time is over.
func (t *Topic) fadeOld(ctx context.Context) error {
	from, to := t.fadeBound(time.Now())
	if to <= from {
		return nil
	}
	after := storage.Pos{Time: from}
	if done, err := t.fadedTo(); err != nil {
		return err
	} else if done > from {
		after.Time = done
	}
	until := storage.Pos{Time: to}
	if after.Compare(until) >= 0 {
		return nil
	}

	if err := t.fadeBetween(ctx, &after, until, true); err != nil {
		return err
	}
	return t.node.commit(ctx, storage.Batch{State: []storage.KV{{Key: prefixFade + t.id.String(), Value: posBytes(until)}}})
}

// fadedTo reads how far fadeOld has come.
func (t *Topic) fadedTo() (int64, error) {
	b, err := t.node.store.State(prefixFade + t.id.String())
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil || len(b) != 40 {
		return 0, fmt.Errorf("node: how far messages have disappeared: %w", err)
	}
	return parseTime(b), nil
}

// fadeBetween deletes what was opened of the sealed messages behind a place up to
// another; own ones only where own is set.
func (t *Topic) fadeBetween(ctx context.Context, after *storage.Pos, to storage.Pos, own bool) error {
	for {
		const step = 200
		page, err := t.node.store.Range(t.space(), lanePosts, storage.Query{After: after, Limit: step})
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		var b storage.Batch
		for _, s := range page {
			if posOf(s).Compare(to) > 0 {
				break
			}
			if Writer(s.Chain) == t.me && !own {
				continue
			}
			id := record.ID(s.ID)
			row, err := t.inside(id)
			if err != nil || row.Closed != 0 {
				continue
			}
			kv, err := openKV(t.id, id, openRow{Closed: ClosedFaded})
			if err != nil {
				return err
			}
			b.State = append(b.State, kv)
			b.Events = append(b.Events, encodeEvent(MessageUpdated, t.id, id))
		}
		if len(b.State) > 0 {
			if err := t.node.commit(ctx, b); err != nil {
				return err
			}
			t.mu.Lock()
			t.last = nil
			t.mu.Unlock()
			t.node.bell.journal()
			t.node.bell.topic(t.id)
		}
		if len(page) < step || posOf(page[len(page)-1]).Compare(to) >= 0 {
			return nil
		}
		last := posOf(page[len(page)-1])
		after = &last
	}
}
