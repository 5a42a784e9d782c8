package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// Names of values in the store. A prefix ends with a slash.
const (
	keyAccount   = "identity/account"
	keyDevice    = "identity/device"
	keyCert      = "identity/certificate"
	keyName      = "identity/name"
	keyHost      = "reach/key"
	keyPort      = "reach/port"
	prefixPeer   = "peer/"   // peer id -> peerRow
	prefixTopic  = "topic/"  // topic id -> topicRow
	prefixDraft  = "draft/"  // topic id -> text
	prefixRead   = "read/"   // topic id -> read mark
	prefixFork   = "fork/"   // topic id, writer -> proof that the writer signed two records with one number
	prefixFolder = "folder/" // hash of path -> folderRow
	prefixShed   = "shed/"   // topic id -> place up to which texts were dropped
	prefixOut    = "out/"    // topic id, seq -> id of a record that nobody else has yet
	prefixOnce   = "once/"   // hash of topic and Draft.Key -> onceRow
)

// loadSelf reads who this is, or makes a new account and device.
func (n *Node) loadSelf(ctx context.Context) error {
	seed, err := n.store.State(keyDevice)
	if errors.Is(err, storage.ErrNotFound) {
		if n.hasSpare() { // there was somebody
			return fmt.Errorf("%w: who this is cannot be read", ErrDamaged)
		}
		return n.makeSelf(ctx)
	}
	if err != nil {
		return fmt.Errorf("node: read the device: %w", err)
	}
	if n.device, err = identity.DeviceFrom(seed); err != nil {
		return err
	}
	seed, err = n.store.State(keyAccount)
	switch {
	case err == nil:
		if n.account, err = identity.AccountFrom(seed); err != nil {
			return err
		}
		n.hasAccount = true
	case !errors.Is(err, storage.ErrNotFound):
		return fmt.Errorf("node: read the account: %w", err)
	}
	if err := n.loadCertificate(ctx); err != nil {
		return err
	}
	name, err := n.store.State(keyName)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("node: read the name: %w", err)
	}
	n.name = string(name)
	return nil
}

func (n *Node) makeSelf(ctx context.Context) (err error) {
	if n.account, err = identity.NewAccount(); err != nil {
		return err
	}
	n.hasAccount = true
	if n.device, err = identity.NewDevice(); err != nil {
		return err
	}
	if err := n.certify(); err != nil {
		return err
	}
	return n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{
		{Key: keyAccount, Value: n.account.Seed()},
		{Key: keyDevice, Value: n.device.Seed()},
		{Key: keyCert, Value: n.cert.Bytes()},
	}})
}

func (n *Node) certify() (err error) {
	n.cert, err = identity.OpenCertificate(n.account.Certify(n.device.Public(), time.Now()))
	return err
}

// loadCertificate reads the device's certificate, or makes it anew where an
// older program has left one that this one does not read.
func (n *Node) loadCertificate(ctx context.Context) error {
	b, err := n.store.State(keyCert)
	if err != nil {
		return fmt.Errorf("node: read the certificate: %w", err)
	}
	n.cert, err = identity.OpenCertificate(b)
	if err == nil && n.cert.Device == n.device.Public() && (!n.hasAccount || n.cert.Account == n.account.Public()) {
		return nil
	}
	if !n.hasAccount {
		return fmt.Errorf("%w: the certificate", ErrDamaged)
	}
	if err := n.certify(); err != nil {
		return err
	}
	return n.setState(ctx, keyCert, n.cert.Bytes())
}

// hostKey returns the key of this installation's peer id and the port of last time.
func (n *Node) hostKey(ctx context.Context) (seed []byte, port int, err error) {
	seed, err = n.store.State(keyHost)
	if errors.Is(err, storage.ErrNotFound) {
		seed = make([]byte, 32)
		if _, err := rand.Read(seed); err != nil {
			return nil, 0, err
		}
		return seed, 0, n.setState(ctx, keyHost, seed)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("node: read the peer key: %w", err)
	}
	if b, err := n.store.State(keyPort); err == nil && len(b) == 2 {
		port = int(binary.BigEndian.Uint16(b))
	}
	return seed, port, nil
}

