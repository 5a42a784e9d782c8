package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/seal"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// What is kept of a sealed topic beside its records. Each is followed by the
// topic's id and a slash.
const (
	prefixSeal = "seal/" // begin of this device's key here, row of the session -> its value
	prefixPend = "pend/" // time and id of a record that is still to be opened
	prefixOpen = "open/" // record id -> openRow
)

// Of one transaction in which records are opened. One epoch changes up to about
// 520 rows.
const (
	atOnce       = 128  // records
	maxOpenItems = 1200 // rows that may have changed, before the last record
	maxStateRow  = 400  // bytes of a session's row; an average one has less
)

// sealing opens and seals the records of a sealed topic. A record that is to be
// opened is first stored, with a mark that it is pending; what opening it yields
// and changes is stored in one transaction with the mark's end. So nothing is
// lost or used twice wherever the program stops.
type sealing struct {
	t *Topic

	mu      sync.Mutex    // held until what a use of session brings is stored; behind Topic.writeMu
	session *seal.Session // nil where it must be loaded
	seat    *seal.Session // reads what was sealed to the seat that this device took in a direct topic; nil for none
	stuck   map[record.ID]storage.Pos
	due     map[record.ID]storage.Pos // pending, and not offered since it came or something new did
	met     map[Writer]struct{}       // newcomers whose first keys the session has
	size    int                       // members
}

// openRow is what a sealed record holds, or why that cannot be read.
type openRow struct {
	Kind   record.Kind `cbor:"1,keyasint,omitempty"`
	Body   []byte      `cbor:"2,keyasint,omitempty"`
	Closed Closed      `cbor:"3,keyasint,omitempty"`
}

// inner is the plaintext of a sealed record: a kind and a body as records of
// other topics have them (PROTOCOL.md §11).
type inner struct {
	_    struct{} `cbor:",toarray"`
	Kind record.Kind
	Body []byte
}

// outerOf is the kind under which something is sealed: what people read is told
// apart from the rest, because retention and unread counts need that.
func outerOf(k record.Kind) record.Kind {
	if k == record.KindPost {
		return record.KindSealed
	}
	return record.KindKeys
}

func isSealed(k record.Kind) bool { return k == record.KindKeys || k == record.KindSealed }

// checkSealed reads a sealed body as far as one can who has no key.
func checkSealed(body []byte) error {
	if err := seal.Check(body); errors.Is(err, seal.ErrForm) {
		return fmt.Errorf("%w: %v", record.ErrForm, err)
	}
	return nil // of a later version, perhaps
}

// newSealing reads what is pending.
func newSealing(t *Topic) (*sealing, error) {
	s := &sealing{t: t, stuck: map[record.ID]storage.Pos{}, due: map[record.ID]storage.Pos{}, met: map[Writer]struct{}{}}
	rows, err := t.node.store.ListState(prefixPend + t.id.String() + "/")
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	for _, kv := range rows {
		pos, err := parsePos(kv.Key[strings.LastIndexByte(kv.Key, '/')+1:])
		if err != nil {
			return nil, fmt.Errorf("%w: a pending record's name", ErrDamaged)
		}
		s.due[record.ID(pos.ID)] = pos
	}
	return s, nil
}

// sealPrefix begins the names of a session's rows.
func sealPrefix(t TopicID, me Writer) string {
	return prefixSeal + t.String() + "/" + hex.EncodeToString(me[:8]) + "/"
}

// pendKV marks a record as pending; done takes the mark away.
func pendKV(t TopicID, pos storage.Pos, done bool) storage.KV {
	kv := storage.KV{Key: prefixPend + t.String() + "/" + posText(pos), Value: []byte{1}}
	if done {
		kv.Value = nil
	}
	return kv
}

func openKey(t TopicID, id record.ID) string { return prefixOpen + t.String() + "/" + id.String() }

