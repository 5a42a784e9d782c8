package node

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/node/message"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// Sizes of pages.
const (
	defaultPage = 50
	maxPage     = 200
)

// Message returns one message, or ErrNotFound.
func (t *Topic) Message(ctx context.Context, id RecordID) (Message, error) {
	if r := t.recent.get(id); r != nil && laneOf(r.Kind) == lanePosts {
		return t.show(r)
	}
	s, err := t.node.store.Get(t.space(), storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) || (err == nil && s.Lane != lanePosts) {
		return Message{}, fmt.Errorf("%w: message %s", ErrNotFound, id)
	}
	if err != nil {
		return Message{}, fmt.Errorf("node: %w", err)
	}
	return t.message(s)
}

// Messages returns a page of messages, oldest first. The error matches
// ErrBadCursor, or ErrNotFound where Around is not here.
func (t *Topic) Messages(ctx context.Context, p Page) ([]Message, Cursor, error) {
	limit := p.Limit
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	var page []storage.Record
	var more, newer bool // behind the first, behind the last
	var err error
	switch {
	case !p.Around.IsZero():
		page, more, newer, err = t.around(p.Around, limit)
	case p.Before != "":
		var pos storage.Pos
		if pos, err = parsePos(p.Before); err == nil {
			page, more, err = t.slice(storage.Query{Before: &pos, Limit: limit, Newest: true})
			newer = true
		}
	case p.After != "":
		var pos storage.Pos
		if pos, err = parsePos(p.After); err == nil {
			page, newer, err = t.slice(storage.Query{After: &pos, Limit: limit})
			more = true
		}
	default:
		page, more, err = t.slice(storage.Query{Limit: limit, Newest: true})
	}
	if err != nil {
		return nil, Cursor{}, err
	}
	out := make([]Message, 0, len(page))
	for _, s := range page {
		m, err := t.message(s)
		if err != nil {
			t.node.log.Error("node: a stored message is damaged", "topic", t.id, "err", err)
			continue
		}
		out = append(out, m)
	}
	return out, cursors(page, p, more, newer), nil
}

// cursors names the ends of a page. An empty page keeps the cursor that led to it.
func cursors(page []storage.Record, p Page, more, newer bool) (c Cursor) {
	if len(page) == 0 {
		return c
	}
	if more {
		c.Prev = posText(posOf(page[0]))
	}
	if newer {
		c.Next = posText(posOf(page[len(page)-1]))
	}
	return c
}

// slice reads one more than q.Limit to know whether the page is the last.
func (t *Topic) slice(q storage.Query) (page []storage.Record, more bool, err error) {
	limit := q.Limit
	q.Limit++
	page, err = t.node.store.Range(t.space(), lanePosts, q)
	if err != nil {
		return nil, false, fmt.Errorf("node: %w", err)
	}
	if len(page) <= limit {
		return page, false, nil
	}
	if q.Newest {
		return page[1:], true, nil
	}
	return page[:limit], true, nil
}

// around returns the message id with half a page on either side.
func (t *Topic) around(id RecordID, limit int) (page []storage.Record, more, newer bool, err error) {
	s, err := t.node.store.Get(t.space(), storage.ID(id))
	if errors.Is(err, storage.ErrNotFound) || (err == nil && s.Lane != lanePosts) {
		return nil, false, false, fmt.Errorf("%w: message %s", ErrNotFound, id)
	}
	if err != nil {
		return nil, false, false, fmt.Errorf("node: %w", err)
	}
	pos := posOf(s)
	before, more, err := t.slice(storage.Query{Before: &pos, Limit: limit / 2, Newest: true})
	if err != nil {
		return nil, false, false, err
	}
	var after []storage.Record
	if rest := limit - len(before) - 1; rest > 0 {
		after, newer, err = t.slice(storage.Query{After: &pos, Limit: rest})
		if err != nil {
			return nil, false, false, err
		}
	}
	return append(append(before, s), after...), more, newer, nil
}

// message shows a stored post as people read it.
func (t *Topic) message(s storage.Record) (Message, error) {
	r, err := t.open(s)
	if err != nil {
		return Message{}, err
	}
	return t.show(r)
}

// show is a record, whose id was checked, as people read it.
func (t *Topic) show(r *record.Record) (Message, error) {
	m := Message{
		ID: r.ID(), Topic: t.id, Seq: r.Seq, Time: time.UnixMilli(r.Time).UTC(), Author: t.author(r.Writer),
	}
	if m.Author.Me {
		m.State, m.StoredBy = t.outbox.state(r.ID())
		if r.Writer == t.me && r.Seq <= t.ackedTo() {
			m.State = Acknowledged
		}
		if r.Writer == t.me && t.isRead(r.Seq) {
			m.State = Read
		}
	}
	body, ok := r.Body()
	if !ok {
		m.Bodiless = true
		return m, nil
	}
	if r.Kind == record.KindSealed {
		err := t.showSealed(&m)
		return m, err
	}
	p, err := message.Open(body)
	if err != nil {
		return Message{}, err
	}
	m.Text, m.ReplyTo, m.Links = p.Text, p.ReplyTo, message.Links(p.Text)
	return m, nil
}

