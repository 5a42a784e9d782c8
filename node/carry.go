package node

import (
	"context"
	"errors"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/topic"
)

// Somebody behind a bridge reaches the bridge and nobody else. So that this is of
// use with topics of which the bridge has nothing, guests may ask it to carry one: it
// follows the topic outside, keeps what is new of it, and guests get it from there (PROTOCOL.md §16.5).

const (
	maxCarried  = 256                 // topics that are carried
	maxCarriedP = 32                  // that one guest has asked for since the start
	carriedLast = 5000                // posts of a carried topic whose texts are kept
	carriedFor  = 30 * 24 * time.Hour // after which a topic is dropped that nobody has asked for
	carryDay    = 24 * time.Hour      // from asking to asking again

	carryLook   = time.Second
	carryAfter  = 4 * time.Second // without a follower, before a bridge is asked
	carryRetry  = 30 * time.Second
	carryCalls  = 4096 // that are remembered
	carryMoment = 20 * time.Second

	carryNothing = "?" // in the place of a link, in the question whether topics are carried
)

// carry follows a topic for a guest. It reports whether the topic is followed here;
// of no topic, whether topics are carried for that guest at all.
func (n *Node) carry(id TopicID, peer, link string) bool {
	if id == (TopicID{}) {
		return n.mayCarry(peer)
	}
	t, err := n.Topic(id)
	if err != nil && !n.mayCarry(peer) {
		return false
	}
	if err != nil {
		l, parseErr := topic.ParseLink(link)
		if parseErr != nil || l.Topic != id || l.Seat != nil || !n.countCarried(peer) {
			return false
		}
		if t, err = n.joinCarried(l); err != nil {
			n.log.Warn("node: carry a topic", "topic", id, "err", err)
			return false
		}
		t.keepContacts()
		n.log.Debug("node: carries a topic", "topic", id)
	}
	asked := t.carried()
	if !asked.IsZero() && time.Since(asked) > carryDay/2 && n.mayCarry(peer) {
		if err := t.saveRow(n.ctx, func(row *topicRow) { row.Carried = time.Now().UnixMilli() }); err != nil {
			n.log.Warn("node: carry a topic", "topic", id, "err", err)
		}
	}
	return true
}

// mayCarry reports whether a peer is a guest for whom topics are carried.
func (n *Node) mayCarry(peer string) bool {
	return n.IsBridge() && n.cfg.Bridge.Carry && n.isGuest(peer)
}

// isGuest reports whether a peer has come through this node's bridge.
func (n *Node) isGuest(peer string) bool {
	way := n.host.Way(peer)
	return (way == reach.WayVeil || way == reach.WayDrip) && !n.host.Dialled(peer)
}

// countCarried takes one of the places for carried topics, if there is one left for a guest.
func (n *Node) countCarried(peer string) bool {
	all := 0
	for _, t := range n.Topics() {
		if !t.carried().IsZero() {
			all++
		}
	}
	n.carrying.Lock()
	defer n.carrying.Unlock()
	if n.carriedBy == nil || len(n.carriedBy) >= carryCalls {
		n.carriedBy = map[string]int{}
	}
	if all >= maxCarried || n.carriedBy[peer] >= maxCarriedP {
		return false
	}
	n.carriedBy[peer]++
	return true
}

func (n *Node) joinCarried(l topic.Link) (*Topic, error) {
	writer, err := identity.NewWriter()
	if err != nil {
		return nil, err
	}
	now := time.Now().UnixMilli()
	row := topicRow{Joined: now, Kind: l.Kind, Name: l.Name, Writer: writer.Seed(), Keep: Keep{Last: carriedLast}, Carried: now}
	for _, c := range l.Peers {
		row.Contacts = append(row.Contacts, contactRow(n.outside(reach.Contact(c).Open())))
	}
	return n.addTopic(n.ctx, l.Topic, row, nil)
}

// outside keeps guests of a bridge on the internet from sending it into the network
// behind it.
func (n *Node) outside(c reach.Contact) reach.Contact {
	if n.passes.doors == nil || len(n.passes.doors.Doors(reach.Pass{}).Public().Addrs) == 0 {
		return c
	}
	return c.Public()
}

// carried returns when a guest last asked for a topic that is here for guests, zero
// for one that the person follows.
func (t *Topic) carried() time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.row.Carried == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t.row.Carried)
}

