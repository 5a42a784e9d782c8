package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/mailbox"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/storage"
)

// letterbox is what this device's contact link hangs on.
type letterbox struct {
	row     letterboxRow
	prekeys []seal.Prekey // the newest last
}

type letterboxRow struct {
	Secret  []byte      `cbor:"1,keyasint"`           // of the link that is given out now
	Made    int64       `cbor:"2,keyasint"`           // ms since 1970, when the link was
	Box     []byte      `cbor:"3,keyasint"`           // seed of the mailbox's key
	Deposit []byte      `cbor:"4,keyasint"`           // seed of the key that mail is put with
	Prekeys []prekeyRow `cbor:"5,keyasint"`           // the newest last
	Keepers []keeperRow `cbor:"6,keyasint,omitempty"` // that have agreed to keep mail for this device
	Said    []byte      `cbor:"7,keyasint,omitempty"` // hash of what the link says besides its time
	Changed int64       `cbor:"8,keyasint,omitempty"` // ms since 1970, when that became so
}

type prekeyRow struct {
	Seed []byte `cbor:"1,keyasint"`
	Made int64  `cbor:"2,keyasint"` // ms since 1970
}

// keeperRow is a node that keeps mail for this device.
type keeperRow struct {
	ID    []byte   `cbor:"1,keyasint"` // as in contactRow
	Addrs [][]byte `cbor:"2,keyasint"`
	Until int64    `cbor:"3,keyasint"` // ms since 1970
}

const (
	keyLetterbox = "letterbox"
	prekeyAge    = 30 * 24 * time.Hour  // at which a link's key is replaced
	prekeyKept   = 180 * 24 * time.Hour // for so long links with the one before work
)

// loadLetterbox reads the letterbox, or makes one.
func (n *Node) loadLetterbox(ctx context.Context) error {
	b := &n.people.box
	value, err := n.store.State(keyLetterbox)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		if err := b.renew(); err != nil {
			return err
		}
		for _, seed := range []*[]byte{&b.row.Box, &b.row.Deposit} {
			*seed = make([]byte, ed25519.SeedSize)
			if _, err := rand.Read(*seed); err != nil {
				return err
			}
		}
		return n.saveLetterbox(ctx)
	case err != nil:
		return fmt.Errorf("node: read the letterbox: %w", err)
	}
	if err := record.DecodeBody(value, &b.row); err != nil || len(b.row.Prekeys) == 0 || len(b.row.Box) != ed25519.SeedSize || len(b.row.Deposit) != ed25519.SeedSize {
		return fmt.Errorf("%w: the letterbox: %w", ErrDamaged, err)
	}
	for _, p := range b.row.Prekeys {
		prekey, err := seal.PrekeyFrom([32]byte(p.Seed))
		if err != nil {
			return err
		}
		b.prekeys = append(b.prekeys, prekey)
	}
	return nil
}

// renew makes another secret and prekey.
func (b *letterbox) renew() error {
	secret, err := identity.NewLinkSecret()
	if err != nil {
		return err
	}
	b.row.Secret = secret[:]
	return b.rekey(time.Now())
}

// rekey makes another prekey, and drops those that were replaced long ago.
func (b *letterbox) rekey(now time.Time) error {
	p, err := seal.NewPrekey()
	if err != nil {
		return err
	}
	b.row.Made = now.UnixMilli()
	b.row.Prekeys = append(b.row.Prekeys, prekeyRow{Seed: p.Seed[:], Made: b.row.Made})
	b.prekeys = append(b.prekeys, p)
	for len(b.row.Prekeys) > 1 && time.Duration(b.row.Made-b.row.Prekeys[1].Made)*time.Millisecond > prekeyKept {
		b.row.Prekeys, b.prekeys = b.row.Prekeys[1:], b.prekeys[1:]
	}
	return nil
}

func (n *Node) saveLetterbox(ctx context.Context) error {
	value, err := record.EncodeBody(n.people.box.row)
	if err != nil {
		return err
	}
	return n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: keyLetterbox, Value: value}}})
}

func (b *letterbox) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(b.row.Box) }

func (b *letterbox) address() mailbox.Address {
	return mailbox.Address{Box: mailbox.BoxOf(b.key()), Deposit: ed25519.NewKeyFromSeed(b.row.Deposit)}
}

// ContactLink returns what to send a person so that they can write to this one.
func (n *Node) ContactLink() (string, error) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	return n.contactLink()
}

// RenewContactLink makes another contact link; with the one before nobody is let
// in any more.
func (n *Node) RenewContactLink(ctx context.Context) (string, error) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	if err := n.people.box.renew(); err != nil {
		return "", err
	}
	if err := n.saveLetterbox(ctx); err != nil {
		return "", err
	}
	if err := n.dropPass(ctx, n.me()); err != nil {
		return "", err
	}
	return n.contactLink()
}

// contactLink writes the link as it is now, for whoever gets it; the caller holds people.mu.
func (n *Node) contactLink() (string, error) { return n.contactLinkFor(n.me(), "Contact link") }

