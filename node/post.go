package node

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/mailbox"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// post brings letters to the mailboxes of people who are away, and fetches what
// waits for this one. It has one goroutine, from Open until Close.
type post struct {
	wake   chan struct{} // there may be something to send or to fetch
	keeper *mailbox.Keeper
	client *mailbox.Client

	mu     sync.Mutex
	places map[string]reach.Contact // where keepers are reached, by peer id
	tries  map[PersonID]backoff     // of people whom no keeper took a letter for
	again  bool                     // a link has changed
	away   map[string]time.Time     // until when devices that did not answer are not tried
}

type backoff struct {
	next  time.Time
	pause time.Duration
}

// Clocks of the post.
const (
	postEvery   = 2 * time.Second  // looks at what is here
	fetchEvery  = 30 * time.Second // asks keepers elsewhere
	agreeEvery  = 12 * time.Hour
	mailAfter   = 2 * time.Second  // a record that nobody else has goes by mail
	mailLater   = 10 * time.Second // where somebody is connected who follows the topic
	firstPause  = 5 * time.Second
	lastPause   = 5 * time.Minute
	postPatient = 20 * time.Second // for one round with one keeper
	awayFor     = time.Minute      // for which a device that did not answer is not tried
)

// Limits of the post.
const (
	copies      = 2 // mailboxes that a letter is left in
	maxMailKeep = 30 * 24 * time.Hour
	boxQuota    = 8 << 20
	boxTerm     = 90 * 24 * time.Hour
	maxKept     = 4 // nodes that keep mail for this device
	letterRoom  = seal.MaxLetter - 24<<10
	maxLetters  = 256 // sent and not known to be fetched
)

// letterRow is a letter that was left somewhere and is not known to be fetched.
type letterRow struct {
	Whom []byte `cbor:"1,keyasint"`
	From uint64 `cbor:"2,keyasint"` // own records in it
	To   uint64 `cbor:"3,keyasint"`
	Sent int64  `cbor:"4,keyasint"` // ms since 1970
}

const prefixLetter = "letter/" // topic id, mail id -> letterRow

// openPost starts the post office.
func (n *Node) openPost() error {
	n.post.wake = make(chan struct{}, 1)
	n.post.places, n.post.tries, n.post.away = map[string]reach.Contact{}, map[PersonID]backoff{}, map[string]time.Time{}
	n.post.client = mailbox.NewClient(n.host.LibP2P(), n.visitKeeper)
	var err error
	n.post.keeper, err = mailbox.Open(mailbox.Config{Host: n.host.LibP2P(), Store: mailRows{n}, Policy: mailPolicy{n}, Logger: n.log})
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	n.wg.Go(n.runPost)
	return nil
}

// mailPolicy keeps mail for contacts.
type mailPolicy struct{ n *Node }

// Allow implements mailbox.Policy.
func (p mailPolicy) Allow(_ string, box mailbox.Box, want mailbox.Terms) (mailbox.Terms, bool) {
	p.n.people.mu.Lock()
	defer p.n.people.mu.Unlock()
	for _, k := range p.n.people.byID {
		if a, ok := addressOf(k.link); ok && a.Box == box {
			return want, !k.row.Blocked && !k.row.Gone && !k.row.Asked
		}
	}
	return mailbox.Terms{}, false
}

// visitKeeper brings up a line to a keeper that a link named.
func (n *Node) visitKeeper(ctx context.Context, peer string) error {
	n.post.mu.Lock()
	c, ok := n.post.places[peer]
	n.post.mu.Unlock()
	if !ok {
		return nil // connected, or not to be reached
	}
	_, err := n.host.Visit(ctx, c)
	return err
}

// runPost sends and fetches until the node closes.
func (n *Node) runPost() {
	tick := time.NewTicker(postEvery)
	defer tick.Stop()
	var fetched, agreed time.Time
	for {
		now := time.Now()
		n.postDo("take in own mail", n.fetchOwn)
		n.postDo("send letters", n.sendLetters)
		n.postDo("hand over what was written", n.handOver)
		n.postDo("renew the key of the contact link", n.renewPrekey)
		if now.Sub(agreed) >= agreeEvery || n.post.stale() {
			n.postDo("find keepers", n.findKeepers)
			agreed = now
		}
		if now.Sub(fetched) >= fetchEvery {
			n.postDo("fetch mail", n.fetchMail)
			n.postDo("see what was fetched", n.seeFetched)
			fetched = now
		}
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
		case <-n.post.wake:
		}
	}
}

