package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// What is due about keys of sealed topics when nobody writes.

// firstKeys makes a prekey for others to seal to before this device has written.
func (s *sealing) firstKeys(ctx context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMilli()
	session, err := s.use(now)
	if err != nil {
		return nil, err
	}
	body, err := session.Announce(now)
	if err == nil {
		b := storage.Batch{Durable: true}
		s.keep(&b)
		err = s.t.node.commit(ctx, b)
	}
	if err != nil {
		s.spoil()
		return nil, fmt.Errorf("node: first keys: %w", err)
	}
	return body, nil
}

// tendLocks looks after the keys of a sealed topic, and the places of this person's
// devices in any, until it is closed.
func (t *Topic) tendLocks() {
	select {
	case <-t.ctx.Done():
		return
	case <-t.ready:
	}
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		if t.sealing != nil {
			t.do("tend keys", t.tendKeys)
		} else {
			t.do("take a place", t.takeSeat)
			t.do("confirm places", t.confirmSeats)
		}
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		case <-t.locks:
		}
	}
}

// tendKeys announces a prekey and starts an epoch where that is due, and takes
// the seat that a link gave.
func (t *Topic) tendKeys(ctx context.Context) error {
	s := t.seals()
	if s == nil {
		return nil
	}
	if err := t.takeSeat(ctx); err != nil {
		return err
	}
	if err := s.openAll(ctx); err != nil {
		return err
	}
	if ok, err := t.admit(ctx); !ok {
		return err
	}
	s.mu.Lock()
	now := time.Now().UnixMilli()
	session, err := s.use(now)
	var due seal.Due
	if err == nil {
		if err = errors.Join(session.Tick(now), s.complete(session, now)); err != nil {
			s.mu.Unlock()
			return err
		}
		due = session.Due(now)
		var b storage.Batch
		if s.keep(&b); len(b.State) > 0 {
			if err = t.node.commit(ctx, b); err != nil {
				s.spoil()
			}
		}
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := t.confirmSeats(ctx); err != nil {
		return err
	}
	t.mu.RLock()
	came := t.row.ToMembers == 0 // and nobody has been told who this is
	t.mu.RUnlock()
	switch {
	case due.Prekey || came:
		_, err = t.append(ctx, &entry{kind: record.KindKeys, keys: keysPrekey})
	case due.Start != 0 && due.Start <= now:
		_, err = t.append(ctx, &entry{kind: record.KindKeys, keys: keysEpoch})
	}
	return err
}

// complete tells the session of a direct topic up to where it has seen all of the
// other writers, which lets it erase keys before their time. In a private topic a
// newcomer might still seal to one, so there they wait for it.
func (s *sealing) complete(session *seal.Session, now int64) error {
	t := s.t
	if len(s.due) > 0 {
		return nil
	}
	t.mu.RLock()
	direct := t.state.Kind() == topic.Direct && len(t.forks) == 0
	members, _ := t.state.Members(now)
	t.mu.RUnlock()
	for _, m := range members {
		if !direct || m.Key == t.me || m.Seat {
			continue
		}
		head, err := t.node.store.Head(t.space(), storage.Chain(m.Key))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err == nil && head.Count == head.Seq {
			err = session.Complete(seal.Writer(m.Key), head.Seq, now)
		}
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
	}
	return nil
}

// admit reports whether this device may seal to the members. A newcomer may not
// before it has everything that its inviter had when confirming it: it might seal
// to a key that was replaced long ago, for a member that it does not know of. In a
// direct topic there is nobody else.
func (t *Topic) admit(ctx context.Context) (bool, error) {
	t.mu.RLock()
	admitted := t.row.Admitted
	confirmed := t.state.IsConfirmed(t.me) || t.state.Kind() == topic.Direct
	t.mu.RUnlock()
	if !t.isMember() {
		return false, nil
	}
	if admitted {
		return true, nil
	}
	late, young := t.named()
	c, err := t.complete()
	if err != nil || late || young || !confirmed || c.Missing > 0 {
		return false, err
	}
	err = t.saveRow(ctx, func(row *topicRow) { row.Admitted = true })
	t.node.bell.topic(t.id)
	return err == nil, err
}

// isMember reports whether this device's key belongs to the sealed topic.
func (t *Topic) isMember() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return false
	}
	members, _ := t.state.Members(time.Now().UnixMilli())
	return slices.ContainsFunc(members, func(m topic.Member) bool { return m.Key == t.me })
}

// reads reports whether this device is to open what comes: it is a member, was
// one, or is about to be.
func (t *Topic) readsLocked() bool {
	if t.sealing == nil {
		return false
	}
	if len(t.row.Seat) > 0 {
		return true
	}
	members, removed := t.state.Members(time.Now().UnixMilli())
	return slices.ContainsFunc(members, func(m topic.Member) bool { return m.Key == t.me }) || slices.Contains(removed, t.me)
}
