package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// PersonID names a person: the account's public key.
type PersonID = identity.Key

// Contact is a person whom this one knows, or who asks to be known.
type Contact struct {
	ID       PersonID
	Name     string  // given here, else the claimed one
	Claimed  string  // what the person calls itself
	Topic    TopicID // the direct topic with the person, zero while there is none
	Request  bool    // the person used this one's link and was not accepted yet
	Waiting  bool    // this one wrote first, and the person has not been heard of since
	Verified bool    // the safety numbers were compared
	Blocked  bool
	Added    time.Time
	Keepers  int // nodes that keep mail for the person while it is away
	// NewDevice is when the person began to use a device that was not known here,
	// until ChangeContact says that it was seen; zero for none.
	NewDevice time.Time
}

// ContactChange says what is to be different; nil leaves as it is.
type ContactChange struct {
	Name     *string // empty: what the person calls itself
	Blocked  *bool
	Accepted *bool // true accepts a request, and opens a conversation where there is none
	Verified *bool
	Seen     *bool // true: the notice of a new device was read
}

// personRow is what is stored of a person.
type personRow struct {
	Link     string   `cbor:"1,keyasint"` // as it came last
	Name     string   `cbor:"2,keyasint,omitempty"`
	Topic    []byte   `cbor:"3,keyasint,omitempty"`
	Verified int64    `cbor:"4,keyasint,omitempty"` // ms since 1970
	Blocked  bool     `cbor:"5,keyasint,omitempty"`
	Added    int64    `cbor:"6,keyasint"`
	Asked    bool     `cbor:"7,keyasint,omitempty"`  // it has asked, and is not accepted yet
	Seat     []byte   `cbor:"8,keyasint,omitempty"`  // seed of the seat that is kept for the person, until heard of
	Heard    bool     `cbor:"9,keyasint,omitempty"`  // something of the person's has come
	Told     []byte   `cbor:"10,keyasint,omitempty"` // hash of the link of this person's that it has
	Gone     bool     `cbor:"11,keyasint,omitempty"` // deleted here; kept while blocked
	Devices  [][]byte `cbor:"12,keyasint,omitempty"` // that were seen in the direct topic, the oldest first
	Another  int64    `cbor:"13,keyasint,omitempty"` // ms since 1970: when one more was seen, until the notice was read
	NoBridge bool     `cbor:"14,keyasint,omitempty"` // its bridge was given up here
	Revoked  []byte   `cbor:"15,keyasint,omitempty"` // devices that are not its own any more: an identity.DeviceList without certificates
}

// people is who is known. It is small: all of it is in memory.
type people struct {
	mu   sync.Mutex
	byID map[PersonID]*known
	box  letterbox

	given   sync.Map // PersonID -> string: names given here, for who holds a topic's mutex
	revoked sync.Map // PersonID -> identity.DeviceList: what an account has revoked, this person's own too
	devices sync.Map // peer id -> PersonID: devices of contacts, for who may not wait
}

// noteNodes remembers which nodes are a person's, as long as it is a contact.
func (p *people) noteNodes(id PersonID, k *known) {
	p.devices.Range(func(peer, of any) bool {
		if of == id {
			p.devices.Delete(peer)
		}
		return true
	})
	if k.row.Gone || k.row.Blocked || k.row.Asked {
		return
	}
	for _, x := range places(k.link) {
		if peer, err := reach.PeerID(x.contact.ID); err == nil && x.kind == placeDevice {
			p.devices.Store(peer, id)
		}
	}
}

// called notes what a person is called here.
func (p *people) called(id PersonID, row personRow) {
	if row.Name == "" || row.Gone {
		p.given.Delete(id)
		return
	}
	p.given.Store(id, row.Name)
}

// givenName returns the name that a person was given here, empty for none.
func (p *people) givenName(id PersonID) string {
	name, _ := p.given.Load(id)
	s, _ := name.(string)
	return s
}

// known is a person with what its link says.
type known struct {
	row  personRow
	link identity.Link
}

const (
	prefixPerson = "person/" // account in hex -> personRow
	maxPeople    = 10_000
)