func (n *Node) postDo(what string, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(n.ctx, 4*postPatient)
	defer cancel()
	if err := f(ctx); err != nil && n.ctx.Err() == nil {
		n.log.Warn("node: "+what, "err", err)
	}
}

// renewPrekey makes another key for the contact link from time to time.
func (n *Node) renewPrekey(ctx context.Context) error {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	b := &n.people.box
	if time.Since(time.UnixMilli(b.row.Made)) < prekeyAge {
		return nil
	}
	if err := b.rekey(time.Now()); err != nil {
		return err
	}
	return n.saveLetterbox(ctx)
}

// changed has keepers looked for anew: somebody is there who was not, or elsewhere.
func (p *post) changed() {
	p.mu.Lock()
	p.again = true
	p.mu.Unlock()
	poke(p.wake)
}

// stale reports whether the keepers should be looked for anew.
func (p *post) stale() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := p.again
	p.again = false
	return again
}

// isKeeper reports whether a place is another node that keeps mail. This one may be
// among those that a link names; what is left here helps nobody.
func (n *Node) isKeeper(p place) bool {
	id, err := reach.PeerID(p.contact.ID)
	return err == nil && p.kind == placeKeeper && id != n.host.ID()
}

// remember notes where devices and keepers are reached, and returns their peer ids.
func (n *Node) remember(l identity.Link) (devices, keepers []string) {
	p := &n.post
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range places(l) {
		id, err := reach.PeerID(x.contact.ID)
		if err != nil {
			continue
		}
		if len(p.places) < maxPeople || p.places[id].ID != nil {
			p.places[id] = x.contact
		}
		switch {
		case x.kind == placeDevice:
			devices = append(devices, id)
		case n.isKeeper(x):
			keepers = append(keepers, id)
		}
	}
	return devices, keepers
}

// correspondent is a person to whom letters may go.
type correspondent struct {
	id      PersonID
	topic   *Topic
	link    identity.Link
	address mailbox.Address
	devices []string
	keepers []string
	told    []byte // hash of the link of ours that it has, and of what we have revoked
	seat    []byte // of the request, until it was heard of
	waiting bool   // not heard of
	mine    string // the contact link of ours that it is to have
	revoked []byte // and what we have revoked
}

// correspondents returns the people with whom there is a direct topic.
func (n *Node) correspondents() (out []correspondent, err error) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	for id, k := range n.people.byID {
		if k.row.Blocked || k.row.Gone || len(k.row.Topic) != len(TopicID{}) {
			continue
		}
		t, err := n.Topic(TopicID(k.row.Topic))
		a, ok := addressOf(k.link)
		if err != nil || !ok {
			continue
		}
		c := correspondent{id: id, topic: t, link: k.link, address: a, told: k.row.Told, seat: k.row.Seat, waiting: !k.row.Heard}
		c.devices, c.keepers = n.remember(k.link)
		if c.mine, err = n.contactLinkFor(id, cmp.Or(k.row.Name, k.link.Name, "Contact")); err != nil {
			return nil, err
		}
		c.revoked = n.revokedBy(n.me())
		out = append(out, c)
	}
	return out, nil
}