func openKV(t TopicID, id record.ID, row openRow) (storage.KV, error) {
	value, err := record.EncodeBody(row)
	return storage.KV{Key: openKey(t, id), Value: value}, err
}

// sealRows are the session's rows in the store.
type sealRows struct {
	store  *storage.Store
	prefix string
}

// Get implements seal.Rows.
func (r sealRows) Get(key []byte) ([]byte, error) {
	value, err := r.store.State(r.prefix + string(key))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return value, err
}

// Scan implements seal.Rows.
func (r sealRows) Scan(prefix []byte, f func(key, value []byte) error) error {
	rows, err := r.store.ListState(r.prefix + string(prefix))
	for _, kv := range rows {
		if err == nil {
			err = f([]byte(kv.Key[len(r.prefix):]), kv.Value)
		}
	}
	return err
}

// use returns the session with the present membership. The caller holds s.mu.
func (s *sealing) use(now int64) (*seal.Session, error) {
	t := s.t
	t.mu.RLock()
	kind := t.state.Kind()
	members, removed := t.state.Members(now)
	admitted := t.row.Admitted
	past := seal.Past{All: t.state.Settings().Past == PastAll, Last: max(t.state.Settings().Past, 0)}
	t.mu.RUnlock()
	if s.session == nil {
		var err error
		s.session, err = s.load(t.me, seal.Config{Topic: seal.Topic(t.id), Self: seal.Writer(t.me), Kind: sealKind(kind)}, now)
		if err != nil {
			return nil, err
		}
	}
	if err := s.useSeat(now); err != nil {
		return nil, err
	}
	s.size = len(members)
	err := s.session.SetPast(past)
	if err == nil && admitted {
		err = s.setMembers(members, removed, now)
	}
	if err != nil {
		s.spoil()
		return nil, fmt.Errorf("node: %w", err)
	}
	return s.session, nil
}

// useSeat opens the session of the seat, if this device took one.
func (s *sealing) useSeat(now int64) error {
	s.t.mu.RLock()
	row := s.t.row.SeatKey
	s.t.mu.RUnlock()
	if s.seat != nil || len(row) != 64 {
		return nil
	}
	self := Writer(row[:32])
	prekey, err := seal.PrekeyFrom([32]byte(row[32:]))
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	s.seat, err = s.load(self, seal.Config{Topic: seal.Topic(s.t.id), Self: seal.Writer(self), Kind: seal.Direct, Prekey: &prekey}, now)
	return err
}

// load takes a session up from its rows, or begins it.
func (s *sealing) load(self Writer, c seal.Config, now int64) (*seal.Session, error) {
	rows := sealRows{s.t.node.store, sealPrefix(s.t.id, self)}
	any, err := s.t.node.store.ListState(rows.prefix + "h")
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	var session *seal.Session
	if len(any) > 0 {
		session, err = seal.Load(rows)
	} else {
		session, err = seal.New(c, rows, now)
	}
	if err != nil {
		return nil, fmt.Errorf("node: open the keys of topic %s: %w", s.t.id, err)
	}
	return session, nil
}

// setMembers tells the session who belongs to the topic, and what newcomers came with.
func (s *sealing) setMembers(members []topic.Member, removed []Writer, now int64) error {
	var m seal.Membership
	for _, w := range members {
		if w.Seat && s.t.row.WhomKey == nil { // nobody reads under it, and it never has a prekey
			continue
		}
		m.Present = append(m.Present, seal.Writer(w.Key))
		if w.Seat { // of a direct topic: the other has not been here yet, and a link gave its key
			if err := s.session.AddPrekey(seal.Writer(w.Key), s.t.row.WhomKey, now); err != nil {
				return err
			}
		}
		if _, known := s.met[w.Key]; known || w.Keys == nil || w.Key == s.t.me {
			continue
		}
		s.met[w.Key] = struct{}{}
		if _, err := s.session.Receive(seal.Record{Writer: seal.Writer(w.Key), Time: now, Body: w.Keys}, now); err != nil {
			s.t.node.log.Debug("node: the keys of a newcomer", "topic", s.t.id, "writer", w.Key, "err", err)
		}
	}
	for _, w := range removed {
		m.Removed = append(m.Removed, seal.Writer(w))
	}
	s.t.mu.RLock()
	for _, f := range s.t.row.Former {
		if len(f) == len(Writer{}) {
			m.Former = append(m.Former, seal.Writer(f))
		}
	}
	s.t.mu.RUnlock()
	return s.session.SetMembers(m, now)
}

