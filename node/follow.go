package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

const (
	followWait  = 4 * time.Second // how long Follow and Preview wait for somebody to answer
	askTogether = 4               // followers that are asked for ops at once
	askAgain    = time.Second     // to asking one again that had nothing, or no time; doubled up to askRetry
	askRetry    = 30 * time.Second
	maxHeld     = 10_000 // ops of one answer that wait for another op to give them a right
)

// Follow begins to follow the topic of a link and waits a few seconds for its
// first record. When nobody answers it returns the topic all the same: it shows
// Completeness.Waiting and fills by itself. Following twice is harmless. The
// error matches ErrBadLink.
func (n *Node) Follow(ctx context.Context, link string) (*Topic, error) {
	l, err := topic.ParseLink(link)
	if err != nil {
		return nil, err
	}
	t, err := n.Topic(l.Topic)
	switch {
	case err != nil:
		if t, err = n.join(ctx, l); err != nil {
			return nil, err
		}
	case l.Seat != nil:
		if t, err = n.acceptSeat(ctx, t, l); err != nil {
			return nil, err
		}
	}
	t.followContacts(l.Peers)
	if err := t.makeOwn(ctx); err != nil {
		return nil, err
	}
	for _, c := range l.Peers {
		if err := n.host.Keep(reachContact(c)); err != nil {
			n.log.Debug("node: contact of a link", "err", err)
		}
	}
	wait := time.NewTimer(followWait)
	defer wait.Stop()
	select {
	case <-t.ready:
	case <-wait.C:
	case <-ctx.Done():
	}
	return t, nil
}

func (n *Node) join(ctx context.Context, l topic.Link) (*Topic, error) {
	writer, err := identity.NewWriter()
	if err != nil {
		return nil, err
	}
	row := topicRow{Joined: time.Now().UnixMilli(), Kind: l.Kind, Name: l.Name, Writer: writer.Seed(), Seat: l.Seat}
	for _, c := range l.Peers {
		row.Contacts = append(row.Contacts, contactRow(c))
	}
	return n.addTopic(ctx, l.Topic, row, nil)
}

// Preview tells what a link leads to without following it. It asks the people
// in the link for a few seconds; where none answers it returns what the link
// claims, with Verified false. The error matches ErrBadLink.
func (n *Node) Preview(ctx context.Context, link string) (Preview, error) {
	l, err := topic.ParseLink(link)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Topic: l.Topic, Kind: l.Kind, Name: l.Name, Peers: len(l.Peers), Invite: l.Seat != nil}
	if t, err := n.Topic(l.Topic); err == nil {
		p.Joined = true
		t.mu.RLock()
		defer t.mu.RUnlock()
		if t.state != nil {
			p.show(t.state)
		}
		return p, nil
	}
	ctx, cancel := context.WithTimeout(ctx, followWait)
	defer cancel()
	states := make(chan *topic.State, len(l.Peers))
	var wg sync.WaitGroup
	for _, c := range l.Peers {
		wg.Go(func() {
			if s, err := n.look(ctx, l.Topic, c); err == nil {
				states <- s
				cancel() // one that answers is enough
			}
		})
	}
	wg.Wait()
	select {
	case s := <-states:
		p.show(s)
	default: // nobody answered
	}
	return p, nil
}

func (p *Preview) show(s *topic.State) {
	p.Verified, p.Kind, p.Description = true, s.Kind(), s.Description()
	if !p.Kind.IsSealed() { // its name is for members
		p.Name = s.Name()
	}
}

// look asks one node what a topic is, without keeping anything.
func (n *Node) look(ctx context.Context, id TopicID, c topic.Contact) (*topic.State, error) {
	peer, err := n.host.Visit(ctx, reachContact(c))
	if err != nil {
		return nil, err
	}
	var state *topic.State
	_, err = n.asker.Ops(ctx, peer, id, func(raw []byte) error {
		r, err := record.Decode(raw)
		if err != nil {
			return err
		}
		switch {
		case r.TopicID() != id:
			return fmt.Errorf("%w: of another topic", record.ErrForm)
		case state == nil && r.Kind != record.KindGenesis:
			return history.ErrProtocol
		case r.Kind == record.KindIntro:
			return nil
		}
		if err := r.Verify(); err != nil {
			return err
		}
		if state == nil {
			state, err = topic.NewState(r)
			return err
		}
		return state.Apply(r)
	})
	if err == nil && state == nil {
		err = history.ErrProtocol
	}
	return state, err
}

