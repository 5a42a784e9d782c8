package node

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/letter"
	"github.com/linnet-im/linnet/node/mailbox"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/storage"
)

// A device that was added later finds the records of sealed topics at anybody's, but
// cannot open those from before it came: their keys are erased once they were used. If
// it is wanted, the device that has added it hands over what was in them, the newest
// first, in letters.

const (
	keyHandover   = "handover"  // on the new device: the token of whoever has made it one
	prefixHand    = "handover/" // device in hex, topic id -> handRow
	handAtOnce    = 16          // letters to one device in one round
	handLooked    = 4096        // records looked at in one round
	handKept      = 7 * 24 * time.Hour
	textOverheads = 64 // bytes of a text in a letter beside its body
)

// handRow is how far a topic was handed over to a device.
type handRow struct {
	Lane   uint8  `cbor:"1,keyasint"`           // that is under way
	Before []byte `cbor:"2,keyasint,omitempty"` // place of the oldest record that was handed over
}

// handLanes are handed over in this order: names and settings, then what people read.
var handLanes = []storage.Lane{laneOps, lanePosts}

func newToken() (t [letter.SecretSize]byte) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// planHandover notes that a device wants what was written before it came.
func (n *Node) planHandover(ctx context.Context, id identity.Key) error {
	b := storage.Batch{Durable: true}
	for _, t := range n.Topics() {
		if t.sealing == nil {
			continue
		}
		value, err := record.EncodeBody(handRow{})
		if err != nil {
			return err
		}
		b.State = append(b.State, storage.KV{Key: prefixHand + hex.EncodeToString(id[:]) + "/" + t.id.String(), Value: value})
	}
	if len(b.State) == 0 {
		return nil
	}
	return n.commit(ctx, b)
}

// handOver goes on with what devices of this person were promised.
func (n *Node) handOver(ctx context.Context) error {
	rows, err := n.store.ListState(prefixHand)
	if err != nil || len(rows) == 0 {
		return err
	}
	var errs []error
	for _, kv := range rows {
		device, topicText, _ := strings.Cut(kv.Key[len(prefixHand):], "/")
		id, err := record.ParseTopicID(topicText)
		var row handRow
		var d deviceRow
		if err == nil {
			err = record.DecodeBody(kv.Value, &row)
		}
		if err == nil {
			var value []byte
			if value, err = n.store.State(prefixDevice + device); err == nil {
				err = record.DecodeBody(value, &d)
			}
		}
		if err != nil {
			return fmt.Errorf("%w: what a device is to be given: %w", ErrDamaged, err)
		}
		t, err := n.Topic(id)
		if errors.Is(err, ErrNotFound) { // left since
			errs = append(errs, n.drop(ctx, kv.Key))
			continue
		}
		seat, err := n.store.State(prefixPlace + kv.Key[len(prefixHand):])
		if err != nil || !t.isSeated(seat) {
			continue // what is written until it is there is to be handed over too
		}
		errs = append(errs, n.handTopic(ctx, t, d, kv.Key, row))
	}
	return errors.Join(errs...)
}

// isSeated reports whether somebody has taken a seat and was confirmed.
func (t *Topic) isSeated(seat []byte) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.state != nil && len(seat) == len(Writer{}) && slices.ContainsFunc(t.state.SeatedBy(Writer(seat)), t.state.IsConfirmed)
}