// makeOwn has the person follow a topic that was here for guests.
func (t *Topic) makeOwn(ctx context.Context) error {
	if t.carried().IsZero() {
		return nil
	}
	if err := t.saveRow(ctx, func(row *topicRow) { row.Carried = 0 }); err != nil {
		return err
	}
	return t.SetKeep(ctx, Keep{})
}

// dropCarried leaves topics that no guest has asked for in a long time.
func (n *Node) dropCarried(ctx context.Context) error {
	var errs []error
	for _, t := range n.Topics() {
		if asked := t.carried(); !asked.IsZero() && time.Since(asked) > carriedFor {
			errs = append(errs, t.Leave(ctx))
		}
	}
	return errors.Join(errs...)
}

// carryCall is a topic and a bridge that was asked to carry it.
type carryCall struct {
	id     TopicID
	bridge string
}

// seekCarriers asks bridges to carry topics to whose followers there is no other
// way, until the node closes. A topic with a follower in reach is nobody else's
// business. While no bridge is connected it sleeps, until lineChanged wakes it.
func (n *Node) seekCarriers() {
	tick := time.NewTicker(carryLook)
	defer tick.Stop()
	s := seeker{alone: map[TopicID]time.Time{}, asked: map[carryCall]time.Time{}}
	for {
		bridges := n.ownBridges()
		next := tick.C
		if len(bridges) == 0 {
			next = nil
			clear(s.alone)
		}
		for _, t := range n.Topics() {
			if len(bridges) == 0 {
				break
			}
			s.look(t, bridges)
		}
		select {
		case <-n.ctx.Done():
			return
		case <-next:
		case <-n.lines:
		}
	}
}

// seeker is what seekCarriers remembers.
type seeker struct {
	alone map[TopicID]time.Time   // since when there is no follower
	asked map[carryCall]time.Time // until when a bridge is not asked again
}

// look asks bridges to carry a topic if it is time.
func (s *seeker) look(t *Topic, bridges []string) {
	if len(t.gossip.Peers()) > 0 {
		delete(s.alone, t.id)
		return
	}
	if s.alone[t.id].IsZero() {
		s.alone[t.id] = time.Now()
	}
	if time.Since(s.alone[t.id]) < carryAfter {
		return
	}
	for _, b := range bridges {
		call := carryCall{t.id, b}
		if time.Now().Before(s.asked[call]) {
			continue
		}
		if len(s.asked) >= carryCalls {
			clear(s.asked)
		}
		s.asked[call] = time.Now().Add(t.node.askCarrier(t, b))
	}
}

// leaveCarried drops old carried topics from time to time, until the node closes.
func (n *Node) leaveCarried() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		n.postDo("leave topics that were carried", n.dropCarried)
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ownBridges returns the bridges through which this node has come.
func (n *Node) ownBridges() (out []string) {
	for _, p := range n.host.Peers() {
		if way := n.host.Way(p.ID); (way == reach.WayVeil || way == reach.WayDrip) && n.host.Dialled(p.ID) {
			out = append(out, p.ID)
		}
	}
	return out
}

// askCarrier asks one bridge to carry a topic, and returns when it may be asked again.
// One that carries nothing is not told of any topic.
func (n *Node) askCarrier(t *Topic, bridge string) time.Duration {
	ctx, cancel := context.WithTimeout(t.ctx, carryMoment)
	defer cancel()
	err := n.asker.Carry(ctx, bridge, TopicID{}, carryNothing)
	if err == nil {
		err = n.asker.Carry(ctx, bridge, t.id, t.linkToCarry())
	}
	if err == nil {
		return carryDay
	}
	n.log.Debug("node: ask to carry a topic", "topic", t.id, "bridge", bridge, "err", err)
	if errors.Is(err, history.ErrUnknown) {
		return time.Hour
	}
	return carryRetry
}

// linkToCarry is a link with where followers of a topic are, and without what only
// members know.
func (t *Topic) linkToCarry() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := topic.Link{Topic: t.id, Kind: t.row.Kind, Name: t.row.Name}
	if t.state != nil {
		l.Kind, l.Name = t.state.Kind(), t.state.Name()
	}
	if l.Kind.IsSealed() {
		l.Name = ""
	}
	for _, c := range t.row.Contacts {
		l.Peers = append(l.Peers, linkContact(reach.Contact(c)))
	}
	return l.String()
}