// recent holds the records that were stored last: who hears of one by an event
// reads it at once.
type recent struct {
	mu   sync.Mutex
	byID map[record.ID]*record.Record
	ring [recentRecords]record.ID
	next int
}

const recentRecords = 64

func (c *recent) add(r *record.Record) {
	id := r.ID()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[record.ID]*record.Record, recentRecords)
	}
	delete(c.byID, c.ring[c.next])
	c.byID[id], c.ring[c.next] = r, id
	c.next = (c.next + 1) % recentRecords
}

// forget drops a record whose body is not kept any more.
func (c *recent) forget(id record.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.byID, id)
}

func (c *recent) get(id record.ID) *record.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

// lastMessage returns the newest message, nil where there is none.
func (t *Topic) lastMessage() (*Message, error) {
	t.mu.RLock()
	last := t.last
	t.mu.RUnlock()
	if last == nil {
		page, err := t.node.store.Range(t.space(), lanePosts, storage.Query{Limit: 1, Newest: true})
		if err != nil {
			return nil, fmt.Errorf("node: %w", err)
		}
		if len(page) == 0 {
			return nil, nil
		}
		m, err := t.message(page[0])
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		t.last = &m
		t.mu.Unlock()
		return &m, nil
	}
	m := *last
	if m.Author.Me {
		m.State, m.StoredBy = t.outbox.state(m.ID)
	}
	return &m, nil
}

// Search looks for messages that contain all words of query, in any case, newest
// first, in one topic or in all. It reads messages one by one: whole is false
// where it stopped at searchLimit before it had looked at everything.
func (n *Node) Search(ctx context.Context, query string, in *TopicID, limit int) (found []Message, whole bool, err error) {
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return nil, true, nil
	}
	topics := n.Topics()
	if in != nil {
		t, err := n.Topic(*in)
		if err != nil {
			return nil, false, err
		}
		topics = []*Topic{t}
	}
	whole = true
	left := searchLimit
	for _, t := range topics {
		ms, all, err := t.search(ctx, words, limit, &left)
		if err != nil {
			return nil, false, err
		}
		found = append(found, ms...)
		whole = whole && all
	}
	slices.SortStableFunc(found, func(a, b Message) int { return b.Time.Compare(a.Time) })
	if limit > 0 && len(found) > limit {
		found, whole = found[:limit], false
	}
	return found, whole, nil
}

// searchLimit is how many messages one search reads at most.
const searchLimit = 50_000

func (t *Topic) search(ctx context.Context, words []string, limit int, left *int) (found []Message, whole bool, err error) {
	p := Page{Limit: maxPage}
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		page, cursor, err := t.Messages(ctx, p)
		if err != nil {
			return nil, false, err
		}
		for _, m := range slices.Backward(page) {
			text := strings.ToLower(m.Text)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
				found = append(found, m)
			}
		}
		if *left -= len(page); *left <= 0 || (limit > 0 && len(found) > limit) {
			return found, false, nil
		}
		if cursor.Prev == "" {
			return found, true, nil
		}
		p.Before = cursor.Prev
	}
}

func posOf(s storage.Record) storage.Pos { return storage.Pos{Time: s.Time, ID: s.ID} }

func posBefore(a, b storage.Pos) bool {
	return cmp.Or(cmp.Compare(a.Time, b.Time), bytes.Compare(a.ID[:], b.ID[:])) < 0
}

func messageBefore(m *Message, r *record.Record) bool {
	id := r.ID()
	return posBefore(storage.Pos{Time: m.Time.UnixMilli(), ID: storage.ID(m.ID)}, storage.Pos{Time: r.Time, ID: storage.ID(id)})
}

func idBytes(id record.ID) []byte { return id[:] }

// posText is a cursor: time and id, opaque to its users.
func posText(p storage.Pos) string {
	return base64.RawURLEncoding.EncodeToString(posBytes(p))
}

func parsePos(s string) (storage.Pos, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 40 || b[0]&0x80 != 0 {
		return storage.Pos{}, ErrBadCursor
	}
	return storage.Pos{Time: int64(binary.BigEndian.Uint64(b)), ID: storage.ID(b[8:])}, nil
}