// handTopic sends a few letters about one topic, and notes how far it came.
func (n *Node) handTopic(ctx context.Context, t *Topic, d deviceRow, key string, row handRow) error {
	l, err := identity.ParseLink(d.Link)
	if err != nil {
		return fmt.Errorf("%w: a device's link", ErrDamaged)
	}
	address, _ := addressOf(l)
	devices, keepers := n.post.remember(l)
	for range handAtOnce {
		texts, next, err := t.textsFrom(row)
		if err != nil {
			return err
		}
		if len(texts) > 0 {
			to := mailbox.Delivery{To: address, Keep: handKept, Keepers: slices.Concat(devices, keepers), Copies: 1}
			content, err := letter.Letter{Topic: t.id, Texts: &letter.Texts{Token: [letter.SecretSize]byte(d.Token), Items: texts}}.Encode()
			if err != nil {
				return err
			}
			mail, err := seal.SealLetter(l.Prekey, content)
			if err != nil {
				return err
			}
			to.Mails = [][]byte{mail}
			if kept, _ := n.put(ctx, to); len(kept) == 0 {
				return nil // it is away, or busy: another time
			}
		}
		row = next
		if int(row.Lane) >= len(handLanes) {
			return n.drop(ctx, key)
		}
		value, err := record.EncodeBody(row)
		if err == nil {
			err = n.commit(ctx, storage.Batch{State: []storage.KV{{Key: key, Value: value}}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// textsFrom returns the next texts to hand over, as many as go into a letter.
func (t *Topic) textsFrom(row handRow) (texts []letter.Text, next handRow, err error) {
	var before *storage.Pos
	if len(row.Before) > 0 {
		pos, err := parsePos(string(row.Before))
		if err != nil {
			return nil, row, fmt.Errorf("%w: how far a topic was handed over", ErrDamaged)
		}
		before = &pos
	}
	next = handRow{Lane: row.Lane + 1} // unless there is more
	size, looked := 0, 0
	var failed error
	err = t.walk(handLanes[row.Lane], nil, before, func(s storage.Record) bool {
		inside, err := t.inside(record.ID(s.ID))
		if failed = err; err != nil {
			return false
		}
		last := posText(posOf(s))
		if inside.Closed == 0 {
			if size += len(inside.Body) + textOverheads; size > letterRoom && len(texts) > 0 {
				next.Lane = row.Lane
				return false
			}
			texts = append(texts, letter.Text{ID: record.ID(s.ID), Kind: inside.Kind, Body: inside.Body})
		}
		looked++
		next.Before = []byte(last)
		if len(texts) == letter.MaxTexts || looked == handLooked {
			next.Lane = row.Lane
			return false
		}
		return true
	})
	if next.Lane != row.Lane {
		next.Before = nil
	}
	return texts, next, errors.Join(err, failed)
}

// takeTexts takes in what another device of this person has read. What opened here
// stays as it is.
func (n *Node) takeTexts(ctx context.Context, id TopicID, x *letter.Texts) error {
	token, err := n.store.State(keyHandover)
	if err != nil || subtle.ConstantTimeCompare(token, x.Token[:]) != 1 {
		n.log.Debug("node: texts by nobody who may hand them over")
		return nil
	}
	t, err := n.Topic(id)
	if err != nil || t.sealing == nil {
		return nil
	}
	return t.sealing.takeTexts(ctx, x.Items)
}

func (s *sealing) takeTexts(ctx context.Context, texts []letter.Text) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b storage.Batch
	var done opened
	var gone []record.ID
	for _, x := range texts {
		if row, err := s.t.inside(x.ID); err != nil || row.Closed == 0 || row.Closed == ClosedFaded {
			if err != nil {
				return err
			}
			continue
		}
		row := openRow{Kind: x.Kind, Body: x.Body}
		kv, err := openKV(s.t.id, x.ID, row)
		if err != nil {
			return err
		}
		b.State = append(b.State, kv)
		stored, err := s.t.node.store.Get(s.t.space(), storage.ID(x.ID))
		if errors.Is(err, storage.ErrNotFound) {
			continue // it is told of when it comes
		}
		if err != nil {
			return err
		}
		r, err := s.t.open(stored)
		if err != nil {
			return err
		}
		b.State = append(b.State, pendKV(s.t.id, placeOf(r), true))
		gone = append(gone, x.ID)
		done.show(s.t, &b, r, row)
	}
	if len(b.State) == 0 {
		return nil
	}
	if err := s.t.node.commit(ctx, b); err != nil {
		return err
	}
	for _, id := range gone {
		delete(s.due, id)
		delete(s.stuck, id)
	}
	done.tell(s.t)
	return nil
}
