package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/mailbox"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// A person's further device is a node of its own, with keys of its own, to which
// another device of the person has given a certificate, its contacts, and a place
// in each of its topics. It has not the account's secret: it can add no devices,
// and who finds it learns no recovery phrase.

// Device is one of this person's.
type Device struct {
	ID    identity.Key
	This  bool
	Name  string // given when it was added; empty for the first
	Added time.Time
}

// Offer of an account to a device that is still empty.
type Adoption struct {
	Account PersonID
	Name    string // what the person calls itself
	Ready   bool   // all of it has arrived
	Topics  int
	People  int
}

const (
	prefixDevice = "device/" // device in hex -> deviceRow
	prefixPlace  = "place/"  // device in hex, topic id -> the seat that was made for it there
	prefixAdopt  = "adopt/"  // number of the letter -> its content
)

// deviceRow is a device that this one has added.
type deviceRow struct {
	Name  string `cbor:"1,keyasint,omitempty"`
	Added int64  `cbor:"2,keyasint"` // ms since 1970
	Link  string `cbor:"3,keyasint"`
	Token []byte `cbor:"4,keyasint"` // in what is handed over to it
}

// Devices returns this person's devices as far as this one has added them, itself first.
func (n *Node) Devices() ([]Device, error) {
	out := []Device{{ID: n.device.Public(), This: true, Added: n.certificate().Issued.UTC()}}
	rows, err := n.store.ListState(prefixDevice)
	if err != nil {
		return nil, fmt.Errorf("node: read the devices: %w", err)
	}
	for _, kv := range rows {
		id, err := parsePerson(kv.Key[len(prefixDevice):])
		var row deviceRow
		if err == nil {
			err = record.DecodeBody(kv.Value, &row)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: device: %w", ErrDamaged, err)
		}
		out = append(out, Device{ID: id, Name: row.Name, Added: time.UnixMilli(row.Added).UTC()})
	}
	return out, nil
}