func sealKind(k Kind) seal.Kind {
	if k == topic.Direct {
		return seal.Direct
	}
	return seal.Private
}

// keep adds to b what the session has changed. The caller holds s.mu, stores b
// before the session is used again, and calls spoil where that fails.
func (s *sealing) keep(b *storage.Batch) {
	add := func(session *seal.Session, self Writer) {
		prefix := sealPrefix(s.t.id, self)
		for _, row := range session.Changes() {
			b.State = append(b.State, storage.KV{Key: prefix + string(row.Key), Value: row.Value})
		}
	}
	add(s.session, s.t.me)
	if s.seat != nil {
		add(s.seat, Writer(s.t.row.SeatKey[:32]))
	}
}

// spoil makes the session be loaded again: what it did is not on disk.
func (s *sealing) spoil() {
	s.session, s.seat = nil, nil
	clear(s.met)
}

func offered(r *record.Record) seal.Record {
	body, _ := r.Body()
	return seal.Record{ID: seal.RecordID(r.ID()), Writer: seal.Writer(r.Writer), Seq: r.Seq, Time: r.Time, Body: body, Aside: r.Kind != record.KindSealed}
}

// came notes a record that was stored with its mark.
func (s *sealing) came(pos storage.Pos) {
	s.mu.Lock()
	s.due[record.ID(pos.ID)] = pos
	s.mu.Unlock()
}

// seals returns what seals and opens the topic's records, nil where it is not
// sealed or not known yet.
func (t *Topic) seals() *sealing {
	if !t.isReady() {
		return nil
	}
	return t.sealing
}

func placeOf(r *record.Record) storage.Pos { return storage.Pos{Time: r.Time, ID: storage.ID(r.ID())} }

// openAll opens what is pending, as far as that goes.
func (s *sealing) openAll(ctx context.Context) error {
	for more := true; more; {
		past, rest, err := s.openSome(ctx)
		if err == nil && past {
			err = s.t.offerAgain(ctx)
		}
		if err != nil {
			return err
		}
		more = rest || past
	}
	return nil
}