func (n *Node) rememberPort(ctx context.Context, before int) error {
	port := n.host.Port()
	if len(n.cfg.Listen) > 0 || port == before || port == 0 || n.settings.Mode == reach.ModeTor {
		return nil // that of an onion service is none to use elsewhere
	}
	return n.setState(ctx, keyPort, binary.BigEndian.AppendUint16(nil, uint16(port)))
}

// peerRow is a node that was met.
type peerRow struct {
	Contact contactRow `cbor:"1,keyasint"`
	Seen    int64      `cbor:"2,keyasint"` // ms since 1970
}

// contactRow is a contact as it is stored.
type contactRow struct {
	ID    []byte   `cbor:"1,keyasint"`
	Addrs [][]byte `cbor:"2,keyasint"`
}

// maxMet bounds the nodes that are remembered.
const maxMet = 200

// met remembers where a node could be reached.
func (n *Node) met(ctx context.Context, peer string, c reach.Contact) error {
	row, err := record.EncodeBody(peerRow{Contact: contactRow(c), Seen: time.Now().UnixMilli()})
	if err != nil {
		return err
	}
	return n.commit(ctx, storage.Batch{State: []storage.KV{{Key: prefixPeer + peer, Value: row}}})
}

// maxMoves is how many peers that have moved wait to be noted. One that finds no room is
// noted when it is met next.
const maxMoves = 64

// moved is called by reach, which must not be held up.
func (n *Node) moved(peer string) {
	select {
	case n.moves <- peer:
	default:
	}
}

// noteMoves remembers where peers are that have moved, until the node closes. Only
// those whom it remembers anyway: followers, and whom a person has named.
func (n *Node) noteMoves() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case peer := <-n.moves:
			if _, err := n.store.State(prefixPeer + peer); err != nil {
				continue
			}
			if c, ok := n.host.Contact(peer); ok {
				if err := n.met(n.ctx, peer, c); err != nil && n.ctx.Err() == nil {
					n.log.Warn("node: remember where a peer is", "peer", peer, "err", err)
				}
			}
		}
	}
}

// meetAgain begins to dial everybody who is known: from links, from earlier, from Config.
func (n *Node) meetAgain() error {
	rows, err := n.store.ListState(prefixPeer)
	if err != nil {
		return fmt.Errorf("node: read known peers: %w", err)
	}
	type known struct {
		key string
		row peerRow
	}
	var all []known
	for _, kv := range rows {
		var row peerRow
		if err := record.DecodeBody(kv.Value, &row); err != nil {
			n.log.Warn("node: a remembered peer is unreadable", "err", err)
			continue
		}
		all = append(all, known{kv.Key, row})
	}
	slices.SortFunc(all, func(a, b known) int { return cmp.Compare(b.row.Seen, a.row.Seen) })
	for _, k := range all[min(len(all), maxMet):] {
		if err := n.commit(n.ctx, storage.Batch{State: []storage.KV{{Key: k.key}}}); err != nil {
			return fmt.Errorf("node: forget a peer: %w", err)
		}
	}
	for _, k := range all[:min(len(all), maxMet)] {
		if err := n.host.Keep(reach.Contact(k.row.Contact)); err != nil {
			n.log.Debug("node: remembered peer", "err", err)
		}
	}
	for _, t := range n.Topics() {
		t.keepContacts()
	}
	if err := n.keepBridges(); err != nil {
		return err
	}
	for _, s := range n.cfg.Bootstrap {
		c, err := reach.ParseAddress(s)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadAddress, err)
		}
		if err := n.host.Keep(c); err != nil {
			return fmt.Errorf("%w: %w", ErrBadAddress, err)
		}
	}
	return nil
}

func (n *Node) setState(ctx context.Context, key string, value []byte) error {
	return n.commit(ctx, storage.Batch{Durable: true, State: []storage.KV{{Key: key, Value: value}}})
}

// commit stores b and tells subscribers that there is news.
func (n *Node) commit(ctx context.Context, b storage.Batch) error {
	_, err := n.store.Commit(ctx, b)
	if err == nil && len(b.Events) > 0 {
		n.bell.journal()
	}
	return err
}