// AddDevice makes the installation whose contact link this is another device of
// this person: it gets a certificate, the contacts, and a place in each topic; with
// history, later and bit by bit, also what was written in sealed topics before. It
// has to be empty, and asks whoever sits before it. The call returns when the offer
// was left there, so the other has to be running. The error matches ErrBadContact,
// ErrNoAccount or ErrUnreachable.
func (n *Node) AddDevice(ctx context.Context, link, name string, history bool) (Device, error) {
	account, ok := n.accountKey()
	if !ok {
		return Device{}, ErrNoAccount
	}
	l, err := identity.ParseLink(link)
	if err != nil {
		return Device{}, fmt.Errorf("%w: %w", ErrBadContact, err)
	}
	address, ok := addressOf(l)
	if !ok || l.Prekey == nil || seal.CheckPrekey(l.Prekey) != nil || l.Account() == n.me() {
		return Device{}, fmt.Errorf("%w: it is not that of a fresh Linnet", ErrBadContact)
	}
	id := l.Devices[0].Device
	cert := account.Certify(id, time.Now())
	items, err := n.legacy(ctx, prefixPlace+hex.EncodeToString(id[:])+"/")
	if err != nil {
		return Device{}, err
	}
	devices, keepers := n.remember(l)
	token := newToken()
	parts := slices.Collect(slices.Chunk(items, maxDeviceItems))
	if len(parts) == 0 {
		parts = [][][]byte{nil}
	}
	for i, part := range parts {
		d := letter.Device{Secret: l.Secret, Token: token, Certificate: cert, Name: identity.CleanName(n.ownName()), Part: uint64(i), Parts: uint64(len(parts)), Items: part}
		content, err := letter.Letter{Device: &d}.Encode()
		if err != nil {
			return Device{}, err
		}
		mail, err := seal.SealLetter(l.Prekey, content)
		if err != nil {
			return Device{}, err
		}
		kept, err := n.put(ctx, mailbox.Delivery{To: address, Mails: [][]byte{mail}, Keep: time.Hour, Keepers: slices.Concat(devices, keepers), Copies: 1})
		if len(kept) == 0 {
			return Device{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
	}
	row := deviceRow{Name: identity.CleanName(name), Added: time.Now().UnixMilli(), Link: trimLink(link), Token: token[:]}
	value, err := record.EncodeBody(row)
	if err == nil {
		err = n.setState(ctx, prefixDevice+hex.EncodeToString(id[:]), value)
	}
	if err == nil && history {
		err = n.planHandover(ctx, id)
	}
	return Device{ID: id, Name: row.Name, Added: time.UnixMilli(row.Added).UTC()}, err
}

// maxDeviceItems is how many things go into one letter.
const maxDeviceItems = 32

// legacy is all that a new device gets. The seats that are made for it are noted
// under prefix.
func (n *Node) legacy(ctx context.Context, prefix string) (items [][]byte, err error) {
	add := func(i letter.Item) {
		b, encodeErr := i.Encode()
		err = errors.Join(err, encodeErr)
		items = append(items, b)
	}
	n.people.mu.Lock()
	for _, k := range n.people.byID {
		if !k.row.Gone && !k.row.Asked {
			add(letter.Item{Person: &letter.Person{Link: k.row.Link, Name: k.row.Name, Verified: k.row.Verified, Blocked: k.row.Blocked, Added: k.row.Added, Revoked: k.row.Revoked}})
		}
	}
	n.people.mu.Unlock()
	reachItems, reachErr := n.reachLegacy()
	if reachErr != nil {
		return nil, reachErr
	}
	for _, i := range reachItems {
		add(i)
	}
	for _, t := range n.Topics() {
		if !t.carried().IsZero() {
			continue
		}
		l, whom, placeErr := t.placeFor(ctx)
		if placeErr != nil {
			return nil, placeErr
		}
		if l.Seat != nil {
			seat := record.WriterOf(ed25519.NewKeyFromSeed(l.Seat))
			if err := n.setState(ctx, prefix+t.id.String(), seat[:]); err != nil {
				return nil, err
			}
		}
		add(letter.Item{Topic: &letter.Place{Link: l.String(), Whom: whom}})
	}
	return items, err
}

// placeFor returns a link by which another device of this person takes part in the
// topic as this one does, and with whom the topic is, if it is a direct one.
func (t *Topic) placeFor(ctx context.Context) (l topic.Link, whom []byte, err error) {
	seq := t.nextSeq()
	t.mu.RLock()
	l = topic.Link{Topic: t.id, Kind: t.row.Kind, Name: t.row.Name, Peers: []topic.Contact{linkContact(t.node.host.Self())}}
	role, whom := Reader, t.row.Whom
	if t.state != nil {
		l.Kind, role = t.state.Kind(), t.state.Role(t.me, seq, time.Now().UnixMilli())
		if name := t.state.Name(); name != "" {
			l.Name = name
		}
	}
	admitted := t.row.Admitted || t.sealing == nil
	t.mu.RUnlock()
	if !admitted || role < topic.Writer || !l.Kind.IsSealed() && role < topic.Admin {
		return l, whom, nil // whoever has the link takes part as this one does
	}
	seat, err := identity.NewWriter()
	if err != nil {
		return l, nil, err
	}
	body, err := record.EncodeBody(topic.Grant{Key: record.WriterOf(seat), Role: role, Expiry: time.Now().Add(inviteFor).UnixMilli(), Seat: true, Device: true})
	if err != nil {
		return l, nil, err
	}
	if _, err := t.append(ctx, &entry{kind: record.KindGrant, body: body}); err != nil {
		return l, nil, fmt.Errorf("node: a place for a device: %w", err)
	}
	l.Seat = seat.Seed()
	return l, whom, nil
}

// takeDevice keeps what another installation offers to make this one a device of
// its person, until somebody says yes.
func (n *Node) takeDevice(ctx context.Context, d *letter.Device, content []byte) error {
	n.people.mu.Lock()
	asked := bytes.Equal(d.Secret[:], n.people.box.row.Secret)
	n.people.mu.Unlock()
	cert, err := identity.OpenCertificate(d.Certificate)
	if !asked || err != nil || cert.Device != n.device.Public() || !n.isEmpty() {
		n.log.Debug("node: an offer of an account that does not hold")
		return nil
	}
	if err := n.setState(ctx, fmt.Sprintf("%s%08d", prefixAdopt, d.Part), content); err != nil {
		return err
	}
	n.bell.node()
	return nil
}

// isEmpty reports whether nobody has used this node yet.
func (n *Node) isEmpty() bool {
	return len(n.Topics()) == 0 && len(n.Contacts()) == 0
}

// offered reads what was offered; all is nil where something is still to come.
func (n *Node) offered() (a Adoption, all []*letter.Device, err error) {
	rows, err := n.store.ListState(prefixAdopt)
	if err != nil {
		return a, nil, fmt.Errorf("node: %w", err)
	}
	if len(rows) == 0 {
		return a, nil, fmt.Errorf("%w: an offer", ErrNotFound)
	}
	for _, kv := range rows {
		l, err := letter.Decode(kv.Value)
		if err != nil || l.Device == nil {
			return a, nil, fmt.Errorf("%w: an offer", ErrDamaged)
		}
		d := l.Device
		cert, err := identity.OpenCertificate(d.Certificate)
		if err != nil || len(all) > 0 && !bytes.Equal(d.Certificate, all[0].Certificate) {
			return a, nil, fmt.Errorf("%w: offers of two", ErrDamaged)
		}
		a.Account, a.Name = cert.Account, d.Name
		for _, b := range d.Items {
			if item, err := letter.DecodeItem(b); err == nil && item.Topic != nil {
				a.Topics++
			} else if err == nil && item.Person != nil {
				a.People++
			}
		}
		all = append(all, d)
	}
	a.Ready = uint64(len(all)) == all[0].Parts
	if !a.Ready {
		all = nil
	}
	return a, all, nil
}

// Offered returns the account that another installation offers to this one, or ErrNotFound.
func (n *Node) Offered() (Adoption, error) {
	a, _, err := n.offered()
	return a, err
}

// Decline forgets what another installation has offered.
func (n *Node) Decline(ctx context.Context) error { return n.drop(ctx, prefixAdopt) }

// HasAccount reports whether this device has the account's secret: it can add
// devices and show the recovery phrase.
func (n *Node) HasAccount() bool {
	_, ok := n.accountKey()
	return ok
}

// Adopt makes this installation a device of the person that has offered it. The
// error matches ErrNotFound where nothing, or not all, was offered.
func (n *Node) Adopt(ctx context.Context) error {
	_, all, err := n.offered()
	if err != nil {
		return err
	}
	if all == nil || !n.isEmpty() {
		return fmt.Errorf("%w: an offer that is whole, for a Linnet that is empty", ErrNotFound)
	}
	cert, err := identity.OpenCertificate(all[0].Certificate)
	if err != nil {
		return err
	}
	b := storage.Batch{Durable: true, State: []storage.KV{
		{Key: keyCert, Value: cert.Bytes()}, {Key: keyAccount}, {Key: keyName, Value: []byte(all[0].Name)},
		{Key: keyHandover, Value: all[0].Token[:]},
	}}
	if err := n.commit(ctx, b); err != nil {
		return fmt.Errorf("node: take on an account: %w", err)
	}
	n.mu.Lock()
	n.cert, n.hasAccount, n.account, n.name = cert, false, identity.Account{}, all[0].Name
	n.mu.Unlock()
	for _, d := range all {
		for _, raw := range d.Items {
			item, err := letter.DecodeItem(raw)
			if err != nil {
				continue
			}
			if err := n.inherit(ctx, item); err != nil {
				return err
			}
		}
	}
	if _, err := n.RenewContactLink(ctx); err != nil {
		return err
	}
	n.bell.node()
	return n.drop(ctx, prefixAdopt)
}

// inherit takes in one thing that another device has.
func (n *Node) inherit(ctx context.Context, item letter.Item) error {
	if p := item.Person; p != nil {
		l, err := identity.ParseLink(p.Link)
		if err != nil || l.Account() == n.me() {
			return nil
		}
		n.people.mu.Lock()
		defer n.people.mu.Unlock()
		row := personRow{Link: p.Link, Name: identity.CleanName(p.Name), Verified: p.Verified, Blocked: p.Blocked, Added: p.Added, Heard: true}
		if k := n.people.byID[l.Account()]; k != nil { // its topic came first
			row.Topic = k.row.Topic
		}
		k := &known{row: row, link: l}
		if err := n.savePerson(ctx, l.Account(), k, nil); err != nil {
			return err
		}
		return n.takeRevoked(ctx, l.Account(), k, p.Revoked)
	}
	if item.Topic == nil {
		return n.inheritReach(ctx, item)
	}
	l, err := topic.ParseLink(item.Topic.Link)
	if err != nil {
		return nil
	}
	writer, err := identity.NewWriter()
	if err != nil {
		return err
	}
	row := topicRow{Joined: time.Now().UnixMilli(), Kind: l.Kind, Name: l.Name, Writer: writer.Seed(), Seat: l.Seat, Whom: item.Topic.Whom}
	for _, c := range l.Peers {
		row.Contacts = append(row.Contacts, contactRow(c))
	}
	t, err := n.addTopic(ctx, l.Topic, row, nil)
	if err != nil {
		return err
	}
	t.keepContacts()
	if len(row.Whom) != len(PersonID{}) {
		return nil
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	if k := n.people.byID[PersonID(row.Whom)]; k != nil {
		return n.savePerson(ctx, PersonID(row.Whom), k, func(r *personRow) { r.Topic = t.id[:] })
	}
	return nil
}

// RemoveDevice takes the place of a device in every topic back, and says how many
// topics only somebody else can remove it from. Contacts are told that it is not this
// person's any more. What the device has it keeps. The error matches ErrNotFound,
// ErrNoAccount, or ErrNotRegained: then it is to be called again.
func (n *Node) RemoveDevice(ctx context.Context, id identity.Key) (left int, err error) {
	key := prefixDevice + hex.EncodeToString(id[:])
	if _, err := n.store.State(key); errors.Is(err, storage.ErrNotFound) {
		return 0, fmt.Errorf("%w: device", ErrNotFound)
	} else if err != nil {
		return 0, fmt.Errorf("node: %w", err)
	}
	if err := n.revoke(ctx, id); err != nil {
		return 0, err
	}
	if err := n.drop(ctx, prefixHand+hex.EncodeToString(id[:])+"/"); err != nil {
		return 0, err
	}
	for _, t := range n.Topics() {
		seat, err := n.store.State(prefixPlace + hex.EncodeToString(id[:]) + "/" + t.id.String())
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return left, fmt.Errorf("node: %w", err)
		}
		switch err := t.removeAll(ctx, t.writersOf(id, seat)); {
		case errors.Is(err, ErrMayNotChange):
			left++
		case err != nil:
			return left, err
		}
	}
	if err := n.drop(ctx, prefixPlace+hex.EncodeToString(id[:])+"/"); err != nil {
		return left, err
	}
	return left, n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: key}}})
}