// sendLetters leaves what nobody else has in the mailboxes of those it is for.
func (n *Node) sendLetters(ctx context.Context) error {
	list, err := n.correspondents()
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range list {
		c.topic.setDevices(c.devices)
		if c.waiting && c.topic.answered() {
			if err := n.heardOf(ctx, c.id); err != nil {
				return err
			}
			c.waiting = false
		}
		if err := errors.Join(n.noteDevices(ctx, c), n.sendHints(ctx, c.topic)); err != nil {
			return err
		}
		if b := n.post.tried(c.id); time.Now().Before(b.next) {
			continue
		}
		sent, err := n.writeTo(ctx, c)
		n.post.note(c.id, sent || err == nil)
		if err != nil && !errors.Is(err, mailbox.ErrShort) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *post) tried(id PersonID) backoff {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries[id]
}

// note remembers how a round with a person went.
func (p *post) note(id PersonID, well bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if well {
		delete(p.tries, id)
		return
	}
	b := p.tries[id]
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	b.next = time.Now().Add(b.pause)
	p.tries[id] = b
}

// heardOf notes that a person takes part.
func (n *Node) heardOf(ctx context.Context, id PersonID) error {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil {
		return nil
	}
	err := n.savePerson(ctx, id, k, func(row *personRow) { row.Heard, row.Seat = true, nil })
	n.toldOf(k)
	n.post.changed()
	return err
}

// writeTo leaves one person what is due, in as many letters as it takes.
func (n *Node) writeTo(ctx context.Context, c correspondent) (sent bool, err error) {
	t, mine := c.topic, c.mine
	after := mailAfter
	if len(t.gossip.Peers()) > 0 {
		after = mailLater
	}
	hash := linkHash(mine + string(c.revoked))
	items := t.outbox.waiting(after)
	if len(items) == 0 && bytes.Equal(hash, c.told) {
		return false, nil
	}
	l := letter.Letter{Topic: t.id}
	if !bytes.Equal(hash, c.told) || c.waiting {
		l.Contact, l.Revoked = mine, c.revoked
	}
	if c.waiting && len(c.seat) == ed25519.SeedSize {
		if l.Request, err = n.request(c); err != nil {
			return false, err
		}
	}
	var begin []*record.Record // what comes before anything of ours can be read
	if t.ackedTo() == 0 {
		if begin, err = t.groundwork(); err != nil {
			return false, err
		}
	}
	for first := true; first || len(items) > 0; first = false {
		size := 0
		l.Records = nil
		for _, r := range begin {
			l.Records = append(l.Records, r.Bytes())
			size += len(r.Bytes()) + 8
		}
		in := 0
		for ; in < len(items) && len(l.Records) < letter.MaxRecords && size < letterRoom; in++ {
			s, err := n.store.Get(t.space(), storage.ID(items[in].id))
			if err != nil {
				return sent, fmt.Errorf("node: %w", err)
			}
			if size += len(s.Data) + 8; size > letterRoom && in > 0 {
				break
			}
			l.Records = append(l.Records, s.Data)
		}
		if err := n.leave(ctx, c, l, items[:in]); err != nil {
			return sent, err
		}
		items, sent = items[in:], true
	}
	if bytes.Equal(hash, c.told) {
		return sent, nil
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	if k := n.people.byID[c.id]; k != nil {
		err = n.savePerson(ctx, c.id, k, func(row *personRow) { row.Told = hash })
	}
	return sent, err
}

// request asks somebody to take the seat that is kept for it.
func (n *Node) request(c correspondent) (*letter.Request, error) {
	intro, err := n.device.Introduce(identity.Introduction{Certificate: n.certificate(), Name: identity.CleanName(n.ownName())}, c.topic.id, c.topic.key)
	if err != nil {
		return nil, err
	}
	link := topic.Link{Topic: c.topic.id, Kind: topic.Direct, Seat: c.seat, Peers: []topic.Contact{linkContact(n.host.Self())}}
	return &letter.Request{Secret: c.link.Secret, Link: link.String(), Writer: c.topic.me, Introduction: intro}, nil
}

// leave seals a letter and leaves it with the person's own device, or else with
// those that keep mail for it.
func (n *Node) leave(ctx context.Context, c correspondent, l letter.Letter, items []outItem) error {
	content, err := l.Encode()
	if err != nil {
		return err
	}
	mail, err := seal.SealLetter(c.link.Prekey, content)
	if err != nil {
		return err
	}
	d := mailbox.Delivery{To: c.address, Mails: [][]byte{mail}, Keep: maxMailKeep, Keepers: n.present(c.devices), Copies: 1}
	kept, err := n.put(ctx, d)
	if len(kept) == 0 && len(c.keepers) > 0 {
		n.post.missed(d.Keepers)
		d.Keepers, d.Copies = c.keepers, min(copies, len(c.keepers))
		kept, err = n.put(ctx, d)
	}
	if len(kept) == 0 {
		return err
	}
	if len(items) > 0 {
		row := letterRow{Whom: c.id[:], From: items[0].seq, To: items[len(items)-1].seq, Sent: time.Now().UnixMilli()}
		value, err := record.EncodeBody(row)
		if err != nil {
			return err
		}
		key := prefixLetter + c.topic.id.String() + "/" + mailbox.IDOf(mail).String()
		if err := n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: key, Value: value}}}); err != nil {
			return err
		}
	}
	for _, item := range items {
		for _, peer := range kept {
			c.topic.gave("mail/"+peer, item)
		}
	}
	return nil
}

