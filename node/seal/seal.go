package seal

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Config says whose session it is. Topic, Self and Kind are required.
type Config struct {
	Topic Topic
	Self  Writer // this device's writer key in the topic
	Kind  Kind
	// Prekey was made before the topic was known, for a link by which others
	// write first; nil lets the session make its first one when it announces. Who
	// only sees the topic's records knows none of it until the session announces.
	Prekey *Prekey
}

// Session is one device's end of the encryption in one topic. Its methods must
// not be called by several goroutines at once, and its times are milliseconds
// since 1970.
type Session struct {
	topic Topic
	self  Writer
	kind  Kind
	rows  Rows
	over  map[string][]byte // changes not yet taken

	members []Writer // ascending
	former  []Writer
	past    Past
	own     []*ownPrekey // by number
	peers   map[Writer]*peer
	epochs  map[Ref]*epoch
	closed  map[Ref]*closed
	kept    []keptKey // by time and id
	given   int       // keys that an inviter gave and that were not used yet
	fresh   map[freshKey]key

	arrivals uint64 // epochs seen, counts up
	number   uint64 // of its newest prekey
	latest   int64  // when the latest epoch anybody started says that it started
	lost     int64  // the same, among those that this device should be able to open and cannot
	noticed  int64  // since when no epoch covers the membership; 0 when one does
	swept    int64  // when what is past its window was last looked for
	slept    int64  // how long the device was off, in all
	current  Ref    // the epoch to write in; zero when none

	broken error             // of the rows; ends the session
	stale  bool              // current has to be chosen again
	judged map[[32]byte]bool // whether a set of members covers the present one
}

func empty(rows Rows) *Session {
	return &Session{
		rows: rows, over: make(map[string][]byte), stale: true,
		peers: make(map[Writer]*peer), epochs: make(map[Ref]*epoch), closed: make(map[Ref]*closed),
		fresh: make(map[freshKey]key), judged: make(map[[32]byte]bool),
	}
}

// New begins a session over rows that are still empty. The first Seal, Start or
// Announce announces its first prekey.
func New(c Config, rows Rows, now int64) (*Session, error) {
	if c.Kind != Private && c.Kind != Direct {
		return nil, fmt.Errorf("%w: kind %d", ErrLimit, c.Kind)
	}
	s := empty(rows)
	s.topic, s.self, s.kind, s.swept = c.Topic, c.Self, c.Kind, now
	if c.Prekey != nil {
		s.adopt(*c.Prekey, now)
	}
	s.saveHead()
	s.put([]byte{rowMembers}, appendWriters([]byte{rowsVersion}, nil))
	return s, nil
}

