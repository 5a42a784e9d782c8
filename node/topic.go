package node

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/pubsub"
	"github.com/linnet-im/linnet/storage"
)

// Lanes of a topic in storage. The numbers are on disk.
const (
	laneOps   storage.Lane = 1 // what changes the topic
	lanePosts storage.Lane = 2 // what people read
	laneOther storage.Lane = 3 // content of kinds that this version does not know
	laneMarks storage.Lane = 4 // checkpoints
	laneAside storage.Lane = 5 // what a writer signed from a fork on
)

func laneOf(k record.Kind) storage.Lane {
	switch {
	case k == record.KindCheckpoint:
		return laneMarks
	case k.IsOp():
		return laneOps
	case k == record.KindPost || k == record.KindSealed:
		return lanePosts
	}
	return laneOther
}

// maxDraft bounds a text that was not sent yet, in bytes; more than fits a message, so that nothing typed is lost.
const maxDraft = 4 * message.MaxText

// maxUnread is how far unread messages are counted.
const maxUnread = 1000

// topicRow is what the node itself keeps about a topic.
type topicRow struct {
	Joined     int64        `cbor:"1,keyasint"` // ms since 1970
	Kind       Kind         `cbor:"2,keyasint"` // as the link claimed, until the genesis is here
	Name       string       `cbor:"3,keyasint"` // likewise
	Writer     []byte       `cbor:"4,keyasint"` // seed of this device's key here
	Contacts   []contactRow `cbor:"5,keyasint,omitempty"`
	Introduced string       `cbor:"6,keyasint,omitempty"`  // the name last said here
	ToMembers  uint64       `cbor:"11,keyasint,omitempty"` // how many had ever been members then
	Whom       []byte       `cbor:"13,keyasint,omitempty"` // of a direct topic: the other person's account
	WhomKey    []byte       `cbor:"14,keyasint,omitempty"` // a prekey of that person, for the seat
	SeatKey    []byte       `cbor:"15,keyasint,omitempty"` // the seat that this device took in a direct topic, and the seed of the prekey that was sealed to it
	Root       []byte       `cbor:"17,keyasint,omitempty"` // seed of the root key, where it does not follow from the account
	Acked      uint64       `cbor:"16,keyasint,omitempty"` // of a direct topic: the other person's device has own records up to this
	Admitted   bool         `cbor:"12,keyasint,omitempty"` // may seal to the members of a sealed topic, see admit
	Keep       Keep         `cbor:"8,keyasint,omitempty"`  // what is kept here
	Seat       []byte       `cbor:"9,keyasint,omitempty"`  // seed of a seat to take
	Refused    bool         `cbor:"10,keyasint,omitempty"` // it was taken by somebody else
	Former     [][]byte     `cbor:"20,keyasint,omitempty"` // writers that this person was on devices before a restore
	Carried    int64        `cbor:"22,keyasint,omitempty"` // ms since 1970 when a guest of this bridge last asked to keep it; 0: the person follows it
	Regain     bool         `cbor:"21,keyasint,omitempty"` // came out of a backup, and the topic is this person's: see regain
}

// Topic is a conversation that this node follows.
type Topic struct {
	node     *Node
	id       TopicID
	key      ed25519.PrivateKey
	me       Writer
	gossip   *pubsub.Topic
	outbox   *outbox
	repair   *history.Repairer
	ctx      context.Context // ends when the topic is left or the node closed
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	ready    chan struct{} // closed when the genesis is here
	asks     chan struct{} // tells askAround that the followers changed
	chores   chan struct{} // tells tend that there is something to do
	locks    chan struct{} // the same for tendLocks
	awaiting chan struct{} // one for each record that waits for the genesis

	recent recent
	heads  heads

	muted     bool                // of a direct topic: the other person is blocked
	toldForks map[string]int      // how many forks a peer was told of
	held      map[record.ID]held  // own records that nobody is to see yet
	hide      *bool               // whether origins are hidden, nil as the kind has it
	readTo    uint64              // of a direct topic: the other has read own records up to that
	devices   []string            // of a direct topic: peer ids of the other person's
	acks      map[uint64]struct{} // own records that these have, above row.Acked
	people    map[Writer]person   // of a sealed topic, who has said so; guarded by mu
	sealing   *sealing            // nil in a topic that is not sealed, or not known yet; set once, before ready is closed

	opened   time.Time
	compared atomic.Bool // with a follower, since it was opened

	pendingMu sync.Mutex
	pending   []*entry   // own records waiting to be written
	writeMu   sync.Mutex // held by the call that writes for all; guards head
	next      *successor // under another key; guarded by writeMu
	renewing  atomic.Bool
	rootMu    sync.Mutex // held while the root key signs
	head      storage.Head

	mu       sync.RWMutex // guards what follows
	row      topicRow
	state    *topic.State // nil while waiting for the genesis
	forks    map[Writer]*fork
	parked   parked
	vouched  vouched
	frontier []record.ID  // newest records of others that no own record names yet
	seen     int64        // newest time of a record of others that came since the start, ms since 1970
	last     *Message     // newest message, nil where it must be read anew
	read     *storage.Pos // how far the person has read, nil for nowhere
	unread   int
	draft    string
	unseen   map[record.ID]time.Time // named by others and not here, since when
	standing *standing               // what complete worked out last
	shedTo   storage.Pos             // texts up to here are not kept

	nudgedAt time.Time           // when a follower on a limited line was last told of news
	told     map[string]struct{} // peers of whom it is known without gossip that they follow it, see narrow

	unreadStale bool       // unread must be counted anew
	freezing    sync.Mutex // held while a fork is taken in
}