// loadPeople reads who is known.
func (n *Node) loadPeople(ctx context.Context) error {
	n.people.byID = map[PersonID]*known{}
	rows, err := n.store.ListState(prefixPerson)
	if err != nil {
		return fmt.Errorf("node: read the contacts: %w", err)
	}
	for _, kv := range rows {
		id, err := parsePerson(kv.Key[len(prefixPerson):])
		k := &known{}
		if err == nil {
			err = record.DecodeBody(kv.Value, &k.row)
		}
		if err == nil {
			k.link, err = identity.ParseLink(k.row.Link)
		}
		if err == nil {
			err = n.people.noteRevoked(id, k.row)
		}
		if err != nil {
			return fmt.Errorf("%w: contact: %w", ErrDamaged, err)
		}
		n.people.byID[id] = k
		n.people.called(id, k.row)
		n.people.noteNodes(id, k)
		n.mute(k)
	}
	if err := n.loadRevoked(); err != nil {
		return err
	}
	return n.loadLetterbox(ctx)
}

func parsePerson(s string) (id PersonID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%w: no such person", ErrNotFound)
	}
	return PersonID(b), nil
}

// ParsePerson reads the text form of a person's id.
func ParsePerson(s string) (PersonID, error) { return parsePerson(s) }

// savePerson stores a changed row, or with a nil change what is there. The caller
// holds people.mu.
func (n *Node) savePerson(ctx context.Context, id PersonID, k *known, change func(*personRow)) error {
	row := k.row
	if change != nil {
		change(&row)
	}
	value, err := record.EncodeBody(row)
	if err == nil {
		err = n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: prefixPerson + hex.EncodeToString(id[:]), Value: value}}})
	}
	if err != nil {
		return fmt.Errorf("node: store a contact: %w", err)
	}
	k.row = row
	n.people.byID[id] = k
	n.people.called(id, row)
	n.people.noteNodes(id, k)
	n.keepDoors(k)
	return nil
}

// contact shows a person; the caller holds people.mu.
func (n *Node) contact(id PersonID, k *known) Contact {
	c := Contact{
		ID: id, Name: k.row.Name, Claimed: k.link.Name, Request: k.row.Asked,
		Verified: k.row.Verified != 0, Blocked: k.row.Blocked, Added: time.UnixMilli(k.row.Added).UTC(),
	}
	if n.hasTopic(k) {
		c.Topic = TopicID(k.row.Topic)
		c.Waiting = !k.row.Heard
	}
	if c.Name == "" {
		c.Name = c.Claimed
	}
	for _, p := range places(k.link) {
		if n.isKeeper(p) {
			c.Keepers++
		}
	}
	if k.row.Another != 0 {
		c.NewDevice = time.UnixMilli(k.row.Another).UTC()
	}
	return c
}

// Contacts returns the people who are known, by name.
func (n *Node) Contacts() []Contact {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	var out []Contact
	for id, k := range n.people.byID {
		if !k.row.Gone {
			out = append(out, n.contact(id, k))
		}
	}
	slices.SortFunc(out, func(a, b Contact) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), slices.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// Contact returns one person, or ErrNotFound.
func (n *Node) Contact(id PersonID) (Contact, error) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil || k.row.Gone {
		return Contact{}, fmt.Errorf("%w: contact", ErrNotFound)
	}
	return n.contact(id, k), nil
}

// AddContact makes a contact of a link and opens a direct topic with the person.
// What is written there goes out as soon as the person, or somebody who keeps
// mail for it, can be reached. The error matches ErrBadContact.
func (n *Node) AddContact(ctx context.Context, link, name string) (Contact, error) {
	l, err := identity.ParseLink(link)
	if err != nil {
		return Contact{}, fmt.Errorf("%w: %w", ErrBadContact, err)
	}
	if l.Account() == n.me() {
		return Contact{}, fmt.Errorf("%w: it is your own, send it to somebody", ErrBadContact)
	}
	if l.Prekey == nil || seal.CheckPrekey(l.Prekey) != nil {
		return Contact{}, fmt.Errorf("%w: it has no key to write to", ErrBadContact)
	}
	id := l.Account()
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	switch {
	case k == nil:
		if len(n.people.byID) >= maxPeople {
			return Contact{}, fmt.Errorf("%w: there are %d contacts already", ErrBadContact, maxPeople)
		}
		k = &known{row: personRow{Link: link, Added: time.Now().UnixMilli()}}
	case k.row.Asked: // both had the other's link
		if err := n.acceptLocked(ctx, id, k); err != nil {
			return Contact{}, err
		}
	}
	if k.link.Created.Before(l.Created) {
		k.link = l
	}
	err = n.savePerson(ctx, id, k, func(row *personRow) {
		row.Link, row.Gone, row.Blocked = trimLink(link), false, false
		if name != "" {
			row.Name = identity.CleanName(name)
		}
	})
	if err == nil && !n.hasTopic(k) {
		err = n.openDirect(ctx, id, k)
	}
	if err != nil {
		return Contact{}, err
	}
	n.mute(k)
	n.bell.node()
	poke(n.post.wake)
	return n.contact(id, k), nil
}

