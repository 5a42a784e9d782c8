package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// maxTogether is how many own records are written in one transaction.
const maxTogether = 256

// maxNamed is how many records of others an own record names in After. The
// format allows four; each costs 34 bytes in every copy, and the newest one
// leads to those that it names itself.
const maxNamed = 1

// The key of who takes part comes with their first records, moments after it is
// known that they do.
const (
	keyWait = 10 * time.Second
	keyTick = 100 * time.Millisecond
)

// maxKey is the longest Draft.Key in bytes.
const maxKey = 256

// entry is an own record waiting to be written.
type entry struct {
	kind record.Kind
	body []byte
	once string // storage key of a onceRow, empty for none
	id   RecordID
	err  error
	done bool

	keys keysOf // of kind keys: what
	whom Writer // for whom, of a past
}

// onceRow remembers what a Draft.Key was used for.
type onceRow struct {
	ID   []byte `cbor:"1,keyasint"`
	Time int64  `cbor:"2,keyasint"` // ms since 1970
}

// Post writes a message. It is on this disk, synced, when the call returns, and
// goes out by itself as soon as somebody is there. Calls that come together
// share one sync. Where the others are known and none of their keys is, it waits
// for one, up to ten seconds. The error matches ErrMayNotPost, ErrNotReady, ErrNoKey,
// ErrEmpty, ErrLong or ErrDiskFull.
func (t *Topic) Post(ctx context.Context, d Draft) (RecordID, error) {
	body, err := message.Post{Text: d.Text, ReplyTo: d.ReplyTo}.Encode()
	if err != nil {
		return RecordID{}, err
	}
	once := ""
	if d.Key != "" {
		if len(d.Key) > maxKey {
			return RecordID{}, fmt.Errorf("node: Draft.Key is %d bytes, at most %d", len(d.Key), maxKey)
		}
		once = onceKey(t.id, d.Key)
	}
	for end := time.Now().Add(keyWait); ; {
		id, err := t.append(ctx, &entry{kind: record.KindPost, body: body, once: once})
		if !errors.Is(err, ErrNoKey) || time.Now().After(end) {
			return id, err
		}
		select {
		case <-time.After(keyTick):
		case <-ctx.Done():
			return id, err
		}
	}
}

// onceKey names the row of a Draft.Key.
func onceKey(id TopicID, key string) string {
	hash := sha256.Sum256(append(id[:], key...))
	return prefixOnce + record.ID(hash).String()
}

// TopicChange says what is to be different; nil leaves as it is.
type TopicChange struct {
	Name, Description *string
	// Past is how much of what was written before they came the newcomers of a
	// private topic may read: the last so many messages, at most MaxPast, PastAll,
	// or 0 for none. It holds for what is written from now on.
	Past *int
	// Fade is after what time messages that are written from now on disappear from
	// the computers of all who take part, in a private or direct topic; whole
	// seconds, up to MaxFade, 0 for never. It binds nobody who changes the program.
	Fade *time.Duration
}