// addTopic makes the topic in store and memory and starts it. genesis is nil
// for one that is still to be fetched.
func (n *Node) addTopic(ctx context.Context, id TopicID, row topicRow, genesis *record.Record) (*Topic, error) {
	if existing, err := n.Topic(id); err == nil {
		return existing, nil
	}
	value, err := record.EncodeBody(row)
	if err != nil {
		return nil, err
	}
	b := storage.Batch{
		Durable: true,
		State:   []storage.KV{{Key: prefixTopic + id.String(), Value: value}},
		Events:  [][]byte{encodeEvent(TopicCreated, id, RecordID{})},
	}
	if genesis != nil {
		b.Puts = []storage.Put{{Record: stored(genesis)}}
	}
	if err := n.commit(ctx, b); err != nil {
		return nil, fmt.Errorf("node: store the topic: %w", err)
	}
	defer poke(n.spare.wake)
	return n.openTopic(id, row, nil)
}

// openTopics starts every topic of the store.
func (n *Node) openTopics() error {
	rows, err := n.store.ListState(prefixTopic)
	if err != nil {
		return fmt.Errorf("node: read the topics: %w", err)
	}
	for _, kv := range rows {
		id, err := record.ParseTopicID(kv.Key[len(prefixTopic):])
		var row topicRow
		if err == nil {
			err = record.DecodeBody(kv.Value, &row)
		}
		if err == nil {
			_, err = n.openTopic(id, row, nil)
		}
		if err != nil {
			return fmt.Errorf("node: open topic %s: %w", kv.Key[len(prefixTopic):], err)
		}
	}
	return nil
}

// openTopic loads a topic from the store and joins its mesh. It takes the place
// of instead, which was closed, or is nil.
func (n *Node) openTopic(id TopicID, row topicRow, instead *Topic) (*Topic, error) {
	if len(row.Writer) != identity.SeedSize {
		return nil, fmt.Errorf("%w: the writer key", ErrDamaged)
	}
	t := &Topic{
		node: n, id: id, row: row, key: ed25519.NewKeyFromSeed(row.Writer),
		ready: make(chan struct{}), asks: make(chan struct{}, 1), chores: make(chan struct{}, 1), locks: make(chan struct{}, 1), awaiting: make(chan struct{}, maxAwaiting),
		unseen: map[record.ID]time.Time{}, people: map[Writer]person{}, acks: map[uint64]struct{}{}, held: map[record.ID]held{}, toldForks: map[string]int{}, told: map[string]struct{}{},
	}
	t.me, t.opened = record.WriterOf(t.key), time.Now()
	t.ctx, t.cancel = context.WithCancel(n.ctx)
	t.repair = history.NewRepairer(n.asker, id, keeper{t}, func() { n.bell.topic(id) }, n.log)
	if err := t.load(); err != nil {
		t.cancel()
		return nil, err
	}
	var err error
	if t.outbox, err = newOutbox(t); err != nil {
		t.cancel()
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		t.cancel()
		return nil, ErrClosed
	}
	if existing := n.topics[id]; existing != instead {
		t.cancel()
		return existing, nil
	}
	if t.gossip, err = n.gossip.Join(gossipName(id), t.hear); err != nil {
		t.cancel()
		return nil, fmt.Errorf("node: join the mesh: %w", err)
	}
	n.topics[id], n.byGossip[gossipName(id)] = t, t
	t.wg.Go(t.outbox.run)
	t.wg.Go(t.outbox.confirm)
	t.wg.Go(t.askAround)
	t.wg.Go(t.tend)
	t.wg.Go(t.tendLocks)
	return t, nil
}