// PreviewContact tells whose a contact link is, without doing anything with it.
// known says whether that is a contact already. The error matches ErrBadContact.
func (n *Node) PreviewContact(link string) (c Contact, known bool, err error) {
	l, err := identity.ParseLink(link)
	if err != nil {
		return Contact{}, false, fmt.Errorf("%w: %w", ErrBadContact, err)
	}
	if c, err := n.Contact(l.Account()); err == nil {
		return c, !c.Request, nil
	}
	return Contact{ID: l.Account(), Name: l.Name, Claimed: l.Name}, false, nil
}

// trimLink keeps no more of a text with a link in it than a row should hold.
func trimLink(text string) string {
	if len(text) <= identity.MaxLinkText {
		return text
	}
	if at := strings.Index(strings.ToLower(text), "linnet:"); at >= 0 {
		text = text[at:]
	}
	return text[:min(len(text), identity.MaxLinkText)]
}

// ChangeContact changes what is known of a person. The error matches ErrNotFound.
func (n *Node) ChangeContact(ctx context.Context, id PersonID, c ContactChange) (Contact, error) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil || k.row.Gone {
		return Contact{}, fmt.Errorf("%w: contact", ErrNotFound)
	}
	if c.Accepted != nil && *c.Accepted && k.row.Asked {
		if err := n.acceptLocked(ctx, id, k); err != nil {
			return Contact{}, err
		}
	}
	err := n.savePerson(ctx, id, k, func(row *personRow) {
		if c.Name != nil {
			row.Name = identity.CleanName(*c.Name)
		}
		if c.Blocked != nil {
			if row.Blocked = *c.Blocked; row.Blocked {
				row.Asked = false
			}
		}
		if c.Verified != nil {
			row.Verified = 0
			if *c.Verified {
				row.Verified, row.Another = time.Now().UnixMilli(), 0
			}
		}
		if c.Seen != nil && *c.Seen {
			row.Another = 0
		}
	})
	if err != nil {
		return Contact{}, err
	}
	if c.Accepted != nil && *c.Accepted && !n.hasTopic(k) {
		if err := n.openDirect(ctx, id, k); err != nil {
			return Contact{}, err
		}
	}
	if k.row.Blocked {
		if err := n.dropPass(ctx, id); err != nil {
			return Contact{}, err
		}
	}
	n.mute(k)
	n.toldOf(k)
	poke(n.post.wake)
	return n.contact(id, k), nil
}

// mute has the direct topic with a person follow whether it is blocked.
func (n *Node) mute(k *known) {
	if len(k.row.Topic) != len(TopicID{}) {
		return
	}
	if t, err := n.Topic(TopicID(k.row.Topic)); err == nil {
		t.setMuted(k.row.Blocked)
	}
}

// hasTopic reports whether there is a direct topic with a person; it may have been left.
func (n *Node) hasTopic(k *known) bool {
	if len(k.row.Topic) != len(TopicID{}) {
		return false
	}
	_, err := n.Topic(TopicID(k.row.Topic))
	return err == nil
}

// toldOf tells who watches that a contact changed.
func (n *Node) toldOf(k *known) {
	n.bell.node()
	if len(k.row.Topic) == len(TopicID{}) {
		n.bell.topic(TopicID(k.row.Topic))
	}
}

// DeleteContact forgets a person and leaves the direct topic. Somebody who is
// blocked stays so. The error matches ErrNotFound.
func (n *Node) DeleteContact(ctx context.Context, id PersonID) error {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil || k.row.Gone {
		return fmt.Errorf("%w: contact", ErrNotFound)
	}
	defer n.pruneLooksSoon()
	if n.hasTopic(k) {
		t, err := n.Topic(TopicID(k.row.Topic))
		if err == nil {
			err = t.Leave(ctx)
		}
		if err != nil {
			return err
		}
	}
	if err := n.drop(ctx, prefixRequest+hex.EncodeToString(id[:])+"/"); err != nil {
		return err
	}
	if err := n.dropPass(ctx, id); err != nil {
		return err
	}
	if k.row.Blocked {
		return n.savePerson(ctx, id, k, func(row *personRow) {
			*row = personRow{Link: row.Link, Blocked: true, Gone: true, Added: row.Added}
		})
	}
	if err := n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: prefixPerson + hex.EncodeToString(id[:])}}}); err != nil {
		return err
	}
	delete(n.people.byID, id)
	n.people.given.Delete(id)
	n.people.noteNodes(id, &known{})
	n.bell.node()
	return nil
}