// Change changes what the topic is called, and the like. The error matches
// ErrMayNotChange, ErrNotReady, ErrBadName or ErrNotSealed.
func (t *Topic) Change(ctx context.Context, c TopicChange) error {
	t.mu.RLock()
	state := t.state
	var s topic.Settings
	if state != nil {
		s = state.Settings()
	}
	t.mu.RUnlock()
	if state == nil {
		return ErrNotReady
	}
	var err error
	if c.Name != nil {
		if s.Name, err = topic.CleanName(*c.Name); err != nil {
			return err
		}
	}
	if c.Description != nil {
		if s.Description, err = topic.CleanDescription(*c.Description); err != nil {
			return err
		}
	}
	if c.Past != nil {
		if state.Kind() != topic.Private {
			return ErrNotSealed
		}
		if s.Past = *c.Past; s.Past < PastAll || s.Past > MaxPast {
			return fmt.Errorf("%w: newcomers may read 0 to %d messages, or all", ErrBadName, MaxPast)
		}
	}
	if c.Fade != nil {
		if !state.Kind().IsSealed() {
			return ErrNotSealed
		}
		seconds := int64(*c.Fade / time.Second)
		if seconds < 0 || seconds > topic.MaxFade || *c.Fade%time.Second != 0 {
			return fmt.Errorf("%w: messages disappear after whole seconds, ten years at most", ErrBadName)
		}
		if s.Fade == 0 {
			if s.Since, err = t.afterAll(); err != nil {
				return err
			}
		}
		s.Fade = seconds
	}
	if s.Fade > 0 && s.Past != 0 { // keys that are kept for newcomers would open them for ever
		return fmt.Errorf("%w: where messages disappear, newcomers cannot read what was written before they came", ErrBadName)
	}
	err = t.settle(ctx, s)
	if err == nil && c.Past != nil && *c.Past != 0 { // what keys newcomers are given begins with an epoch
		_, err = t.append(ctx, &entry{kind: record.KindKeys, keys: keysAnew})
	}
	return err
}

// afterAll returns a time, in ms since 1970, that is later than that of all
// records that are here and not earlier than now.
func (t *Topic) afterAll() (int64, error) {
	t.writeMu.Lock()
	at := t.head.Time
	t.writeMu.Unlock()
	last, err := t.lastMessage()
	if err != nil {
		return 0, err
	}
	if last != nil {
		at = max(at, last.Time.UnixMilli())
	}
	return max(at+1, time.Now().UnixMilli()), nil
}

// settle writes settings.
func (t *Topic) settle(ctx context.Context, s topic.Settings) error {
	body, err := record.EncodeBody(s)
	if err != nil {
		return err
	}
	_, err = t.append(ctx, &entry{kind: record.KindSettings, body: body})
	if errors.Is(err, ErrMayNotPost) {
		return ErrMayNotChange
	}
	return err
}

// append adds e to this device's chain. Whoever comes first writes for all who
// wait, in one transaction, so that the chain has no hole whatever fails.
func (t *Topic) append(ctx context.Context, e *entry) (RecordID, error) {
	if err := t.awaitKey(ctx); err != nil {
		return RecordID{}, err
	}
	t.pendingMu.Lock()
	t.pending = append(t.pending, e)
	t.pendingMu.Unlock()
	t.writeMu.Lock()
	next := t.next
	for !e.done && next == nil {
		t.pendingMu.Lock()
		n := t.together()
		batch := append([]*entry(nil), t.pending[:n]...)
		t.pending = append(t.pending[:0], t.pending[n:]...)
		t.pendingMu.Unlock()
		t.writeAll(ctx, batch)
	}
	t.writeMu.Unlock()
	if e.done {
		return e.id, e.err
	}
	successor, err := next.wait(ctx)
	if err != nil {
		return RecordID{}, err
	}
	return successor.append(ctx, e)
}

// awaitKey waits while this device's chain is forked and no new key has taken its
// place: what is written under the old one counts nowhere.
func (t *Topic) awaitKey(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		t.mu.RLock()
		forked := t.forks[t.me] != nil
		t.mu.RUnlock()
		t.writeMu.Lock()
		next := t.next
		t.writeMu.Unlock()
		if !forked || next != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.node.ctx.Done():
			return ErrClosed
		case <-tick.C:
		}
	}
}

// together returns how many of those who wait fit into one transaction. The
// caller holds pendingMu.
func (t *Topic) together() (n int) {
	each := 1024
	if t.seals() != nil {
		each = 8 << 10 // the rows of the session, prekeys, and the text once more
	}
	for size := 0; n < min(len(t.pending), maxTogether) && (n == 0 || size < maxCommit); n++ {
		size += 2*len(t.pending[n].body) + each
	}
	return n
}