// present leaves out devices that did not answer a moment ago and have not connected since.
func (n *Node) present(devices []string) []string {
	n.post.mu.Lock()
	defer n.post.mu.Unlock()
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(devices), func(p string) bool { return now.Before(n.post.away[p]) && !n.host.IsConnected(p) })
}

// missed notes devices that did not answer: a letter should not wait for each of them.
func (p *post) missed(devices []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.away) > maxPeople {
		clear(p.away)
	}
	for _, d := range devices {
		p.away[d] = time.Now().Add(awayFor)
	}
}

// put leaves mail, and returns who says that they keep all of it.
func (n *Node) put(ctx context.Context, d mailbox.Delivery) (kept []string, err error) {
	if len(d.Keepers) == 0 {
		return nil, mailbox.ErrShort
	}
	ctx, cancel := context.WithTimeout(ctx, postPatient)
	defer cancel()
	placements, err := n.post.client.Put(ctx, d)
	for _, p := range placements {
		kept = append(kept, p.Kept...)
		if p.Receipt != nil {
			kept = append(kept, "receipt")
		}
	}
	return kept, err
}

// findKeepers has contacts keep mail for this device.
func (n *Node) findKeepers(ctx context.Context) error {
	list, err := n.correspondents()
	if err != nil {
		return err
	}
	n.people.mu.Lock()
	key, address := n.people.box.key(), n.people.box.address()
	n.people.mu.Unlock()
	terms := mailbox.Terms{Deposit: address.Deposit.Public().(ed25519.PublicKey), Quota: boxQuota, Term: boxTerm}
	if err := n.post.keeper.KeepOwn(key, terms); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	var found []keeperRow
	for _, c := range list {
		if c.waiting || len(found) == maxKept {
			continue
		}
		for _, p := range places(c.link) {
			if p.kind != placeDevice {
				continue
			}
			id, err := reach.PeerID(p.contact.ID)
			if err != nil {
				continue
			}
			ctx, cancel := context.WithTimeout(ctx, postPatient)
			a, err := n.post.client.Agree(ctx, id, key, terms)
			cancel()
			if err != nil {
				n.log.Debug("node: nobody to keep mail", "peer", id, "err", err)
				continue
			}
			found = append(found, keeperRow{ID: p.contact.ID, Addrs: p.contact.Addrs, Until: a.Until.UnixMilli()})
		}
	}
	return n.haveKeepers(ctx, found)
}

// haveKeepers takes in who has agreed; those that did before stay until their time is over.
func (n *Node) haveKeepers(ctx context.Context, found []keeperRow) error {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	b := &n.people.box
	now := time.Now().UnixMilli()
	for _, old := range b.row.Keepers {
		known := slices.ContainsFunc(found, func(k keeperRow) bool { return bytes.Equal(k.ID, old.ID) })
		if !known && old.Until > now && len(found) < maxKept {
			found = append(found, old)
		}
	}
	same := slices.EqualFunc(found, b.row.Keepers, func(x, y keeperRow) bool { return bytes.Equal(x.ID, y.ID) && x.Until == y.Until })
	if same {
		return nil
	}
	b.row.Keepers = found
	return n.saveLetterbox(ctx)
}

// Keepers returns how many nodes have agreed to keep mail for this device.
func (n *Node) Keepers() int {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	return len(n.people.box.row.Keepers)
}