// Load takes up a session from its rows. It reads what is small; chains and
// public keys are read when they are needed. The error is ErrState, or the rows' own.
func Load(rows Rows) (*Session, error) {
	s := empty(rows)
	for _, need := range []byte{rowHead, rowMembers} {
		v, err := rows.Get([]byte{need})
		if err != nil {
			return nil, err
		}
		if v == nil {
			return nil, damaged("no row", []byte{need})
		}
	}
	for _, kind := range []byte{rowHead, rowMembers, rowOwn, rowPeer, rowEpoch, rowCount, rowClosed, rowKept, rowGiven} {
		err := rows.Scan([]byte{kind}, func(k, v []byte) error {
			if !s.take(k, v) {
				return damaged("row", k)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(s.own, func(a, b *ownPrekey) int { return cmp.Compare(a.number, b.number) })
	slices.SortFunc(s.kept, keptKey.compare)
	return s, nil
}

// take reads one row into the session.
func (s *Session) take(k, v []byte) (ok bool) {
	r := &reader{b: k[1:]}
	switch k[0] {
	case rowHead:
		ok = s.decodeHead(v)
	case rowMembers:
		s.members, ok = decodeMembers(v)
	case rowOwn:
		var own *ownPrekey
		own, ok = decodeOwn(r.rest(), v)
		s.own = append(s.own, own)
	case rowPeer:
		s.peers[Writer(r.key())], ok = decodePeer(v)
	case rowEpoch:
		s.epochs[Ref(r.bytes(16))], ok = decodeEpoch(v)
	case rowCount:
		e, n := s.epochs[Ref(r.bytes(16))], open(v)
		if ok = e != nil; ok {
			e.count = n.u32()
			ok = n.whole()
		}
	case rowClosed:
		s.closed[Ref(r.bytes(16))], ok = decodeClosed(v)
	case rowKept:
		s.kept, ok = append(s.kept, keptKey{r.time(), RecordID(r.key())}), len(v) == keptSize
	case rowGiven:
		r.time()
		r.key()
		ok = len(v) == keptSize
		s.given++
	}
	return ok && r.whole()
}

// Record is a record of the topic as it passed the verdict.
type Record struct {
	ID     RecordID
	Writer Writer
	Seq    uint64
	Time   int64 // as its header says
	Body   []byte
	Aside  bool // not one of the last records that Past.Last counts
}

// News is what a record brought.
type News struct {
	Plaintext []byte     // nil when the record holds none, or did not open
	Epochs    []Ref      // can be opened now: offer again the records sealed under them
	Records   []RecordID // the same for single records, of a past
	Prekey    bool       // its writer has announced a prekey
	Past      bool       // the record was a past for this device
}

// Receive takes in a record of the topic: prekeys, epochs, texts, pasts, in any
// order and any number of times. This device's own records are offered as well,
// after they are signed and before the session is loaded again, so that their
// keys are kept where a past is given. The error concerns the text, if there is one; News says
// what else the record brought even then. An error other than the ones of this
// package is one of the rows, after which the session must be loaded again.
func (s *Session) Receive(r Record, now int64) (News, error) {
	b, err := parse(r.Body)
	if err != nil {
		return News{}, err
	}
	s.sweep(now)
	news, err := s.receive(r, b, now)
	s.choose(now)
	if s.broken != nil {
		return News{}, s.broken
	}
	return news, err
}

func (s *Session) receive(r Record, b *body, now int64) (news News, err error) {
	if b.prekey != nil && r.Writer != s.self {
		news.Prekey, err = s.learn(r.Writer, r.Seq, b.prekey)
	}
	if b.epoch != nil {
		var opened bool
		if opened, err = s.receiveEpoch(r, b.epoch, now); opened {
			news.Epochs = append(news.Epochs, b.epoch.id.Ref())
		}
	}
	if b.past != nil {
		news, err = s.receivePast(r, b.past)
		news.Past = len(news.Epochs)+len(news.Records) > 0
	}
	if b.message != nil {
		news.Plaintext, err = s.openMessage(r, b.message)
	}
	return news, err
}

// Membership is who belongs to the topic, as the caller folds it, in any order.
type Membership struct {
	Present []Writer // member devices, this one among them while it may read
	Removed []Writer // devices that were removed
	Former  []Writer // devices in whose place this one came: nobody waits for their keys
}

// SetMembers tells the session the membership. A newcomer's caller does so only
// when it has offered everything that its inviter had (PROTOCOL.md §11.6). It takes copies.
func (s *Session) SetMembers(m Membership, now int64) error {
	if len(m.Present) > MaxMembers {
		return fmt.Errorf("%w: %d member devices, at most %d", ErrLimit, len(m.Present), MaxMembers)
	}
	for _, w := range m.Removed {
		if p := s.peer(w); p != nil && p.left == 0 {
			p.left = max(s.running(now), 1)
			s.savePeer(w, p)
		}
	}
	s.former = slices.Clone(m.Former)
	sorted := slices.Clone(m.Present)
	slices.SortFunc(sorted, Writer.compare)
	sorted = slices.Compact(sorted)
	if !slices.Equal(sorted, s.members) {
		s.members = sorted
		s.put([]byte{rowMembers}, appendWriters([]byte{rowsVersion}, sorted))
		s.changed()
	}
	s.choose(now)
	return s.broken
}

// changed makes the session choose again, and judge every set of members anew.
func (s *Session) changed() {
	s.stale = true
	clear(s.judged)
}

func (w Writer) compare(v Writer) int { return bytes.Compare(w[:], v[:]) }
