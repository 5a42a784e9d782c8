package node

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/reach"
)

// GossipName is for tests that speak on the mesh themselves.
func GossipName(id TopicID) string { return gossipName(id) }

// TakeTexts is how a letter with texts is taken in.
func (n *Node) TakeTexts(ctx context.Context, id TopicID, x *letter.Texts) error {
	return n.takeTexts(ctx, id, x)
}

// FakeDoors stands in for a host that is a bridge.
type FakeDoors struct {
	id string // of the node

	mu     sync.Mutex
	at     string
	passes []reach.Pass
}

// FakeDoors has a node take itself for a bridge that is reached at an IP and port.
func (n *Node) FakeDoors(at string) *FakeDoors {
	f := &FakeDoors{id: string(n.host.Self().ID), at: at, passes: n.passes.valid()}
	n.passes.doors = f
	return f
}

// Move has the bridge be reached elsewhere; empty: nowhere.
func (f *FakeDoors) Move(at string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = at
}

// SetPasses is what reach.Host does.
func (f *FakeDoors) SetPasses(passes []reach.Pass) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passes = passes
}

// Passes returns who is let in.
func (f *FakeDoors) Passes() []reach.Pass {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passes
}

// Doors is what reach.Host does.
func (f *FakeDoors) Doors(p reach.Pass) reach.Contact {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == "" {
		return reach.Contact{ID: []byte(f.id)}
	}
	door := append(append([]byte{1}, p[:]...), 0)
	l := reach.Link{Peer: []byte(f.id), At: []netip.AddrPort{netip.MustParseAddrPort(f.at)}, Door: append(door, "www.example.org"...)}
	c, err := l.Contact()
	if err != nil {
		panic(err)
	}
	return c
}

// PassUsed is what reach calls.
func (n *Node) PassUsed(p reach.Pass) { n.passUsed(p) }

// Told returns everything in the form in which a node tells others where a topic's
// followers, and itself, are.
func (n *Node) Told(id TopicID) (out []byte) {
	contacts := shelf{n}.Contacts(id)
	contacts = append(contacts, linkContact(n.host.Self()))
	for _, c := range contacts {
		for _, a := range c.Addrs {
			out = append(out, a...)
		}
	}
	return out
}

// FriendDoors returns the bridge addresses that came with contacts.
func (n *Node) FriendDoors() (out [][]byte) {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	for _, k := range n.people.byID {
		for _, c := range k.doors() {
			out = append(out, c.Doors().Addrs...)
		}
	}
	return out
}

// Libp2pBook returns all that libp2p knows of others: their addresses, and what they
// say of themselves.
func (n *Node) Libp2pBook() (out []string) {
	h := n.host.LibP2P()
	for _, p := range h.Peerstore().Peers() {
		for _, a := range h.Peerstore().Addrs(p) {
			out = append(out, p.String(), a.String(), string(a.Bytes()))
		}
		protocols, _ := h.Peerstore().GetProtocols(p)
		for _, id := range protocols {
			out = append(out, string(id))
		}
		for _, c := range h.Network().ConnsToPeer(p) {
			out = append(out, c.RemoteMultiaddr().String(), c.LocalMultiaddr().String())
		}
	}
	return out
}

// ErrNotCarried is what a bridge answers that does not carry a topic.
var ErrNotCarried = history.ErrUnknown

// AskToCarry asks a connected node to carry a topic.
func (n *Node) AskToCarry(ctx context.Context, peer string, id TopicID, link string) error {
	return n.asker.Carry(ctx, peer, id, link)
}

// WriteSettings stores settings of reach as another version, or a damaged disk, would.
func (n *Node) WriteSettings(ctx context.Context, row []byte) error {
	return n.setState(ctx, keySettings, row)
}

// RequestTo is the letter with which n asks somebody to whom it has not written yet.
func (n *Node) RequestTo(id PersonID) (letter.Letter, error) {
	list, err := n.correspondents()
	for _, c := range list {
		if c.id != id || err != nil {
			continue
		}
		l := letter.Letter{Topic: c.topic.id, Contact: c.mine}
		if l.Request, err = n.request(c); err != nil {
			return l, err
		}
		begin, err := c.topic.groundwork()
		for _, r := range begin {
			l.Records = append(l.Records, r.Bytes())
		}
		return l, err
	}
	return letter.Letter{}, errors.Join(err, ErrNotFound)
}

// Believes reports whether n takes a request for that of the person that it names.
func (n *Node) Believes(l letter.Letter) bool { _, ok := n.checkRequest(l); return ok }

// StoredLooks returns how bridges want this node to look, as it is stored.
func (n *Node) StoredLooks() map[string][]byte {
	all, err := n.storedLooks()
	if err != nil {
		panic(err)
	}
	return all
}

// KeepLooks is what reach calls, but that it waits.
func (n *Node) KeepLooks(peer string, record []byte) error {
	return n.storeLooks(n.ctx, peer, record)
}