// writeAll signs and stores a batch of entries. The caller holds writeMu.
func (t *Topic) writeAll(ctx context.Context, batch []*entry) {
	if s := t.seals(); s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for _, e := range batch {
		e.done = true
		if e.once != "" && e.err == nil {
			e.id, e.err = t.already(e.once)
		}
	}
	var w writing
	for _, e := range batch {
		if e.err == nil && e.id.IsZero() {
			if w.t == nil {
				w = t.startWriting()
			}
			w.add(e)
		}
	}
	if len(w.records) == 0 {
		return
	}
	// One caller's context must not undo what others wait for.
	if err := w.commit(context.WithoutCancel(ctx)); err != nil {
		for _, e := range w.entries {
			e.id, e.err = RecordID{}, fmt.Errorf("node: write: %w", err)
		}
	}
}

// already looks a Draft.Key up.
func (t *Topic) already(once string) (RecordID, error) {
	value, err := t.node.store.State(once)
	if errors.Is(err, storage.ErrNotFound) {
		return RecordID{}, nil
	}
	var row onceRow
	if err == nil {
		err = record.DecodeBody(value, &row)
	}
	if err != nil || len(row.ID) != 32 {
		return RecordID{}, err
	}
	return RecordID(row.ID), nil
}

// writing is a batch of own records on its way to disk.
type writing struct {
	t       *Topic
	entries []*entry
	records []*record.Record
	batch   storage.Batch
	head    storage.Head
	after   []record.ID // for the next record
	named   []record.ID // what the first record names
	name    string      // what to be introduced as
	intro   bool        // that is to be said first
	said    bool        // that was said in this batch
	members uint64      // who had ever been a member, of a sealed topic
	now     int64
	seen    int64  // newest time among the records of others
	opened  opened // own texts of a sealed topic
}

func (t *Topic) startWriting() writing {
	me := t.node.ownName()
	t.mu.RLock()
	defer t.mu.RUnlock()
	w := writing{t: t, head: t.head, now: time.Now().UnixMilli(), seen: t.seen, batch: storage.Batch{Durable: true}}
	w.named = slices.Clone(t.frontier)
	w.after = w.named
	if w.name, w.intro = me, t.mustIntroduce(me); t.sealing != nil {
		w.members = t.state.Joined()
	}
	return w
}

// add signs e as the next record, behind an intro if the name is new here.
func (w *writing) add(e *entry) {
	if w.intro && e.kind != record.KindGrant && e.keys != keysPast { // these come first, see confirmSeats
		body, err := w.t.introduction(w.name)
		if err == nil {
			_, err = w.put(&entry{kind: record.KindIntro, body: body})
		}
		if e.err = err; err != nil {
			return
		}
		w.intro, w.said = false, true
	}
	if e.id, e.err = w.put(e); e.err != nil {
		return
	}
	w.entries = append(w.entries, e)
	if e.once != "" {
		row, err := record.EncodeBody(onceRow{ID: e.id[:], Time: w.now})
		if err != nil {
			e.err = err
			return
		}
		w.batch.State = append(w.batch.State, storage.KV{Key: e.once, Value: row})
	}
}

// put signs e as it is, or sealed where the topic is and e is for members only.
func (w *writing) put(e *entry) (RecordID, error) {
	if w.t.seals() == nil || e.kind.IsOp() && e.kind != record.KindIntro && e.kind != record.KindSettings && e.kind != record.KindKeys {
		return w.sign(e.kind, e.body)
	}
	if err := w.t.mayWrite(record.Header{Kind: e.kind, Seq: w.head.Seq + 1, Time: w.time()}); err != nil {
		return RecordID{}, err
	}
	return w.addSealed(e)
}

