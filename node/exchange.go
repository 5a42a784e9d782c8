package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/node/history"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
	"github.com/linnet-im/linnet/storage"
)

// Imported says what became of a bundle.
type Imported struct {
	Records int       // that could be read
	New     int       // stored now
	Known   int       // here already
	Refused int       // not genuine, or by somebody who may not write
	Strange int       // of topics that are not followed here
	Damaged int64     // bytes that could not be read
	Whole   bool      // nothing is damaged or cut off
	Topics  []TopicID // that got something new
	Offers  []Offer   // topics that are not followed here
}

// Offer is a topic in a bundle that can be followed without a network.
type Offer struct {
	Topic   TopicID
	Name    string // as its genesis says
	Link    string // without addresses
	Records int
}

// chosen returns the topics with these ids, all for none.
func (n *Node) chosen(ids []TopicID) ([]*Topic, error) {
	if len(ids) == 0 {
		return n.Topics(), nil
	}
	var out []*Topic
	for _, id := range ids {
		t, err := n.Topic(id)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Note writes down how much this node has of topics (none: all), for others who
// export for it. It tells writers' pseudonyms and numbers, no names.
func (n *Node) Note(ctx context.Context, ids []TopicID) ([]byte, error) {
	topics, err := n.chosen(ids)
	if err != nil {
		return nil, err
	}
	note := bundle.Note{}
	for _, t := range topics {
		chains, err := n.store.Chains(t.space(), storage.Chain{}, 0)
		if err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
		has := map[record.Writer]uint64{}
		for _, c := range chains {
			upTo := c.Seq
			if c.Count != c.Seq {
				gaps, err := n.store.Gaps(t.space(), c.Chain, 1)
				if err != nil {
					return nil, fmt.Errorf("node: %w", err)
				}
				if len(gaps) > 0 {
					upTo = gaps[0].From - 1
				}
			}
			has[record.Writer(c.Chain)] = upTo
		}
		note[t.id] = has
	}
	return note.Encode()
}

// CheckNote reports whether b is a note. The error matches ErrBadNote.
func CheckNote(b []byte) error {
	_, err := bundle.ParseNote(b)
	return err
}

// Export writes a bundle of topics (none: all) with what at least one of those
// lacks who wrote notes, or everything where there are none. It returns how many
// records that is. It blocks until all is written.
func (n *Node) Export(ctx context.Context, w io.Writer, ids []TopicID, notes ...[]byte) (records int, err error) {
	topics, err := n.chosen(ids)
	if err != nil {
		return 0, err
	}
	var theirs []bundle.Note
	for _, b := range notes {
		note, err := bundle.ParseNote(b)
		if err != nil {
			return 0, err
		}
		theirs = append(theirs, note)
	}
	topics = slices.DeleteFunc(topics, func(t *Topic) bool { return !t.isReady() })
	topics = topics[:min(len(topics), bundle.MaxTopics)]
	m := bundle.Manifest{Created: time.Now().UnixMilli(), Partial: len(theirs) > 0}
	for _, t := range topics {
		t.mu.RLock()
		of := bundle.ManifestTopic{Topic: t.id, Name: t.state.Name(), Kind: uint8(t.state.Kind())}
		if t.state.Kind().IsSealed() { // its name is for members, and a bundle passes through other hands
			of.Name = ""
		}
		t.mu.RUnlock()
		m.Topics = append(m.Topics, of)
	}
	out, err := bundle.NewWriter(w, m)
	if err != nil {
		return 0, err
	}
	for _, t := range topics {
		if err := t.export(ctx, out, theirs); err != nil {
			return int(out.Count()), fmt.Errorf("node: export: %w", err)
		}
	}
	return int(out.Count()), out.Close()
}

// export adds a topic: its genesis, its ops, then the rest, each from the newest
// back, so that one check proves a chain.
func (t *Topic) export(ctx context.Context, out *bundle.Writer, notes []bundle.Note) error {
	lacking := func(s storage.Record) bool {
		return len(notes) == 0 || slices.ContainsFunc(notes, func(n bundle.Note) bool {
			return !n.Has(t.id, record.Writer(s.Chain), s.Seq)
		})
	}
	genesis, err := t.node.store.Get(t.space(), storage.ID(t.id))
	if err != nil {
		return err
	}
	if lacking(genesis) {
		if err := out.Add(genesis.Data); err != nil {
			return err
		}
	}
	for _, l := range []storage.Lane{laneOps, laneMarks, lanePosts, laneOther} {
		var failed error
		err := t.walk(l, nil, nil, func(s storage.Record) bool {
			if s.ID != genesis.ID && lacking(s) {
				failed = errors.Join(out.Add(s.Data), ctx.Err())
			}
			return failed == nil
		})
		if err := errors.Join(err, failed); err != nil {
			return err
		}
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, f := range t.forks { // the proofs
		if err := errors.Join(out.Add(f.a.Bytes()), out.Add(f.b.Bytes())); err != nil {
			return err
		}
	}
	return nil
}

// importBatch is how many records of a bundle are judged together.
const importBatch = 512

// Import takes the records of a bundle through the verdict, and follows the
// topics in it that are new here if follow is set. progress, which may be nil, is
// called now and then. It blocks until r ends; a damaged bundle yields its good
// part. The error matches ErrNoBundle where r is something else.
func (n *Node) Import(ctx context.Context, r io.Reader, follow bool, progress func(Imported)) (Imported, error) {
	in := importing{n: n, follow: follow, proofs: map[TopicID]history.Proof{}, offers: map[TopicID]*Offer{}, before: map[TopicID]uint64{}}
	reader := bundle.NewReader(r)
	for ctx.Err() == nil {
		raw, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return in.sum, err
		}
		if err := in.add(ctx, raw); err != nil {
			return in.sum, err
		}
		if progress != nil && in.sum.Records%importBatch == 0 {
			progress(in.sum)
		}
	}
	if err := errors.Join(ctx.Err(), in.flush(ctx)); err != nil {
		return in.sum, err
	}
	a := reader.Account()
	in.sum.Damaged, in.sum.Whole = a.Damaged, a.Whole
	return in.sum, in.finish()
}

// importing is a bundle on its way in.
type importing struct {
	n      *Node
	follow bool
	sum    Imported
	topic  *Topic // of batch
	batch  []*record.Record
	proofs map[TopicID]history.Proof
	offers map[TopicID]*Offer
	before map[TopicID]uint64 // records that each topic had
}

func (in *importing) add(ctx context.Context, raw []byte) error {
	in.sum.Records++
	r, err := record.Decode(raw)
	if err != nil {
		in.sum.Refused++
		return nil
	}
	t, err := in.topicOf(ctx, r)
	if err != nil {
		return err
	}
	if t == nil {
		in.sum.Strange++
		return nil
	}
	if in.topic != t || len(in.batch) >= importBatch || r.Kind == record.KindGenesis {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.topic, in.batch = t, append(in.batch, r)
	if r.Kind == record.KindGenesis {
		return in.flush(ctx)
	}
	return nil
}

// topicOf returns the topic of a record, nil where it is not followed.
func (in *importing) topicOf(ctx context.Context, r *record.Record) (*Topic, error) {
	id := r.TopicID()
	t, err := in.n.Topic(id)
	if err != nil && r.Kind == record.KindGenesis && r.Verify() == nil {
		if t, err = in.offer(ctx, r); err != nil {
			return nil, err
		}
	}
	if t == nil {
		if o := in.offers[id]; o != nil {
			o.Records++
		}
		return nil, nil
	}
	if _, known := in.before[id]; !known {
		stats, err := in.n.store.Stats(t.space())
		if err != nil {
			return nil, err
		}
		in.before[id] = stats.Records
		in.proofs[id] = history.Proof{}
	}
	return t, nil
}

// maxOffers bounds the topics that one bundle offers.
const maxOffers = 64

// offer notes a topic that is not followed, or follows it.
func (in *importing) offer(ctx context.Context, genesis *record.Record) (*Topic, error) {
	s, err := topic.NewState(genesis)
	if err != nil || len(in.offers) >= maxOffers {
		return nil, nil
	}
	l := topic.Link{Topic: s.ID(), Kind: s.Kind(), Name: s.Name()}
	if in.follow {
		return in.n.join(ctx, l)
	}
	in.offers[s.ID()] = &Offer{Topic: s.ID(), Name: s.Name(), Link: l.String()}
	return nil, nil
}

func (in *importing) flush(ctx context.Context) error {
	if len(in.batch) == 0 {
		return nil
	}
	t, rs := in.topic, in.batch
	in.batch = nil
	for len(rs) > 0 {
		taken, err := t.takeMany(ctx, in.proofs[t.id], rs[:min(len(rs), importBatch)])
		if err != nil {
			return fmt.Errorf("node: import: %w", err)
		}
		in.sum.Known += taken.Known
		in.sum.Refused += taken.False
		rs = rs[min(len(rs), importBatch):]
		if taken.Parked > 0 {
			t.retryParked(ctx)
		}
	}
	return nil
}

// finish counts what is new: some of it came in only once an op had arrived.
func (in *importing) finish() error {
	for id, before := range in.before {
		stats, err := in.n.store.Stats(storage.Space(id))
		if err != nil {
			return fmt.Errorf("node: %w", err)
		}
		if stats.Records > before {
			in.sum.New += int(stats.Records - before)
			in.sum.Topics = append(in.sum.Topics, id)
		}
	}
	in.sum.Refused = max(in.sum.Refused, in.sum.Records-in.sum.New-in.sum.Known-in.sum.Strange)
	for _, o := range in.offers {
		in.sum.Offers = append(in.sum.Offers, *o)
	}
	slices.SortFunc(in.sum.Offers, func(a, b Offer) int { return slices.Compare(a.Topic[:], b.Topic[:]) })
	slices.SortFunc(in.sum.Topics, func(a, b TopicID) int { return slices.Compare(a[:], b[:]) })
	return nil
}