// askAround asks each follower that comes for the topic's ops, once while it
// stays, until the topic closes.
func (t *Topic) askAround() {
	asked := map[string]bool{}
	failed := map[string]bool{}
	var mu sync.Mutex
	pause := askAgain
	retry := time.NewTimer(pause)
	defer retry.Stop()
	for {
		peers := t.followers()
		mu.Lock()
		for p := range asked {
			if !slices.Contains(peers, p) {
				delete(asked, p)
				delete(failed, p)
			}
		}
		mu.Unlock()
		var wg sync.WaitGroup
		slots := make(chan struct{}, askTogether)
		for _, p := range peers {
			mu.Lock()
			known, fresh := asked[p], !failed[p]
			asked[p] = true
			mu.Unlock()
			if known {
				continue
			}
			if fresh && pause > askAgain { // somebody new, who may not have it yet either
				pause = askAgain
				retry.Reset(pause)
			}
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				if c, ok := t.node.host.Contact(p); ok {
					if err := t.node.met(t.ctx, p, c); err != nil {
						t.node.log.Warn("node: remember a follower", "err", err)
					}
				}
				err := t.askOne(p)
				mu.Lock()
				if delete(failed, p); err != nil {
					failed[p] = true
				}
				mu.Unlock()
				if err != nil && t.ctx.Err() == nil {
					t.node.log.Debug("node: ask for ops", "topic", t.id, "peer", p, "err", err)
				}
			})
		}
		wg.Wait()
		select {
		case <-t.ctx.Done():
			return
		case <-t.asks:
		case <-retry.C:
			mu.Lock()
			for p := range failed {
				delete(asked, p)
			}
			mu.Unlock()
			pause = min(2*pause, askRetry)
			retry.Reset(pause)
		}
	}
}

// askOne is ask, and tells a peer on a limited line that this node follows too.
func (t *Topic) askOne(peer string) error {
	err := t.ask(peer)
	if slices.Contains(t.gossip.Peers(), peer) {
		return err
	}
	if errors.Is(err, history.ErrUnknown) {
		t.left(peer)
		return err
	}
	return errors.Join(err, t.nudge(peer))
}

// ask fetches the ops of one follower as long as the genesis is not here, and
// asks where others are. Later the repairer compares the ops like all else.
func (t *Topic) ask(peer string) error {
	if t.isReady() {
		contacts, err := t.node.asker.Contacts(t.ctx, peer, t.id)
		if err == nil {
			t.meet(contacts)
		}
		return err
	}
	var held []*record.Record // waiting for a right
	contacts, err := t.node.asker.Ops(t.ctx, peer, t.id, func(raw []byte) error {
		r, err := record.Decode(raw)
		if err != nil {
			return err
		}
		if !r.Kind.IsOp() {
			return fmt.Errorf("%w: a %s among the ops", history.ErrProtocol, r.Kind)
		}
		if err = t.take(t.ctx, r); errors.Is(err, topic.ErrRight) && len(held) < maxHeld {
			held = append(held, r)
		}
		return harmless(err)
	})
	if err != nil {
		return err
	}
	for again := true; again; {
		again = false
		held = slices.DeleteFunc(held, func(r *record.Record) bool {
			err := t.take(t.ctx, r)
			again = again || err == nil
			return !errors.Is(err, topic.ErrRight)
		})
	}
	t.meet(contacts)
	return nil
}

// harmless passes over what an honest node may send: records that are here, or
// not right yet.
func harmless(err error) error {
	if err == nil || !(provablyFalse(err) || errors.Is(err, errWaiting)) && !errors.Is(err, ErrDiskFull) {
		return nil
	}
	return err
}

// meet connects to followers that another follower told of. Whoever told may
// have made them up, so they are few, and tried without being kept by name.
func (t *Topic) meet(contacts []topic.Contact) {
	if len(t.gossip.Peers()) >= enoughFollowers {
		return
	}
	t.followContacts(contacts)
	for _, c := range contacts {
		if err := t.node.host.Keep(reachContact(c)); err != nil {
			t.node.log.Debug("node: told of a follower", "err", err)
		}
	}
}

// enoughFollowers is from how many connected followers on no further ones are looked for.
const enoughFollowers = 12
