package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// Bridges of others: those whose links this person was given, and those of contacts,
// whose addresses come in their contact links (PROTOCOL.md §16.4).

const (
	prefixBridge = "reach/bridge/" // peer id -> bridgeRow
	maxBridges   = 64              // by links
)

// bridgeRow is a bridge by a link.
type bridgeRow struct {
	Name    string     `cbor:"1,keyasint,omitempty"`
	Contact contactRow `cbor:"2,keyasint"`
	Added   int64      `cbor:"3,keyasint"` // ms since 1970
}

// ErrManyBridges means that there are as many bridges here as are taken.
var ErrManyBridges = fmt.Errorf("%w: there are %d bridges here already, give one of them up", ErrBadBridge, maxBridges)

// parseBridge reads a bridge link.
func (n *Node) parseBridge(link string) (id string, row bridgeRow, err error) {
	l, err := reach.ParseLink(link)
	var c reach.Contact
	if err == nil {
		c, err = l.Contact()
	}
	if err == nil {
		id, err = reach.PeerID(c.ID)
	}
	switch {
	case err != nil:
		return "", row, fmt.Errorf("%w: %w", ErrBadBridge, err)
	case id == n.host.ID():
		return "", row, fmt.Errorf("%w: it is this node's own, give it to somebody", ErrBadBridge)
	}
	return id, bridgeRow{Name: l.Name, Contact: contactRow(c), Added: time.Now().UnixMilli()}, nil
}

// PreviewBridge tells what a bridge link leads to, and whether this node uses that
// bridge already. It changes nothing and asks nobody. The error matches ErrBadBridge.
func (n *Node) PreviewBridge(link string) (b Bridge, known bool, err error) {
	id, row, err := n.parseBridge(link)
	if err != nil {
		return Bridge{}, false, err
	}
	for _, b := range n.Bridges() {
		if b.ID == id {
			return b, true, nil
		}
	}
	return n.bridge(id, row), false, nil
}

// bridge shows a bridge by a link.
func (n *Node) bridge(id string, row bridgeRow) Bridge {
	b := Bridge{ID: id, Name: row.Name, Added: time.UnixMilli(row.Added).UTC(), Connected: n.host.IsConnected(id)}
	if b.Connected {
		b.Way = n.host.Way(id)
	}
	return b
}

// bridgeRows reads the bridges by links.
func (n *Node) bridgeRows() (map[string]bridgeRow, error) {
	rows, err := n.store.ListState(prefixBridge)
	if err != nil {
		return nil, fmt.Errorf("node: read the bridges: %w", err)
	}
	out := map[string]bridgeRow{}
	for _, kv := range rows {
		var row bridgeRow
		if err := record.DecodeBody(kv.Value, &row); err != nil {
			return nil, fmt.Errorf("%w: bridge: %w", ErrDamaged, err)
		}
		out[kv.Key[len(prefixBridge):]] = row
	}
	return out, nil
}

// Bridges returns the bridges that this node may use, the newest first.
func (n *Node) Bridges() []Bridge {
	rows, err := n.bridgeRows()
	if err != nil {
		n.log.Warn("node: bridges", "err", err)
	}
	var out []Bridge
	for id, row := range rows {
		out = append(out, n.bridge(id, row))
	}
	n.people.mu.Lock()
	for person, k := range n.people.byID {
		for _, c := range k.doors() {
			id, err := reach.PeerID(c.ID)
			if _, linked := rows[id]; err != nil || linked {
				continue
			}
			b := n.bridge(id, bridgeRow{Name: cmp.Or(k.row.Name, k.link.Name), Added: k.row.Added})
			b.Contact = person
			out = append(out, b)
		}
	}
	n.people.mu.Unlock()
	slices.SortFunc(out, func(a, b Bridge) int { return cmp.Or(b.Added.Compare(a.Added), cmp.Compare(a.ID, b.ID)) })
	return out
}