// load reads what a topic needs in memory. Its cost grows with the ops and not with the posts.
func (t *Topic) load() error {
	var err error
	if t.head, err = t.node.store.Head(t.space(), storage.Chain(t.me)); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if genesis, err := t.node.store.Get(t.space(), storage.ID(t.id)); err == nil {
		r, err := t.open(genesis)
		if err != nil {
			return err
		}
		if err := t.begin(r); err != nil {
			return err
		}
	} else if !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err := t.applyAll(); err != nil {
		return err
	}
	if err := errors.Join(t.loadForks(), t.loadMarks(), t.loadReadBy(), t.loadHide()); err != nil {
		return err
	}
	if draft, err := t.node.store.State(prefixDraft + t.id.String()); err == nil {
		t.draft = string(draft)
	}
	if b, err := t.node.store.State(prefixRead + t.id.String()); err == nil && len(b) == 40 {
		t.read = &storage.Pos{Time: int64(binary.BigEndian.Uint64(b)), ID: storage.ID(b[8:])}
	}
	if b, err := t.node.store.State(prefixShed + t.id.String()); err == nil && len(b) == 40 {
		t.shedTo = storage.Pos{Time: int64(binary.BigEndian.Uint64(b)), ID: storage.ID(b[8:])}
	}
	t.unreadStale = true
	return t.countUnread()
}

// countUnread counts anew where that is needed.
func (t *Topic) countUnread() error {
	t.mu.Lock()
	stale, read := t.unreadStale, t.read
	t.unreadStale = false
	t.mu.Unlock()
	if !stale {
		return nil
	}
	n, err := t.node.store.Count(t.space(), lanePosts, read, maxUnread)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unread = n; err != nil {
		t.unreadStale = true
	}
	return err
}

// applyAll folds every op of the store into the state.
func (t *Topic) applyAll() error {
	return t.eachOp(func(r *record.Record) bool {
		if r.Kind != record.KindGenesis {
			t.applyLocked(r)
		}
		if r.Kind == record.KindKeys {
			if row, err := t.inside(r.ID()); err == nil {
				t.applyInner(r, row)
			}
		}
		return true
	})
}

// isReady reports whether the genesis is here.
func (t *Topic) isReady() bool {
	select {
	case <-t.ready:
		return true
	default:
		return false
	}
}

// eachOp calls yield for every op in the store, oldest first, until it returns false.
func (t *Topic) eachOp(yield func(*record.Record) bool) error {
	const step = 500
	var after *storage.Pos
	for {
		page, err := t.node.store.Range(t.space(), laneOps, storage.Query{After: after, Limit: step})
		if err != nil {
			return err
		}
		for _, s := range page {
			r, err := t.open(s)
			if err != nil {
				t.node.log.Error("node: a stored op is damaged", "topic", t.id, "err", err)
				continue
			}
			if !yield(r) {
				return nil
			}
		}
		if len(page) < step {
			return nil
		}
		after = &storage.Pos{Time: page[len(page)-1].Time, ID: page[len(page)-1].ID}
	}
}

// open decodes a stored record and checks that it is what it is filed as: the
// store's encryption alone does not prove it.
func (t *Topic) open(s storage.Record) (*record.Record, error) {
	r, err := record.Decode(s.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: record %s: %w", ErrDamaged, record.ID(s.ID), err)
	}
	if storage.ID(r.ID()) != s.ID || r.TopicID() != t.id {
		return nil, fmt.Errorf("%w: record %s is filed as %s", ErrDamaged, r.ID(), record.ID(s.ID))
	}
	return r, nil
}

// begin takes the genesis. The caller holds t.mu, or is alone.
func (t *Topic) begin(genesis *record.Record) error {
	state, err := topic.NewState(genesis)
	if err != nil {
		return err
	}
	if state.Kind().IsSealed() {
		if t.sealing, err = newSealing(t); err != nil {
			return err
		}
	}
	t.state = state
	close(t.ready)
	return nil
}

// applyLocked folds an op of the store in.
func (t *Topic) applyLocked(r *record.Record) {
	if t.state == nil {
		return
	}
	poke(t.locks)
	if err := t.state.Apply(r); err != nil {
		t.node.log.Error("node: a stored op does not apply", "topic", t.id, "record", r.ID(), "err", err)
	}
}

