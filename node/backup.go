package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// A backup is what one needs to go on elsewhere as the same person, on a new device:
// never what would let two devices write one chain. PROTOCOL.md §10.4

// Parts of a backup, in this order.
const (
	partAbout    = "about"    // aboutPart
	partIdentity = "identity" // identityPart
	partRows     = "rows"     // rows of the store: length of the name (4), name, length of the value (4), value
	partRecords  = "records"  // a bundle
)

// backupFormat is the version of what is in the parts.
const backupFormat = 1

type aboutPart struct {
	Format  uint64 `cbor:"1,keyasint"`
	Created int64  `cbor:"2,keyasint"` // ms since 1970
	History bool   `cbor:"3,keyasint,omitempty"`
}

type identityPart struct {
	Account []byte `cbor:"1,keyasint"` // seed
}

// backedUp are the rows that a backup holds, by the beginning of their names, in the order
// in which they are written. strip, nil for none, takes out what belongs to this device
// alone, or leaves the row out. What is not named here stays behind: keys of this
// device, of its sessions and of its place in the network, and what is on its way out.
var backedUp = []struct {
	prefix string
	strip  func(n *Node, value []byte) (kept []byte, err error)
}{
	{keyName, nil},
	{keyPhrase, nil},
	{keyRevoked, nil},
	{prefixPeer, nil},
	{prefixTopic, (*Node).stripTopic},
	{prefixFork, nil},
	{prefixDraft, nil},
	{prefixRead, nil},
	{prefixShed, nil},
	{prefixHide, nil},
	{prefixFade, nil},
	{prefixDevice, nil},
	{prefixPlace, nil},
	{prefixPerson, (*Node).stripPerson},
	{keyHints, nil},
	{keySettings, nil},
	{prefixBridge, nil},
	{prefixRequest, nil},
	{keyLetterbox, nil},
	{prefixOpen, nil}, // written with the records that they belong to
}

// isBackedUp reports whether a row may come out of a backup.
func isBackedUp(name string) bool {
	for _, b := range backedUp {
		if name == b.prefix || strings.HasSuffix(b.prefix, "/") && strings.HasPrefix(name, b.prefix) && len(name) <= storage.MaxStateName {
			return true
		}
	}
	return false
}

// Backup writes a backup sealed under a passphrase of its own, which stays the
// caller's: account, name, contacts, topics, drafts, read marks, and what says who may
// write in a topic. With history also all that was written, with the texts of
// sealed topics that this device could read. It blocks until all is written, and the node goes on
// meanwhile. A file that was cut does not read as whole. The error matches ErrPassphraseForm
// or ErrNoAccount.
func (n *Node) Backup(ctx context.Context, w io.Writer, passphrase []byte, history bool) error {
	account, ok := n.accountKey()
	if !ok {
		return ErrNoAccount
	}
	b, err := vault.NewBackup(w, passphrase)
	if err != nil {
		return err
	}
	if err := n.fillBackup(ctx, b, account, history); err != nil {
		return fmt.Errorf("node: backup: %w", err)
	}
	return nil
}

// fillBackup writes all parts.
func (n *Node) fillBackup(ctx context.Context, b *vault.BackupWriter, account identity.Account, history bool) error {
	about, err := record.EncodeBody(aboutPart{Format: backupFormat, Created: time.Now().UnixMilli(), History: history})
	if err != nil {
		return err
	}
	who, err := record.EncodeBody(identityPart{Account: account.Seed()})
	if err != nil {
		return err
	}
	defer vault.Clear(who)
	_, err = b.Part(partAbout).Write(about)
	if err == nil {
		_, err = b.Part(partIdentity).Write(who)
	}
	if err == nil {
		err = n.backupRows(ctx, b.Part(partRows), history)
	}
	if err == nil {
		err = n.backupRecords(ctx, b.Part(partRecords), history)
	}
	if err != nil {
		return err
	}
	return b.Close()
}

