package node

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// A request is a letter by which somebody who was given this person's contact link
// begins a conversation. It waits until the person accepts it, with the letters
// that follow it.

// requestRow is a letter of somebody who was not accepted yet.
type requestRow struct {
	Content []byte `cbor:"1,keyasint"`
	Prekey  []byte `cbor:"2,keyasint"` // seed of the prekey that it was sealed to
}

const (
	prefixRequest      = "request/" // account, hash of the letter -> requestRow
	maxRequestLetters  = 32         // of one person
	maxRequestsWaiting = 200        // people
)

// asked is a request that was looked through.
type asked struct {
	id   PersonID
	text string // the contact link of who asks
	link identity.Link
	into topic.Link
}

// checkRequest reports whether a request is what it says: the link's secret is
// this device's, the topic is a direct one whose owner is who asks, and who asks
// has proved to be the account of the contact link.
func (n *Node) checkRequest(l letter.Letter) (asked, bool) {
	r := l.Request
	n.people.mu.Lock()
	known := string(r.Secret[:]) == string(n.people.box.row.Secret)
	n.people.mu.Unlock()
	link, err := identity.ParseLink(l.Contact)
	if err != nil || link.Prekey == nil || seal.CheckPrekey(link.Prekey) != nil || link.Account() == n.me() {
		return asked{}, false
	}
	into, err := topic.ParseLink(r.Link)
	if err != nil || into.Topic != l.Topic || len(into.Seat) != ed25519.SeedSize {
		return asked{}, false
	}
	intro, err := identity.OpenIntroduction(r.Introduction, l.Topic, identity.Key(r.Writer))
	if err != nil || intro.Certificate.Account != link.Account() || n.isRevoked(intro.Certificate) || n.isRevoked(link.Devices[0]) {
		return asked{}, false
	}
	if !known {
		n.people.mu.Lock()
		k := n.people.byID[link.Account()]
		known = k != nil && !k.row.Gone // somebody whom one knows needs no secret
		n.people.mu.Unlock()
	}
	for _, raw := range l.Records {
		g, err := record.Decode(raw)
		if err != nil || g.Kind != record.KindGenesis || g.TopicID() != l.Topic || g.Verify() != nil {
			continue
		}
		s, err := topic.NewState(g)
		if err == nil && s.Kind() == topic.Direct && s.Role(record.Writer(r.Writer), 1, g.Time) == topic.Owner {
			return asked{link.Account(), l.Contact, link, into}, known
		}
	}
	return asked{}, false
}

// takeRequest keeps a request until the person accepts it, or takes it in at once
// where it comes from somebody who is a contact already.
func (n *Node) takeRequest(ctx context.Context, l letter.Letter, content []byte, p seal.Prekey) error {
	a, ok := n.checkRequest(l)
	if !ok {
		n.log.Debug("node: a request that does not hold")
		return nil
	}
	if t, err := n.Topic(l.Topic); err == nil { // accepted before
		if id, err := n.personOf(t); err == nil && id == a.id {
			return n.takeNews(ctx, l)
		}
		return nil
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[a.id]
	switch {
	case k == nil:
		waiting := 0
		for _, k := range n.people.byID {
			if len(k.row.Topic) == 0 {
				waiting++
			}
		}
		if waiting >= maxRequestsWaiting || len(n.people.byID) >= maxPeople {
			return nil
		}
		k = &known{row: personRow{Link: trimLink(a.text), Added: time.Now().UnixMilli(), Asked: true}, link: a.link}
	case k.row.Blocked:
		return nil
	}
	if err := n.keepRequest(ctx, a.id, content, p); err != nil {
		return err
	}
	if err := n.savePerson(ctx, a.id, k, nil); err != nil {
		return err
	}
	if err := n.takeRevoked(ctx, a.id, k, l.Revoked); err != nil {
		return err
	}
	if !k.row.Asked { // a contact who begins anew
		return n.acceptLocked(ctx, a.id, k)
	}
	n.bell.node()
	return nil
}

func (n *Node) keepRequest(ctx context.Context, id PersonID, content []byte, p seal.Prekey) error {
	prefix := prefixRequest + hex.EncodeToString(id[:]) + "/"
	rows, err := n.store.ListState(prefix)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if len(rows) >= maxRequestLetters {
		return fmt.Errorf("node: %d letters of somebody who was not accepted yet", len(rows)) // the rest waits where it is
	}
	value, err := record.EncodeBody(requestRow{Content: content, Prekey: p.Seed[:]})
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%s%020d", prefix, time.Now().UnixNano())
	return n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: key, Value: value}}})
}

// acceptLocked joins the topic into which a person has asked, and takes in what
// has come with that. The caller holds people.mu.
func (n *Node) acceptLocked(ctx context.Context, id PersonID, k *known) error {
	prefix := prefixRequest + hex.EncodeToString(id[:]) + "/"
	rows, err := n.store.ListState(prefix)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	var joined []*Topic
	for _, kv := range rows {
		var row requestRow
		if err := record.DecodeBody(kv.Value, &row); err != nil {
			return fmt.Errorf("%w: a request", ErrDamaged)
		}
		l, err := letter.Decode(row.Content)
		if err != nil {
			continue
		}
		t, err := n.joinDirect(ctx, id, k, l, row.Prekey)
		if err != nil {
			return err
		}
		if !slices.Contains(joined, t) {
			joined = append(joined, t)
		}
		if err := t.takeLetters(ctx, l.Records); err != nil {
			return err
		}
	}
	err = n.savePerson(ctx, id, k, func(row *personRow) {
		row.Asked = false
		if len(joined) > 0 {
			tid := joined[len(joined)-1].id
			row.Topic, row.Heard, row.Seat = tid[:], true, nil
		}
	})
	if err == nil {
		err = n.drop(ctx, prefix)
	}
	n.toldOf(k)
	n.post.changed()
	return err
}

// joinDirect takes the seat that a request offers.
func (n *Node) joinDirect(ctx context.Context, id PersonID, k *known, l letter.Letter, prekey []byte) (*Topic, error) {
	if t, err := n.Topic(l.Topic); err == nil {
		return t, nil
	}
	into, err := topic.ParseLink(l.Request.Link)
	if err != nil {
		return nil, err
	}
	writer, err := identity.NewWriter()
	if err != nil {
		return nil, err
	}
	seat := record.WriterOf(ed25519.NewKeyFromSeed(into.Seat))
	row := topicRow{
		Joined: time.Now().UnixMilli(), Kind: topic.Direct, Writer: writer.Seed(), Seat: into.Seat,
		SeatKey: slices.Concat(seat[:], prekey), Whom: id[:], WhomKey: k.link.Prekey,
	}
	for _, c := range into.Peers {
		row.Contacts = append(row.Contacts, contactRow(c))
	}
	t, err := n.addTopic(ctx, l.Topic, row, nil)
	if err != nil {
		return nil, err
	}
	t.keepContacts()
	return t, nil
}
