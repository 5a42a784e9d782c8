package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// Passes of this node's own bridge: each person, or link, has one of its own, so that
// one can be taken back without the others (PROTOCOL.md §16.3).

const (
	keyBridge   = "bridge/key" // 32 bytes, made once: the bridge's face follows from it
	prefixPass  = "pass/"      // id in hex -> passRow
	bridgeKey   = 32
	passID      = 8
	maxPasses   = 4096 // those that were taken back included
	maxByItself = 3072 // of all, up to which contacts get theirs by themselves
	usedEvery   = time.Hour
	doorsInLink = 2 // addresses of the bridge in a link of a topic or a person
)

// Errors of passes.
var (
	ErrManyPasses = errors.New("node: this bridge has as many links as it can; take back some that nobody needs")
	ErrNoDoor     = errors.New("node: this bridge does not know yet at which address others reach it; say it where the bridge is started")
)

// passRow is a pass as it is stored.
type passRow struct {
	Name    string `cbor:"1,keyasint"`
	Secret  []byte `cbor:"2,keyasint,omitempty"` // none once it was taken back
	Created int64  `cbor:"3,keyasint"`           // ms since 1970, as the others
	Used    int64  `cbor:"4,keyasint,omitempty"`
	Revoked int64  `cbor:"5,keyasint,omitempty"`
	Whom    []byte `cbor:"6,keyasint,omitempty"` // the contact who got it by itself; this person itself for the contact link's
}

// passes are this node's. All of them are in memory.
type passes struct {
	doors interface { // of the host
		SetPasses([]reach.Pass)
		Doors(reach.Pass) reach.Contact
	}
	key     []byte
	telling sync.Mutex // held while the host is told who is let in

	mu       sync.Mutex
	byID     map[string]passRow
	bySecret map[reach.Pass]string
	byWhom   map[PersonID]string
}

// loadPasses reads the key and the passes of this bridge, or makes the key.
func (n *Node) loadPasses(ctx context.Context) error {
	p := &n.passes
	p.byID, p.bySecret, p.byWhom = map[string]passRow{}, map[reach.Pass]string{}, map[PersonID]string{}
	if !n.IsBridge() {
		return nil
	}
	var err error
	p.key, err = n.store.State(keyBridge)
	if errors.Is(err, storage.ErrNotFound) {
		p.key = make([]byte, bridgeKey)
		_, _ = rand.Read(p.key) // never fails
		err = n.setState(ctx, keyBridge, p.key)
	}
	if err == nil && len(p.key) != bridgeKey {
		err = ErrDamaged
	}
	if err != nil {
		return fmt.Errorf("node: the key of the bridge: %w", err)
	}
	rows, err := n.store.ListState(prefixPass)
	if err != nil {
		return fmt.Errorf("node: read the passes: %w", err)
	}
	for _, kv := range rows {
		var row passRow
		if err := record.DecodeBody(kv.Value, &row); err != nil || row.Revoked == 0 && len(row.Secret) != reach.PassSize {
			return fmt.Errorf("%w: pass: %w", ErrDamaged, err)
		}
		p.put(kv.Key[len(prefixPass):], row)
	}
	return nil
}

// put takes a row in; the caller holds mu, or is alone.
func (p *passes) put(id string, row passRow) {
	p.drop(id)
	p.byID[id] = row
	if len(row.Whom) == len(PersonID{}) {
		p.byWhom[PersonID(row.Whom)] = id
	}
	if len(row.Secret) == reach.PassSize {
		p.bySecret[reach.Pass(row.Secret)] = id
	}
}

// drop takes a row out; the caller holds mu, or is alone.
func (p *passes) drop(id string) {
	old := p.byID[id]
	if len(old.Secret) == reach.PassSize {
		delete(p.bySecret, reach.Pass(old.Secret))
	}
	if len(old.Whom) == len(PersonID{}) {
		delete(p.byWhom, PersonID(old.Whom))
	}
	delete(p.byID, id)
}

// valid returns the passes with which one is let in.
func (p *passes) valid() (out []reach.Pass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pass := range p.bySecret {
		out = append(out, pass)
	}
	return out
}

// tell has the host let in who has a valid pass, and cut off everybody else.
func (p *passes) tell() {
	p.telling.Lock()
	defer p.telling.Unlock()
	if p.doors != nil {
		p.doors.SetPasses(p.valid())
	}
}

