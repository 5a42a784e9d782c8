package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/mailbox"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/storage"
)

// Mail that has come: it is fetched from keepers, opened and taken in.

// fetchOwn takes in what others have left at this node itself.
func (n *Node) fetchOwn(ctx context.Context) error {
	n.people.mu.Lock()
	key := n.people.box.key()
	n.people.mu.Unlock()
	return n.post.keeper.CollectOwn(key, func(mail []byte) error { return n.takeLetter(ctx, mail) })
}

// fetchMail takes in what waits at those that keep mail for this device.
func (n *Node) fetchMail(ctx context.Context) error {
	n.people.mu.Lock()
	key := n.people.box.key()
	rows := slices.Clone(n.people.box.row.Keepers)
	n.people.mu.Unlock()
	var keepers []string
	n.post.mu.Lock()
	for _, k := range rows {
		if id, err := reach.PeerID(k.ID); err == nil {
			n.post.places[id] = reach.Contact{ID: k.ID, Addrs: k.Addrs}
			keepers = append(keepers, id)
		}
	}
	n.post.mu.Unlock()
	if len(keepers) == 0 {
		return nil
	}
	err := n.post.client.Collect(ctx, key, keepers, func(mail []byte) error { return n.takeLetter(ctx, mail) })
	if err != nil {
		n.log.Debug("node: fetch mail", "err", err)
	}
	return nil
}

// seeFetched asks keepers which letters were fetched: their receipts prove that
// the person's device has what was in them.
func (n *Node) seeFetched(ctx context.Context) error {
	list, err := n.correspondents()
	if err != nil {
		return err
	}
	for _, c := range list {
		prefix := prefixLetter + c.topic.id.String() + "/"
		rows, err := n.store.ListState(prefix)
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		ids, letters := []mailbox.MailID{}, map[mailbox.MailID]letterRow{}
		for _, kv := range rows[:min(len(rows), maxLetters)] {
			id, err := hex.DecodeString(strings.TrimPrefix(kv.Key, prefix))
			var row letterRow
			if err != nil || len(id) != len(mailbox.MailID{}) || record.DecodeBody(kv.Value, &row) != nil {
				return fmt.Errorf("%w: letter", ErrDamaged)
			}
			ids = append(ids, mailbox.MailID(id))
			letters[mailbox.MailID(id)] = row
		}
		if len(ids) == 0 {
			continue
		}
		// An error is of some keepers; what the others said counts.
		states, err := n.post.client.Status(ctx, c.address, slices.Concat(c.devices, c.keepers), ids)
		if err != nil {
			n.log.Debug("node: ask for receipts", "err", err)
		}
		if err := n.fetched(ctx, c.topic, prefix, letters, states); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) fetched(ctx context.Context, t *Topic, prefix string, letters map[mailbox.MailID]letterRow, states []mailbox.Status) error {
	slices.SortFunc(states, func(a, b mailbox.Status) int { return int(int64(letters[a.ID].From) - int64(letters[b.ID].From)) })
	var b storage.Batch
	for _, s := range states {
		row := letters[s.ID]
		old := time.Since(time.UnixMilli(row.Sent)) > maxMailKeep
		if s.State == mailbox.Fetched && row.From <= t.ackedTo()+1 {
			if err := t.acknowledge(ctx, row.To); err != nil {
				return err
			}
			old = true
		}
		if old || row.To <= t.ackedTo() {
			b.State = append(b.State, storage.KV{Key: prefix + s.ID.String()})
		}
	}
	if len(b.State) == 0 {
		return nil
	}
	return n.commit(ctx, b)
}

// takeLetter takes in a letter from anybody. It returns an error only where the
// letter should be kept for another time.
func (n *Node) takeLetter(ctx context.Context, mail []byte) error {
	n.people.mu.Lock()
	prekeys := slices.Clone(n.people.box.prekeys)
	n.people.mu.Unlock()
	for _, p := range slices.Backward(prekeys) {
		content, err := seal.OpenLetter([]seal.Prekey{p}, mail)
		if errors.Is(err, seal.ErrLost) {
			continue
		}
		var l letter.Letter
		if err == nil {
			l, err = letter.Decode(content)
		}
		if err != nil {
			n.log.Debug("node: a letter that is none", "err", err)
			return nil
		}
		if l.Device != nil {
			return n.takeDevice(ctx, l.Device, content)
		}
		if l.Texts != nil {
			return n.takeTexts(ctx, l.Topic, l.Texts)
		}
		if l.Request != nil {
			return n.takeRequest(ctx, l, content, p)
		}
		return n.takeNews(ctx, l)
	}
	n.log.Debug("node: a letter to a key that is gone")
	return nil
}

// takeNews takes in a letter about a topic that is here.
func (n *Node) takeNews(ctx context.Context, l letter.Letter) error {
	t, err := n.Topic(l.Topic)
	if err != nil {
		return nil
	}
	id, err := n.personOf(t)
	if err != nil || n.isBlocked(id) {
		return nil
	}
	n.people.mu.Lock()
	if k := n.people.byID[id]; k != nil {
		err = n.takeRevoked(ctx, id, k, l.Revoked)
	}
	n.people.mu.Unlock()
	if err != nil {
		return err
	}
	if l.Contact != "" {
		if err := n.newLink(ctx, id, l.Contact); err != nil {
			return err
		}
	}
	return t.takeLetters(ctx, l.Records)
}

func (n *Node) isBlocked(id PersonID) bool {
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	return k == nil || k.row.Blocked
}

// newLink takes in a person's link as it is now.
func (n *Node) newLink(ctx context.Context, id PersonID, text string) error {
	l, err := identity.ParseLink(text)
	if err != nil || l.Account() != id || l.Prekey == nil || seal.CheckPrekey(l.Prekey) != nil {
		return nil
	}
	n.people.mu.Lock()
	defer n.people.mu.Unlock()
	k := n.people.byID[id]
	if k == nil || k.row.Gone || n.isRevoked(l.Devices[0]) || l.Created.Before(k.link.Created) && !n.isRevoked(k.link.Devices[0]) {
		return nil
	}
	k.link = l
	err = n.savePerson(ctx, id, k, func(row *personRow) { row.Link = text })
	n.toldOf(k)
	n.post.changed()
	return err
}

// takeLetters takes records of a letter through the verdict.
func (t *Topic) takeLetters(ctx context.Context, raw [][]byte) error {
	var genesis, rest []*record.Record
	for _, b := range raw {
		r, err := record.Decode(b)
		switch {
		case err != nil || r.TopicID() != t.id:
		case r.Kind == record.KindGenesis:
			genesis = append(genesis, r)
		default:
			rest = append(rest, r)
		}
	}
	proof := history.Proof{}
	for _, rs := range [][]*record.Record{genesis, rest} {
		if len(rs) == 0 {
			continue
		}
		taken, err := t.takeMany(ctx, proof, rs)
		if err != nil {
			return err
		}
		if taken.Parked > 0 {
			t.retryParked(ctx)
		}
	}
	return nil
}