func (w *writing) sign(kind record.Kind, body []byte) (RecordID, error) {
	h := record.Header{Topic: w.t.id, Seq: w.head.Seq + 1, Prev: record.ID(w.head.ID), After: w.after, Time: w.time(), Kind: kind}
	if err := w.t.mayWrite(h); err != nil {
		return RecordID{}, err
	}
	r, err := record.Sign(h, body, w.t.key)
	if err != nil {
		return RecordID{}, err
	}
	if kind == record.KindGrant || kind == record.KindRevoke {
		w.t.mu.RLock()
		err = w.t.state.Check(r)
		w.t.mu.RUnlock()
		if err != nil {
			return RecordID{}, ErrMayNotPost
		}
	}
	w.after = nil
	w.head.Seq, w.head.ID, w.head.Time = h.Seq, storage.ID(r.ID()), h.Time
	w.records = append(w.records, r)
	w.batch.Puts = append(w.batch.Puts, storage.Put{Record: stored(r), Event: eventOf(r)})
	w.batch.State = append(w.batch.State, storage.KV{Key: outKey(r.TopicID(), r.Seq), Value: idBytes(r.ID())})
	return r.ID(), nil
}

// time is the clock, or just behind the record before and what others wrote:
// pages are ordered by time, and neither what one person wrote within a
// millisecond nor a quick answer may change places.
func (w *writing) time() int64 {
	next := w.head.Time + 1
	if next > w.now+maxRunAhead.Milliseconds() {
		next = w.head.Time // thousands a second for minutes: rather a tie than a time that others refuse
	}
	return max(w.now, w.seen+1, next)
}

// maxFollow is how far a clock that is fast leads the times of those who answer.
const maxFollow = time.Minute

// maxRunAhead keeps a burst's times well within record.MaxAhead.
const maxRunAhead = record.MaxAhead / 2

// mayWrite reports whether this device may write a record with header h.
func (t *Topic) mayWrite(h record.Header) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.state == nil {
		return ErrNotReady
	}
	need := topic.Writer
	switch h.Kind {
	case record.KindSettings, record.KindCheckpoint:
		need = topic.Admin
	case record.KindGrant, record.KindRevoke: // which may concern a device of one's own, see sign
		if t.sealing == nil {
			need = topic.Admin
		}
	}
	if t.state.Role(t.me, h.Seq, h.Time) < need {
		return ErrMayNotPost
	}
	if t.sealing != nil && !t.row.Admitted {
		return ErrNotYet
	}
	return nil
}

// commit puts the batch on disk, then takes it into memory and sends it out.
func (w *writing) commit(ctx context.Context) error {
	t := w.t
	if w.said {
		t.mu.Lock()
		row := t.row
		row.Introduced, row.ToMembers = w.name, w.members
		value, err := record.EncodeBody(row)
		t.mu.Unlock()
		if err != nil {
			return err
		}
		w.batch.State = append(w.batch.State, storage.KV{Key: prefixTopic + t.id.String(), Value: value})
	}
	if last := w.records[len(w.records)-1]; laneOf(last.Kind) == lanePosts {
		w.batch.State = append(w.batch.State, readKV(t.id, storage.Pos{Time: last.Time, ID: storage.ID(last.ID())}))
	}
	sealing := t.seals()
	if sealing != nil && sealing.session != nil {
		sealing.keep(&w.batch)
	}
	t.hold(w.records) // before anybody could ask
	outcomes, err := t.node.store.Commit(ctx, w.batch)
	if err != nil {
		for _, r := range w.records {
			t.release(r.ID())
		}
		if sealing != nil {
			sealing.spoil()
		}
		return err
	}
	for i, o := range outcomes {
		if o != storage.Stored {
			// Only a second program with this device's key could do that.
			return fmt.Errorf("%w: own record %d was there already", ErrDamaged, w.records[i].Seq)
		}
	}
	w.head.Count = t.head.Count + uint64(len(w.records))
	t.head = w.head
	t.mu.Lock()
	t.frontier = slices.DeleteFunc(t.frontier, func(id record.ID) bool { return slices.Contains(w.named, id) })
	if w.said {
		t.row.Introduced, t.row.ToMembers = w.name, w.members
	}
	for _, r := range w.records {
		t.recent.add(r)
		t.tookLocked(r)
	}
	t.mu.Unlock()
	w.opened.tell(t)
	t.outbox.add(w.records)
	t.node.bell.journal()
	return nil
}