// openSome opens a few of the records that are due, the oldest first, and
// reports whether there may be more. past says that what was closed may open now.
func (s *sealing) openSome(ctx context.Context) (past, more bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 {
		return false, false, nil
	}
	todo := make([]storage.Pos, 0, len(s.due))
	for _, pos := range s.due {
		todo = append(todo, pos)
	}
	slices.SortFunc(todo, storage.Pos.Compare)
	todo = todo[:min(len(todo), atOnce)]
	session, err := s.use(time.Now().UnixMilli())
	if err != nil {
		return false, false, err
	}
	var b storage.Batch
	var done opened
	stuck := map[record.ID]storage.Pos{}
	unlocked, rows := false, 0
	for _, pos := range todo {
		id := record.ID(pos.ID)
		stored, err := s.t.node.store.Get(s.t.space(), pos.ID)
		if errors.Is(err, storage.ErrNotFound) { // gone meanwhile
			b.State = append(b.State, pendKV(s.t.id, pos, true))
			stuck[id] = storage.Pos{}
			continue
		}
		if err != nil {
			s.spoil()
			return false, false, fmt.Errorf("node: %w", err)
		}
		r, err := s.t.open(stored)
		if err != nil {
			s.spoil()
			return false, false, err
		}
		if row, err := s.t.inside(id); err == nil && row.Closed == 0 { // it came twice, or its text came first
			b.State = append(b.State, pendKV(s.t.id, pos, true))
			stuck[id] = storage.Pos{}
			done.show(s.t, &b, r, row)
			continue
		}
		news, err := s.receive(session, r)
		// Keys may open others that wait, or show that they never open.
		unlocked = unlocked || len(news.Epochs) > 0 || news.Plaintext == nil && !errors.Is(err, seal.ErrPending)
		past = past || news.Past
		rows += 6 + len(news.Epochs)*(s.size+8) + len(news.Records)
		closed, known := closedBy(err)
		if closed == ClosedForged {
			s.t.node.log.Warn("node: a sealed record does not open", "topic", s.t.id, "record", id, "writer", r.Writer, "seq", r.Seq, "err", err)
		}
		switch {
		case errors.Is(err, seal.ErrPending):
			stuck[id] = pos
			continue
		case errors.Is(err, seal.ErrOwn): // written here, its text is kept already
		case !known:
			s.spoil()
			return false, false, fmt.Errorf("node: open record %s: %w", id, err)
		default:
			if err := done.add(s.t, &b, r, news.Plaintext, closed); err != nil {
				s.spoil()
				return false, false, err
			}
		}
		b.State = append(b.State, pendKV(s.t.id, pos, true))
		stuck[id] = storage.Pos{}
		if done.settled || rows > maxOpenItems || rows*maxStateRow+done.size > maxCommit {
			break // the rest with the next transaction; the session is to hear of new settings first
		}
	}
	s.keep(&b)
	if len(b.State) > 0 {
		if err := s.t.node.commit(ctx, b); err != nil {
			s.spoil()
			return false, false, fmt.Errorf("node: keep what was opened: %w", err)
		}
	}
	for id, pos := range stuck {
		delete(s.due, id)
		if pos != (storage.Pos{}) {
			s.stuck[id] = pos
		}
	}
	if unlocked || done.settled {
		for id, pos := range s.stuck {
			s.due[id] = pos
		}
		clear(s.stuck)
	}
	done.tell(s.t)
	return past, len(s.due) > 0, nil
}

// receive offers a record to the session, and to that of the seat.
func (s *sealing) receive(session *seal.Session, r *record.Record) (seal.News, error) {
	now := time.Now().UnixMilli()
	news, err := session.Receive(offered(r), now)
	if s.seat == nil || r.Writer == s.t.me {
		return news, err
	}
	early, seatErr := s.seat.Receive(offered(r), now)
	if _, known := closedBy(seatErr); !known && !errors.Is(seatErr, seal.ErrOwn) {
		return news, seatErr
	}
	news.Epochs = append(news.Epochs, early.Epochs...)
	if early.Plaintext != nil && news.Plaintext == nil {
		news.Plaintext, err = early.Plaintext, nil
	}
	return news, err
}

// opened is what a transaction opened.
type opened struct {
	rows    []openedRow
	size    int  // bytes of texts
	settled bool // there are settings among them
}

type openedRow struct {
	r   *record.Record
	row openRow
}

func (o *opened) add(t *Topic, b *storage.Batch, r *record.Record, plain []byte, closed Closed) error {
	if plain == nil && closed == 0 {
		return nil // keys without a text
	}
	row := openRow{Closed: closed}
	if closed == 0 {
		var in inner
		if err := record.DecodeBody(plain, &in); err != nil {
			row.Closed = ClosedForged
		} else {
			row.Kind, row.Body = in.Kind, in.Body
		}
	}
	if row.Closed != 0 && r.Kind != record.KindSealed {
		return nil // nobody reads it
	}
	if r.Kind == record.KindSealed && t.isFaded(r) {
		row = openRow{Closed: ClosedFaded}
	}
	kv, err := openKV(t.id, r.ID(), row)
	if err != nil {
		return err
	}
	b.State = append(b.State, kv)
	o.show(t, b, r, row)
	o.size += len(kv.Value)
	return nil
}