// backupRows writes the rows of backedUp.
func (n *Node) backupRows(ctx context.Context, w io.Writer, history bool) error {
	for _, b := range backedUp {
		if b.prefix == prefixOpen {
			continue
		}
		rows, err := n.store.ListState(b.prefix)
		if err != nil {
			return err
		}
		for _, kv := range rows {
			if !isBackedUp(kv.Key) {
				continue // another one that begins so
			}
			if b.strip != nil {
				if kv.Value, err = b.strip(n, kv.Value); err != nil {
					return err
				}
			}
			if kv.Value == nil {
				continue
			}
			if err := errors.Join(ctx.Err(), writeRow(w, kv)); err != nil {
				return err
			}
		}
	}
	for _, t := range n.Topics() {
		err := t.backedUp(history, func(s storage.Record) error {
			value, err := n.store.State(openKey(t.id, record.ID(s.ID)))
			if errors.Is(err, storage.ErrNotFound) {
				return ctx.Err()
			}
			if err == nil {
				err = errors.Join(ctx.Err(), writeRow(w, storage.KV{Key: openKey(t.id, record.ID(s.ID)), Value: value}))
			}
			return err
		}, true)
		if err != nil {
			return err
		}
	}
	return nil
}

func writeRow(w io.Writer, kv storage.KV) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(kv.Key)))
	b = append(b, kv.Key...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(kv.Value)))
	_, err := w.Write(append(b, kv.Value...))
	return err
}

// backedUp calls f for the records of a topic that belong into a backup: those that
// say who may write and how much there is, and with history all.
func (t *Topic) backedUp(history bool, f func(storage.Record) error, sealedOnly bool) error {
	if !t.isReady() || sealedOnly && t.seals() == nil || !t.carried().IsZero() {
		return nil
	}
	lanes := []storage.Lane{laneOps, laneMarks}
	if history {
		lanes = append(lanes, lanePosts, laneOther, laneAside)
	}
	for _, l := range lanes {
		var failed error
		err := t.walk(l, nil, nil, func(s storage.Record) bool {
			failed = f(s)
			return failed == nil
		})
		if err := errors.Join(err, failed); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) backupRecords(ctx context.Context, w io.Writer, history bool) error {
	out, err := bundle.NewWriter(w, bundle.Manifest{Created: time.Now().UnixMilli(), Partial: !history})
	if err != nil {
		return err
	}
	for _, t := range n.Topics() {
		if err := t.backedUp(history, func(s storage.Record) error { return errors.Join(ctx.Err(), out.Add(s.Data)) }, false); err != nil {
			return err
		}
	}
	return out.Close()
}

// stripTopic takes the keys of this device out of a topic's row, and notes what the
// next device must know: who of the writers this person was, and whether the topic is its own.
func (n *Node) stripTopic(value []byte) ([]byte, error) {
	var row topicRow
	if err := record.DecodeBody(value, &row); err != nil {
		return nil, err
	}
	t := n.topicOfWriter(row.Writer)
	if t == nil || row.Carried != 0 {
		return nil, nil // left this moment, or here for guests
	}
	row.Former = append(row.Former, t.me[:])
	row.Writer, row.Seat, row.SeatKey, row.WhomKey = nil, nil, nil, nil
	row.Introduced, row.ToMembers, row.Admitted, row.Acked, row.Refused = "", 0, false, 0, false
	row.Regain = t.isOwn()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state != nil {
		row.Kind = t.state.Kind()
		if name := t.state.Name(); name != "" {
			row.Name = name
		}
	}
	return record.EncodeBody(row)
}

// isOwn reports whether this device has the root key of a topic.
func (t *Topic) isOwn() bool {
	t.mu.RLock()
	state := t.state
	t.mu.RUnlock()
	if state == nil {
		return false
	}
	root, ok := t.rootKey(state.Nonce())
	return ok && record.WriterOf(root) == state.Root()
}

// topicOfWriter returns the topic in which this device writes with that key.
func (n *Node) topicOfWriter(seed []byte) *Topic {
	for _, t := range n.Topics() {
		t.mu.RLock()
		same := string(t.row.Writer) == string(seed)
		t.mu.RUnlock()
		if same {
			return t
		}
	}
	return nil
}

// stripPerson takes the seat of a direct topic out of a person's row. A conversation
// that the other began cannot be gone on with by another device: it is left
// to be read, and the next one begins anew.
func (n *Node) stripPerson(value []byte) ([]byte, error) {
	var row personRow
	if err := record.DecodeBody(value, &row); err != nil {
		return nil, err
	}
	row.Told = nil
	if t, err := n.Topic(TopicID(pad32(row.Topic))); err == nil && !t.isOwn() {
		row.Topic, row.Seat, row.Heard = nil, nil, false
	}
	return record.EncodeBody(row)
}

// pad32 is b where it has 32 bytes, else zeros.
func pad32(b []byte) (out [32]byte) {
	if len(b) == len(out) {
		copy(out[:], b)
	}
	return out
}