// AddBridge takes a bridge link, and uses that bridge where other ways fail. A newer
// link of the same bridge takes the place of the one before. The error matches ErrBadBridge.
func (n *Node) AddBridge(ctx context.Context, link string) (Bridge, error) {
	id, row, err := n.parseBridge(link)
	if err != nil {
		return Bridge{}, err
	}
	return n.addBridge(ctx, id, row)
}

func (n *Node) addBridge(ctx context.Context, id string, row bridgeRow) (Bridge, error) {
	n.bridging.Lock()
	defer n.bridging.Unlock()
	rows, err := n.bridgeRows()
	if err != nil {
		return Bridge{}, err
	}
	if _, known := rows[id]; !known && len(rows) >= maxBridges {
		return Bridge{}, ErrManyBridges
	}
	value, err := record.EncodeBody(row)
	if err == nil {
		err = n.setState(ctx, prefixBridge+id, value)
	}
	if err != nil {
		return Bridge{}, fmt.Errorf("node: store a bridge: %w", err)
	}
	if err := n.host.Keep(reach.Contact(row.Contact)); err != nil {
		return Bridge{}, fmt.Errorf("%w: %w", ErrBadBridge, err)
	}
	n.bell.node()
	return n.bridge(id, row), nil
}

// ForgetBridge gives a bridge up: it is not dialled any more, and the line to it ends.
// A contact's does not come back with the contact's next link. The error matches ErrNotFound.
func (n *Node) ForgetBridge(ctx context.Context, id string) error {
	n.bridging.Lock()
	defer n.bridging.Unlock()
	_, err := n.store.State(prefixBridge + id)
	linked := err == nil
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("node: read a bridge: %w", err)
	}
	person, ofContact := n.ownerOf(id)
	switch {
	case linked:
		err = n.setState(ctx, prefixBridge+id, nil)
	case !ofContact:
		return fmt.Errorf("%w: bridge", ErrNotFound)
	default:
		err = nil
	}
	if err == nil && ofContact {
		err = n.refuseDoors(ctx, person)
	}
	if err != nil {
		return fmt.Errorf("node: give a bridge up: %w", err)
	}
	n.host.Forget(id)
	n.bell.node()
	if err := n.setState(ctx, prefixLooks+id, nil); err != nil {
		return fmt.Errorf("node: forget how to look at a bridge: %w", err)
	}
	return nil
}

// ownerOf returns the contact whose bridge a peer is.
func (n *Node) ownerOf(id string) (PersonID, bool) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	for person, k := range n.people.byID {
		for _, c := range k.doors() {
			if p, err := reach.PeerID(c.ID); err == nil && p == id {
				return person, true
			}
		}
	}
	return PersonID{}, false
}

func (n *Node) refuseDoors(ctx context.Context, id PersonID) error {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil {
		return nil
	}
	return n.savePerson(ctx, id, k, func(row *personRow) { row.NoBridge = true })
}

// doors returns the devices of a person that are bridges, as the person's link has
// them; none while the person is no contact, or where that bridge was given up.
func (k *known) doors() (out []reach.Contact) {
	if k.row.Gone || k.row.Blocked || k.row.Asked || k.row.NoBridge {
		return nil
	}
	for _, p := range places(k.link) {
		if p.kind == placeDevice && len(p.contact.Doors().Addrs) > 0 {
			out = append(out, p.contact)
		}
	}
	return out
}

// keepDoors stays connected to the bridges of a person: when the network changes
// for the worse, there is a line already.
func (n *Node) keepDoors(k *known) {
	for _, c := range k.doors() {
		if err := n.host.Keep(c); err != nil {
			n.log.Debug("node: a contact's bridge", "err", err)
		}
	}
}

// keepBridges begins to dial the bridges that this node may use.
func (n *Node) keepBridges() error {
	if err := n.pruneLooks(n.ctx); err != nil {
		return err
	}
	rows, err := n.bridgeRows()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := n.host.Keep(reach.Contact(row.Contact)); err != nil {
			n.log.Debug("node: bridge", "err", err)
		}
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	for _, k := range n.people.byID {
		n.keepDoors(k)
	}
	return nil
}