// close leaves the mesh and waits for the topic's goroutines.
func (t *Topic) close() {
	t.cancel()
	if err := t.gossip.Close(); err != nil {
		t.node.log.Warn("node: leave the mesh", "topic", t.id, "err", err)
	}
	t.wg.Wait()
}

func (t *Topic) space() storage.Space { return storage.Space(t.id) }

// stored is how storage files a record.
func stored(r *record.Record) storage.Record {
	return storage.Record{
		Space: storage.Space(r.TopicID()), Lane: laneOf(r.Kind), Chain: storage.Chain(r.Writer),
		Seq: r.Seq, Time: r.Time, ID: storage.ID(r.ID()), Data: r.Bytes(),
	}
}

// ID returns the topic's id.
func (t *Topic) ID() TopicID { return t.id }

// Link returns what to send a person so that they can follow. It carries
// addresses at which this node can be reached.
func (t *Topic) Link() string { return t.link(reach.Contact{}) }

// link is Link with doors of this node's bridge.
func (t *Topic) link(doors reach.Contact) string {
	peers := append([]topic.Contact{t.node.selfBehind(doors)}, t.proven()...)
	t.mu.RLock()
	defer t.mu.RUnlock()
	l := topic.Link{Topic: t.id, Kind: t.row.Kind, Name: t.row.Name, Peers: peers}
	if t.state != nil {
		l.Kind, l.Name = t.state.Kind(), t.state.Name()
	}
	if l.Kind.IsSealed() {
		l.Name = ""
	}
	return l.String()
}

// proven returns a few other followers whom this node has reached on the internet
// itself, such as mirrors: whoever gets the link finds one of them where this node is
// behind a NAT, or away.
func (t *Topic) proven() (out []topic.Contact) {
	for _, p := range slices.Sorted(slices.Values(t.followers())) {
		if c, ok := t.node.host.Proven(p); ok {
			out = append(out, linkContact(c))
		}
		if len(out) == provenInLink {
			break
		}
	}
	return out
}

// provenInLink keeps links short.
const provenInLink = 2

// Info returns the topic as this node sees it now.
func (t *Topic) Info(ctx context.Context) (TopicInfo, error) {
	last, err := t.lastMessage()
	if err != nil {
		return TopicInfo{}, err
	}
	complete, err := t.complete()
	if err != nil {
		return TopicInfo{}, err
	}
	if err := t.countUnread(); err != nil {
		return TopicInfo{}, fmt.Errorf("node: %w", err)
	}
	info := TopicInfo{ID: t.id, Link: t.Link(), Followers: len(t.followers()), Last: last}
	seq := t.nextSeq()
	me := t.node.me()
	whom, err := t.node.personOf(t)
	called := ""
	if err == nil { // before t.mu is held
		info.Whom, called = whom, t.node.nameOf(whom)
		info.Live = t.node.liveOf(t.id)
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	info.Kind, info.Name, info.Joined = t.row.Kind, t.row.Name, time.UnixMilli(t.row.Joined)
	info.Unread, info.Draft, info.Carried = t.unread, t.draft, t.row.Carried != 0
	if t.read != nil {
		info.ReadUpTo = RecordID(t.read.ID)
	}
	info.Completeness, info.Keep, info.HidesOrigin = complete, t.row.Keep, t.hidesLocked()
	if t.state != nil {
		info.Kind, info.Description = t.state.Kind(), t.state.Description()
		if name := t.state.Name(); name != "" { // a sealed one may not have been read yet
			info.Name = name
		}
		if called != "" {
			info.Name = called
		}
		info.Created = time.UnixMilli(t.state.Created())
		info.Role = t.state.Role(t.me, seq, time.Now().UnixMilli())
		info.CanPost = info.Role >= topic.Writer
		if t.sealing != nil {
			info.Sealing = t.standsLocked(me, info.CanPost)
			info.CanPost = info.CanPost && t.row.Admitted
		}
	}
	return info, nil
}

// nextSeq is the number of this device's next record.
func (t *Topic) nextSeq() uint64 {
	t.writeMu.Lock()
	defer t.writeMu.Unlock()
	return t.head.Seq + 1
}

// activity is when something last happened, in ms since 1970.
func (t *Topic) activity() int64 {
	last, err := t.lastMessage()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if err == nil && last != nil {
		return max(last.Time.UnixMilli(), t.row.Joined)
	}
	return t.row.Joined
}

// keepContacts stays connected to those whom the link named.
func (t *Topic) keepContacts() {
	t.mu.RLock()
	contacts := t.row.Contacts
	t.mu.RUnlock()
	for _, c := range contacts {
		t.followContacts([]topic.Contact{topic.Contact(c)})
		if err := t.node.host.Keep(reach.Contact(c)); err != nil {
			t.node.log.Debug("node: contact of a topic", "err", err)
		}
	}
}

// rowKV is how the row is stored; the caller holds t.mu.
func (t *Topic) rowKV() (storage.KV, error) {
	value, err := record.EncodeBody(t.row)
	return storage.KV{Key: prefixTopic + t.id.String(), Value: value}, err
}

// saveRow changes the row and stores it.
func (t *Topic) saveRow(ctx context.Context, change func(*topicRow)) error {
	t.mu.Lock()
	change(&t.row)
	kv, err := t.rowKV()
	t.mu.Unlock()
	if err != nil {
		return err
	}
	return t.node.commit(ctx, storage.Batch{State: []storage.KV{kv}})
}

// MarkRead notes that the person has read up to a message.
func (t *Topic) MarkRead(ctx context.Context, upTo RecordID) error {
	s, err := t.node.store.Get(t.space(), storage.ID(upTo))
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: message %s", ErrNotFound, upTo)
	}
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	pos := storage.Pos{Time: s.Time, ID: s.ID}
	unread, err := t.node.store.Count(t.space(), lanePosts, &pos, maxUnread)
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	t.mu.Lock()
	if t.read != nil && posBefore(pos, *t.read) {
		t.mu.Unlock()
		return nil // read further already
	}
	t.read, t.unread = &pos, unread
	t.mu.Unlock()
	if err := t.node.commit(ctx, storage.Batch{State: []storage.KV{readKV(t.id, pos)}}); err != nil {
		return fmt.Errorf("node: keep the read mark: %w", err)
	}
	t.node.bell.topic(t.id)
	return nil
}