// show has b say what can be read now.
func (o *opened) show(t *Topic, b *storage.Batch, r *record.Record, row openRow) {
	if r.Kind == record.KindSealed {
		b.Events = append(b.Events, encodeEvent(MessageCreated, t.id, r.ID()))
	}
	o.rows = append(o.rows, openedRow{r, row})
	o.settled = o.settled || row.Kind == record.KindSettings
}

// tell brings the topic's memory up to what was opened.
func (o *opened) tell(t *Topic) {
	if len(o.rows) == 0 {
		return
	}
	poke(t.locks)
	t.mu.Lock()
	for _, x := range o.rows {
		t.applyInner(x.r, x.row)
		if x.r.Kind == record.KindSealed {
			t.unreadStale = true
			t.last = nil
		}
	}
	t.mu.Unlock()
	t.node.bell.topic(t.id)
}

// Closed says why a sealed message cannot be read. Zero is that it can.
type Closed uint8

// Reasons. The numbers are on disk.
const (
	ClosedPending Closed = 1 // its key has not arrived yet
	ClosedBefore  Closed = 2 // written before this device belonged to the topic
	ClosedErased  Closed = 3 // its key was erased: too old, or read on a copy of this device
	ClosedLost    Closed = 4 // sealed to a key that this device has no more
	ClosedForged  Closed = 5 // its writer sealed nonsense
	ClosedFaded   Closed = 6 // it has disappeared, or is not kept here any more
)

// closedBy tells what an error of Receive means for the reader; known is false
// for errors that are not the record's.
func closedBy(err error) (c Closed, known bool) {
	switch {
	case err == nil:
		return 0, true
	case errors.Is(err, seal.ErrPending):
		return ClosedPending, true
	case errors.Is(err, seal.ErrNotForMe):
		return ClosedBefore, true
	case errors.Is(err, seal.ErrExpired):
		return ClosedErased, true
	case errors.Is(err, seal.ErrLost):
		return ClosedLost, true
	case errors.Is(err, seal.ErrForged), errors.Is(err, seal.ErrForm), errors.Is(err, seal.ErrVersion), errors.Is(err, seal.ErrLimit):
		return ClosedForged, true
	}
	return 0, false
}

// inside returns what a sealed record holds.
func (t *Topic) inside(id record.ID) (openRow, error) {
	value, err := t.node.store.State(openKey(t.id, id))
	if errors.Is(err, storage.ErrNotFound) {
		return openRow{Closed: ClosedPending}, nil
	}
	var row openRow
	if err == nil {
		err = record.DecodeBody(value, &row)
	}
	return row, err
}

// offerAgain marks what could not be read as pending once more.
func (t *Topic) offerAgain(ctx context.Context) error {
	for _, lane := range []storage.Lane{laneOps, lanePosts} {
		var all []storage.Pos
		err := t.walk(lane, nil, nil, func(s storage.Record) bool {
			r, err := t.open(s)
			if err != nil || !isSealed(r.Kind) {
				return true
			}
			body, _ := r.Body()
			if _, text := seal.RefOf(body); !text {
				return true
			}
			if row, err := t.inside(r.ID()); err == nil && row.Closed != 0 && row.Closed != ClosedForged && row.Closed != ClosedFaded {
				all = append(all, placeOf(r))
			}
			return true
		})
		if err != nil {
			return err
		}
		for some := range slices.Chunk(all, atOnce) {
			var b storage.Batch
			for _, pos := range some {
				b.State = append(b.State, pendKV(t.id, pos, false))
			}
			if err := t.node.commit(ctx, b); err != nil {
				return err
			}
			for _, pos := range some {
				t.sealing.came(pos)
			}
		}
	}
	return nil
}