// bridgeConfig is what reach is to open, nil for no bridge.
func (n *Node) bridgeConfig() *reach.BridgeConfig {
	b := n.cfg.Bridge
	if b == nil {
		return nil
	}
	return &reach.BridgeConfig{
		Listen: b.Listen, Public: b.Public, Name: b.Name, Site: b.Site, CertFile: b.CertFile, KeyFile: b.KeyFile, Looks: b.Looks,
		Key: n.passes.key, Passes: n.passes.valid(), Used: n.passUsed,
	}
}

// IsBridge reports whether this node is a bridge.
func (n *Node) IsBridge() bool { return n.cfg.Bridge != nil }

// Passes returns the bridge links that this node has handed out, the newest first.
// There is none before NewPass, or something that makes one, was called.
func (n *Node) Passes() []Pass {
	p := &n.passes
	p.mu.Lock()
	rows := make(map[string]passRow, len(p.byID))
	for id, row := range p.byID {
		rows[id] = row
	}
	p.mu.Unlock()
	out := make([]Pass, 0, len(rows))
	for id, row := range rows {
		out = append(out, n.pass(id, row))
	}
	slices.SortFunc(out, func(a, b Pass) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return out
}

// pass shows a pass.
func (n *Node) pass(id string, row passRow) Pass {
	out := Pass{ID: id, Name: row.Name, Created: time.UnixMilli(row.Created).UTC(), Revoked: row.Revoked != 0}
	if row.Used != 0 {
		out.Used = time.UnixMilli(row.Used).UTC()
	}
	if len(row.Whom) == len(out.Contact) && PersonID(row.Whom) != n.me() {
		out.Contact = PersonID(row.Whom)
	}
	if c := n.doorsOf(row); len(c.Addrs) > 0 {
		if l, err := reach.LinkTo(n.cfg.Bridge.Title, c); err == nil {
			out.Link, _ = l.Text() // of a link that holds, always
		}
	}
	return out
}

// doorsOf returns where this bridge is reached with a pass.
func (n *Node) doorsOf(row passRow) reach.Contact {
	if n.passes.doors == nil || len(row.Secret) != reach.PassSize {
		return reach.Contact{}
	}
	return n.passes.doors.Doors(reach.Pass(row.Secret))
}

// NewPass makes a bridge link for somebody. The error matches ErrNoBridge, ErrBadName,
// ErrManyPasses, or ErrNoDoor where nothing is known that could stand in the link.
func (n *Node) NewPass(ctx context.Context, name string) (Pass, error) {
	id, row, err := n.makePass(ctx, name, nil)
	if err != nil {
		return Pass{}, err
	}
	return n.pass(id, row), nil
}

// makePass makes a pass that lets in from now on.
func (n *Node) makePass(ctx context.Context, name string, whom []byte) (string, passRow, error) {
	if !n.IsBridge() {
		return "", passRow{}, ErrNoBridge
	}
	name, err := topic.CleanName(name)
	if err != nil {
		return "", passRow{}, err
	}
	var secret reach.Pass
	var number [passID]byte
	_, _ = rand.Read(secret[:]) // never fails
	_, _ = rand.Read(number[:])
	id, row := hex.EncodeToString(number[:]), passRow{Name: name, Secret: secret[:], Created: time.Now().UnixMilli(), Whom: whom}
	if len(n.doorsOf(row).Addrs) == 0 {
		return "", passRow{}, ErrNoDoor
	}
	if err := n.addPass(ctx, id, row); err != nil {
		return "", passRow{}, err
	}
	n.passes.tell()
	n.bell.node()
	return id, row, nil
}

// addPass stores a pass. Where there are too many, the one that was taken back first
// is forgotten; not that of a contact, who would get another one.
func (n *Node) addPass(ctx context.Context, id string, row passRow) error {
	p := &n.passes
	p.mu.Lock()
	defer p.mu.Unlock()
	var b storage.Batch
	switch {
	case len(row.Whom) > 0 && len(p.byID) >= maxByItself:
		return ErrManyPasses
	case len(p.byID) >= maxPasses:
		oldest := ""
		for id, row := range p.byID {
			if row.Revoked != 0 && len(row.Whom) == 0 && (oldest == "" || row.Revoked < p.byID[oldest].Revoked) {
				oldest = id
			}
		}
		if oldest == "" {
			return ErrManyPasses
		}
		p.drop(oldest)
		b.State = append(b.State, storage.KV{Key: prefixPass + oldest})
	}
	return n.savePass(ctx, id, row, b)
}

// savePass stores a row with what else is in b. The caller holds passes.mu.
func (n *Node) savePass(ctx context.Context, id string, row passRow, b storage.Batch) error {
	value, err := record.EncodeBody(row)
	if err == nil {
		b.Durable, b.State = true, append(b.State, storage.KV{Key: prefixPass + id, Value: value})
		err = n.commit(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("node: store a pass: %w", err)
	}
	n.passes.put(id, row)
	return nil
}

// RevokePass takes a bridge link back: whoever comes with it sees the site, and
// who is there with it is cut off. A contact gets no other one by itself. The error
// matches ErrNotFound.
func (n *Node) RevokePass(ctx context.Context, id string) error {
	p := &n.passes
	p.mu.Lock()
	row, ok := p.byID[id]
	if !ok {
		p.mu.Unlock()
		return fmt.Errorf("%w: pass", ErrNotFound)
	}
	var err error
	if row.Revoked == 0 {
		row.Secret, row.Revoked = nil, time.Now().UnixMilli()
		err = n.savePass(ctx, id, row, storage.Batch{})
	}
	p.mu.Unlock()
	if err != nil {
		return err
	}
	p.tell()
	n.bell.node()
	return nil
}

// passUsed hears from reach that somebody came with a pass.
func (n *Node) passUsed(secret reach.Pass) {
	n.aside(func() {
		p := &n.passes
		p.mu.Lock()
		defer p.mu.Unlock()
		id, ok := p.bySecret[secret]
		row := p.byID[id]
		if now := time.Now(); ok && now.Sub(time.UnixMilli(row.Used)) >= usedEvery {
			row.Used = now.UnixMilli()
			if err := n.savePass(n.ctx, id, row, storage.Batch{}); err != nil && n.ctx.Err() == nil {
				n.log.Warn("node: note that a pass was used", "err", err)
			}
			n.bell.node()
		}
	})
}

// passOf returns the pass of a contact, or of this person's contact link, and makes
// it where there is none. It is false where there is to be none: contacts get none by
// themselves here, or the one that this contact had was taken back.
func (n *Node) passOf(ctx context.Context, whom PersonID, name string) (passRow, bool) {
	if !n.IsBridge() || !n.cfg.Bridge.Contacts {
		return passRow{}, false
	}
	n.passes.mu.Lock()
	id, ok := n.passes.byWhom[whom]
	row := n.passes.byID[id]
	n.passes.mu.Unlock()
	if ok {
		return row, row.Revoked == 0
	}
	_, row, err := n.makePass(ctx, name, whom[:])
	if err != nil {
		n.log.Debug("node: no pass for a contact", "err", err)
	}
	return row, err == nil
}

// dropPass forgets the pass of somebody, who is cut off; a later one may be made.
func (n *Node) dropPass(ctx context.Context, whom PersonID) error {
	p := &n.passes
	p.mu.Lock()
	id, ok := p.byWhom[whom]
	p.drop(id)
	p.mu.Unlock()
	if !ok {
		return nil
	}
	p.tell()
	if err := n.setState(ctx, prefixPass+id, nil); err != nil {
		return fmt.Errorf("node: forget a pass: %w", err)
	}
	return nil
}

// LinkByBridge is Link with this bridge's address and a new pass in it, for people
// for whom everything else is blocked. The error matches those of NewPass.
func (t *Topic) LinkByBridge(ctx context.Context, name string) (string, error) {
	_, row, err := t.node.makePass(ctx, name, nil)
	if err != nil {
		return "", err
	}
	return t.link(t.node.doorsOf(row)), nil
}

// InviteByBridge is InviteAs with this bridge's address and a new pass in the link. The
// error matches those of InviteAs and of NewPass.
func (t *Topic) InviteByBridge(ctx context.Context, role Role, name string) (Invite, error) {
	id, row, err := t.node.makePass(ctx, name, nil)
	if err != nil {
		return Invite{}, err
	}
	i, err := t.invite(ctx, role, t.node.doorsOf(row))
	if err != nil {
		return Invite{}, errors.Join(err, t.node.RevokePass(ctx, id))
	}
	return i, nil
}

// selfBehind is this node as a link tells of it, with doors of its bridge first.
func (n *Node) selfBehind(doors reach.Contact) topic.Contact {
	self := linkContact(n.host.Self())
	self.Addrs = slices.Concat(doors.Addrs[:min(len(doors.Addrs), doorsInLink)], self.Addrs)
	return self
}
