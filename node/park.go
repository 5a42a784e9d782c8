package node

import (
	"context"
	"errors"
	"slices"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// Limits of what is parked in one topic. Beyond them records are let go: history
// brings them again.
const (
	maxParked       = 512
	maxParkedWriter = 64
)

// parked holds records that are genuine and cannot stand yet: the op that gives
// their writer a right has not arrived, or their time is ahead. The topic's mutex
// guards it.
type parked struct{ records []*record.Record }

// mayWait reports whether err can mend by itself.
func mayWait(err error) bool {
	return errors.Is(err, topic.ErrRight) || errors.Is(err, errAhead) || errors.Is(err, errWaiting)
}

// park keeps r for later if its signature holds.
func (t *Topic) park(r *record.Record) error {
	if err := r.Verify(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, p := range t.parked.records {
		if p.ID() == r.ID() {
			return nil
		}
		if p.Writer == r.Writer {
			n++
		}
	}
	if n < maxParkedWriter && len(t.parked.records) < maxParked {
		t.parked.records = append(t.parked.records, r)
	}
	return nil
}

// retryParked puts what is parked through the verdict again, until nothing more
// of it passes.
func (t *Topic) retryParked(ctx context.Context) {
	t.mu.Lock()
	waiting := t.parked.records
	t.parked.records = nil
	t.mu.Unlock()
	slices.SortFunc(waiting, func(a, b *record.Record) int { return int(max(-1, min(1, a.Time-b.Time))) })
	for again := true; again; {
		again = false
		waiting = slices.DeleteFunc(waiting, func(r *record.Record) bool {
			err := t.take(ctx, r)
			again = again || err == nil
			return !mayWait(err)
		})
	}
	t.mu.Lock()
	t.parked.records = append(t.parked.records, waiting...)
	t.mu.Unlock()
}