// readKV is how a read mark is stored: time (8, big-endian), id (32).
func readKV(id TopicID, pos storage.Pos) storage.KV {
	return storage.KV{Key: prefixRead + id.String(), Value: posBytes(pos)}
}

// SetDraft keeps a text that was not sent yet; an empty one is forgotten.
func (t *Topic) SetDraft(ctx context.Context, text string) error {
	if len(text) > maxDraft {
		return ErrLong
	}
	kv := storage.KV{Key: prefixDraft + t.id.String(), Value: []byte(text)}
	if text == "" {
		kv.Value = nil
	}
	if err := t.node.commit(ctx, storage.Batch{State: []storage.KV{kv}}); err != nil {
		return err
	}
	t.mu.Lock()
	t.draft = text
	t.mu.Unlock()
	t.node.bell.topic(t.id)
	return nil
}

// Leave stops following and deletes what is stored of the topic here.
func (t *Topic) Leave(ctx context.Context) error {
	n := t.node
	n.mu.Lock()
	if n.topics[t.id] != t {
		n.mu.Unlock()
		return fmt.Errorf("%w: topic %s", ErrNotFound, t.id)
	}
	delete(n.topics, t.id)
	delete(n.byGossip, gossipName(t.id))
	n.mu.Unlock()
	t.close()
	gone := []storage.KV{{Key: prefixTopic + t.id.String()}, {Key: prefixDraft + t.id.String()}, {Key: prefixRead + t.id.String()}, {Key: prefixShed + t.id.String()}, {Key: prefixFade + t.id.String()}, {Key: prefixReadBy + t.id.String()}, {Key: prefixHide + t.id.String()}}
	// The records go first: after a crash between the two the topic is still
	// listed, and can be left again.
	if err := n.store.DropSpace(ctx, t.space()); err != nil {
		return fmt.Errorf("node: leave: %w", err)
	}
	for _, prefix := range []string{prefixOut, prefixFork, prefixSeal, prefixPend, prefixOpen, prefixLetter} {
		if err := n.drop(ctx, prefix+t.id.String()+"/"); err != nil {
			return fmt.Errorf("node: leave: %w", err)
		}
	}
	err := n.commit(ctx, storage.Batch{Durable: true, State: gone, Events: [][]byte{encodeEvent(TopicRemoved, t.id, RecordID{})}})
	if err != nil {
		return fmt.Errorf("node: leave: %w", err)
	}
	poke(n.spare.wake)
	return nil
}