// contactLinkFor writes the link for one person: if this node is a bridge for its
// contacts, it lets that person through. The caller holds people.mu.
func (n *Node) contactLinkFor(id PersonID, name string) (string, error) {
	b := &n.people.box
	l := identity.Link{
		Devices: []identity.Certificate{n.certificate()}, Created: time.UnixMilli(0),
		Secret: [identity.SecretSize]byte(b.row.Secret), Prekey: b.prekeys[len(b.prekeys)-1].Public,
		Name: identity.CleanName(n.ownName()), Mailboxes: [][]byte{b.address().Bytes()},
	}
	l.Addresses = appendPlaces(nil, placeDevice, n.host.Self().Open())
	own := len(l.Addresses)
	for _, k := range b.row.Keepers { // without what they let this one through with
		l.Addresses = appendPlaces(l.Addresses, placeKeeper, reach.Contact{ID: k.ID, Addrs: k.Addrs}.Open())
	}
	l.Addresses = l.Addresses[:min(len(l.Addresses), identity.MaxLinkAddresses)]
	text, err := n.device.SignLink(l)
	if err != nil {
		return "", err
	}
	if said := linkHash(text); !bytes.Equal(said, b.row.Said) {
		b.row.Said, b.row.Changed = said, time.Now().UnixMilli()
		if err := n.saveLetterbox(n.ctx); err != nil {
			return "", err
		}
	}
	l.Created = time.UnixMilli(b.row.Changed)
	if row, ok := n.passOf(n.ctx, id, name); ok {
		doors := n.doorsOf(row)
		doors.Addrs = doors.Addrs[:min(len(doors.Addrs), doorsInLink)]
		l.Addresses = slices.Insert(l.Addresses, own, appendPlaces(nil, placeDevice, doors)...)
		l.Addresses = l.Addresses[:min(len(l.Addresses), identity.MaxLinkAddresses)]
	}
	return n.device.SignLink(l)
}

// Kinds of places in a contact link (PROTOCOL.md §13).
const (
	placeDevice = 1 // the device itself
	placeKeeper = 2 // a node that keeps mail for it
)

// maxPlaces is how many addresses of one node go into a link.
const maxPlaces = 3

// appendPlaces writes where a node may be reached: kind, length of its id, id, address.
func appendPlaces(to [][]byte, kind byte, c reach.Contact) [][]byte {
	for _, a := range c.Addrs[:min(len(c.Addrs), maxPlaces)] {
		b := append([]byte{kind, byte(len(c.ID))}, c.ID...)
		if b = append(b, a...); len(b) <= identity.MaxAddress && len(c.ID) < 128 {
			to = append(to, b)
		}
	}
	return to
}

// place is a node that a contact link names.
type place struct {
	kind    byte
	contact reach.Contact
}

// places reads the addresses of a link; those of one node come together.
func places(l identity.Link) (out []place) {
	for _, b := range l.Addresses {
		if len(b) < 3 || len(b) <= 2+int(b[1]) {
			continue // of a later version, perhaps
		}
		id, addr := b[2:2+int(b[1])], b[2+int(b[1]):]
		found := false
		for i := range out {
			if found = string(out[i].contact.ID) == string(id); found {
				out[i].contact.Addrs = append(out[i].contact.Addrs, addr)
				break
			}
		}
		if !found {
			out = append(out, place{b[0], reach.Contact{ID: id, Addrs: [][]byte{addr}}})
		}
	}
	return out
}

// addressOf returns the mailbox of a link.
func addressOf(l identity.Link) (mailbox.Address, bool) {
	for _, b := range l.Mailboxes {
		if a, err := mailbox.ParseAddress(b); err == nil {
			return a, true
		}
	}
	return mailbox.Address{}, false
}

// linkHash tells whether somebody has the link as it is now.
func linkHash(link string) []byte {
	sum := sha256.Sum256([]byte(link))
	return sum[:8]
}

// mailRows keeps a mailbox keeper's rows among the node's own.
type mailRows struct{ n *Node }

const prefixMail = "mail/" // row of the keeper, in hex -> its value

// Get implements mailbox.Store.
func (m mailRows) Get(key []byte) ([]byte, error) {
	value, err := m.n.store.State(prefixMail + fmt.Sprintf("%x", key))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// Apply implements mailbox.Store.
func (m mailRows) Apply(changes []mailbox.Row) error {
	b := storage.Batch{Durable: true}
	for _, row := range changes {
		b.State = append(b.State, storage.KV{Key: prefixMail + fmt.Sprintf("%x", row.Key), Value: row.Value})
	}
	return m.n.commit(context.Background(), b)
}

// Walk implements mailbox.Store.
func (m mailRows) Walk(prefix, after []byte, f func(key, value []byte) bool) error {
	rows, err := m.n.store.ListState(prefixMail + fmt.Sprintf("%x", prefix))
	for _, kv := range rows {
		var key []byte
		if _, err := fmt.Sscanf(kv.Key[len(prefixMail):], "%x", &key); err != nil {
			return fmt.Errorf("%w: mail", ErrDamaged)
		}
		if after != nil && string(key) <= string(after) {
			continue
		}
		if !f(key, kv.Value) {
			break
		}
	}
	return err
}

var _ mailbox.Store = mailRows{}