// maxDevices is how many devices of a person are remembered; of more the oldest go.
const maxDevices = 32

// noteDevices takes in which devices a person uses in the direct topic. One that
// comes after the first is told of: so would be somebody who has got hold of the
// account's secret.
func (n *Node) noteDevices(ctx context.Context, c correspondent) error {
	now := c.topic.devicesOf(c.id)
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[c.id]
	if k == nil {
		return nil
	}
	var fresh [][]byte
	for _, d := range now {
		if !slices.ContainsFunc(k.row.Devices, func(b []byte) bool { return string(b) == string(d[:]) }) {
			fresh = append(fresh, d[:])
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	err := n.savePerson(ctx, c.id, k, func(row *personRow) {
		if len(row.Devices) > 0 {
			row.Another = time.Now().UnixMilli()
		}
		all := slices.Concat(row.Devices, fresh)
		row.Devices = all[max(0, len(all)-maxDevices):]
	})
	n.toldOf(k)
	return err
}

// Safety is what two people compare to see that nobody stands between them.
type Safety struct {
	Groups []string // twelve groups of five digits, the same for both
	Code   string   // to be shown as a QR code
}

// Safety works out the safety number with a person, which takes some 50 ms. The
// error matches ErrNotFound.
func (n *Node) Safety(id PersonID) (Safety, error) {
	if _, err := n.Contact(id); err != nil {
		return Safety{}, err
	}
	s := identity.NewSafetyNumber(n.me(), id)
	groups := s.Groups()
	return Safety{Groups: groups[:], Code: s.Code()}, nil
}

// Comparison is what came of scanning a person's code.
type Comparison = identity.Comparison

// Outcomes of a comparison.
const (
	SafetyUnreadable = identity.Unreadable
	SafetyMatch      = identity.Match
	SafetyDifferent  = identity.Different
	SafetyVersion    = identity.OtherVersion
	SafetyOwn        = identity.Own
)

// Compare holds what was scanned from a person's screen against what it must be.
// A match verifies the person; anything else changes nothing.
func (n *Node) Compare(ctx context.Context, id PersonID, scanned string) (Comparison, error) {
	if _, err := n.Contact(id); err != nil {
		return SafetyUnreadable, err
	}
	c := identity.NewSafetyNumber(n.me(), id).Compare(scanned)
	if c != SafetyMatch {
		return c, nil
	}
	yes := true
	_, err := n.ChangeContact(ctx, id, ContactChange{Verified: &yes})
	return c, err
}

// nameOf returns what a person is called here, empty where it is not known.
func (n *Node) nameOf(id PersonID) string {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	if k := n.people.byID[id]; k != nil && !k.row.Gone {
		return cmp.Or(k.row.Name, k.link.Name)
	}
	return ""
}

// openDirect makes the direct topic with a person, with a seat for it. The caller
// holds people.mu.
func (n *Node) openDirect(ctx context.Context, id PersonID, k *known) error {
	nonce, err := topic.NewNonce()
	if err != nil {
		return err
	}
	writer, err := identity.NewWriter()
	if err != nil {
		return err
	}
	seat, err := identity.NewWriter()
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	root, rootSeed, err := n.newRoot(nonce)
	if err != nil {
		return err
	}
	genesis, err := topic.Genesis{Nonce: nonce, Kind: topic.Direct, Grants: []topic.Grant{
		{Key: record.WriterOf(writer), Role: topic.Owner},
		{Key: record.WriterOf(seat), Role: topic.Owner, Seat: true},
	}}.Sign(root, now)
	if err != nil {
		return err
	}
	row := topicRow{Joined: now, Kind: topic.Direct, Writer: writer.Seed(), Admitted: true, Whom: id[:], WhomKey: k.link.Prekey, Root: rootSeed}
	t, err := n.addTopic(ctx, genesis.TopicID(), row, genesis)
	if err != nil {
		return err
	}
	tid := t.ID()
	return n.savePerson(ctx, id, k, func(row *personRow) { row.Topic, row.Seat, row.Heard = tid[:], seat.Seed(), false })
}

// errNoPerson means that a topic is with nobody who is known.
var errNoPerson = errors.New("node: no contact of this topic")

// personOf returns the person with whom a direct topic is.
func (n *Node) personOf(t *Topic) (PersonID, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.row.Whom) != len(PersonID{}) {
		return PersonID{}, errNoPerson
	}
	return PersonID(t.row.Whom), nil
}