// showSealed fills in the text of a sealed message.
func (t *Topic) showSealed(m *Message) error {
	row, err := t.inside(m.ID)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if m.Closed = row.Closed; m.Closed != 0 {
		return nil
	}
	if row.Kind != record.KindPost {
		m.Closed = ClosedForged // of a later version, perhaps
		return nil
	}
	p, err := message.Open(row.Body)
	if err != nil {
		m.Closed = ClosedForged
		return nil
	}
	m.Text, m.ReplyTo, m.Links = p.Text, p.ReplyTo, message.Links(p.Text)
	return nil
}

// keysOf says what a record of kind keys is to hold.
type keysOf uint8

const (
	keysPrekey keysOf = 0
	keysEpoch  keysOf = 1 // a prekey if no epoch is due
	keysPast   keysOf = 2
	keysAnew   keysOf = 3 // an epoch, also if none is due
)

// addSealed seals e and signs what carries it. The caller holds sealing.mu.
func (w *writing) addSealed(e *entry) (RecordID, error) {
	s := w.t.sealing
	now := w.time()
	session, err := s.use(now)
	if err != nil {
		return RecordID{}, err
	}
	d := seal.Draft{Seq: w.head.Seq + 1, Time: now}
	var bodies [][]byte
	switch {
	case e.kind != record.KindKeys:
		if d.Text, err = record.EncodeBody(inner{Kind: e.kind, Body: e.body}); err == nil {
			bodies, err = session.Seal(d)
		}
	case e.keys == keysPast:
		bodies, err = session.Past(seal.Writer(e.whom))
	case e.keys == keysAnew || e.keys == keysEpoch && session.Due(now).Epoch != seal.NotDue:
		bodies, err = session.Start(d)
	default:
		var body []byte
		if body, err = session.Announce(now); err == nil {
			bodies = [][]byte{body}
		}
	}
	if err != nil {
		s.spoil()
		if errors.Is(err, seal.ErrLimit) && len(d.Text) > seal.MaxPlaintext {
			err = ErrLong
		}
		if errors.Is(err, seal.ErrNoPrekey) {
			return RecordID{}, ErrNoKey
		}
		return RecordID{}, fmt.Errorf("node: seal: %w", err)
	}
	var id RecordID
	for i, body := range bodies {
		kind := record.KindKeys
		if i == len(bodies)-1 && e.kind != record.KindKeys {
			kind = outerOf(e.kind)
		}
		if id, err = w.sign(kind, body); err != nil {
			s.spoil()
			return RecordID{}, err
		}
		r := w.records[len(w.records)-1]
		if _, err := session.Receive(offered(r), now); err != nil && !errors.Is(err, seal.ErrOwn) {
			s.spoil()
			return RecordID{}, fmt.Errorf("node: take in an own record: %w", err)
		}
	}
	if e.kind == record.KindKeys {
		return id, nil
	}
	row := openRow{Kind: e.kind, Body: e.body}
	kv, err := openKV(w.t.id, id, row)
	if err != nil {
		s.spoil()
		return RecordID{}, err
	}
	w.batch.State = append(w.batch.State, kv)
	if kv := outerOf(e.kind); kv == record.KindSealed {
		w.batch.Events = append(w.batch.Events, encodeEvent(MessageCreated, w.t.id, id))
	}
	w.opened.rows = append(w.opened.rows, openedRow{w.records[len(w.records)-1], row})
	return id, nil
}

// pend marks r in b as to be opened, and reports whether it is.
func (t *Topic) pend(b *storage.Batch, r *record.Record) bool {
	if !isSealed(r.Kind) {
		return false
	}
	t.mu.RLock()
	reads := t.state != nil && t.readsLocked()
	t.mu.RUnlock()
	if _, ok := r.Body(); !ok || !reads {
		return false
	}
	b.State = append(b.State, pendKV(t.id, placeOf(r), false))
	return true
}