// writersOf returns the keys under which a device takes part in a topic, with the
// seat that was made for it there, which it may not have taken yet.
func (t *Topic) writersOf(device identity.Key, seat []byte) (writers []Writer) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return nil
	}
	if len(seat) == len(Writer{}) {
		writers = append(t.state.SeatedBy(Writer(seat)), Writer(seat))
	}
	present, _ := t.state.Members(time.Now().UnixMilli())
	for _, m := range present {
		if p, ok := t.people[m.Key]; ok && p.cert.Device == device && !slices.Contains(writers, m.Key) {
			writers = append(writers, m.Key)
		}
	}
	return writers
}

// certificate says whose device this is.
func (n *Node) certificate() identity.Certificate {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cert
}

// me returns the account whose device this is.
func (n *Node) me() PersonID { return n.certificate().Account }

// accountKey returns the account with its secret; false on a further device, which
// has none.
func (n *Node) accountKey() (identity.Account, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.account, n.hasAccount
}

// newRoot returns the root key of a topic that is about to be made, and its seed
// where it does not follow from the account.
func (n *Node) newRoot(nonce []byte) (root ed25519.PrivateKey, seed []byte, err error) {
	if account, ok := n.accountKey(); ok {
		return account.TopicRoot(nonce), nil, nil
	}
	if root, err = identity.NewWriter(); err != nil {
		return nil, nil, err
	}
	return root, root.Seed(), nil
}

// rootKey returns the key that would be the root of a topic if this person had made it here.
func (t *Topic) rootKey(nonce []byte) (ed25519.PrivateKey, bool) {
	t.mu.RLock()
	seed := t.row.Root
	t.mu.RUnlock()
	if len(seed) == ed25519.SeedSize {
		return ed25519.NewKeyFromSeed(seed), true
	}
	account, ok := t.node.accountKey()
	if !ok {
		return nil, false
	}
	return account.TopicRoot(nonce), true
}
