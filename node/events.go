package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/storage"
)

// encodeEvent is how an event is kept in the journal: type, topic, record.
func encodeEvent(kind EventType, t TopicID, r RecordID) []byte {
	b := append(make([]byte, 0, 65), byte(kind))
	return append(append(b, t[:]...), r[:]...)
}

func decodeEvent(b []byte) (Event, error) {
	if len(b) != 65 {
		return Event{}, fmt.Errorf("%w: journal entry of %d bytes", ErrDamaged, len(b))
	}
	return Event{Type: EventType(b[0]), Topic: TopicID(b[1:33]), Record: RecordID(b[33:])}, nil
}

// eventOf is the event of storing r, nil for none.
func eventOf(r *record.Record) []byte {
	switch {
	case r.Kind == record.KindPost:
		return encodeEvent(MessageCreated, r.TopicID(), r.ID())
	case r.Kind.IsOp():
		return encodeEvent(TopicUpdated, r.TopicID(), r.ID())
	}
	return nil
}

// bell wakes subscriptions. It holds no events: the journal does.
type bell struct {
	mu     sync.Mutex
	rung   chan struct{} // closed and replaced at each ring
	subs   map[*Subscription]struct{}
	closed bool
}

// ringLocked wakes everybody who waits.
func (b *bell) ringLocked() {
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

// wait returns a channel that is closed at the next ring.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
		if b.closed {
			b.ringLocked()
			closed := make(chan struct{})
			close(closed)
			return closed
		}
	}
	return b.rung
}

// journal tells that the journal has grown.
func (b *bell) journal() {
	b.mu.Lock()
	b.ringLocked()
	b.mu.Unlock()
}

// node tells that the node's own state changed.
func (b *bell) node() {
	b.mu.Lock()
	for s := range b.subs {
		s.nodeDirty = true
	}
	b.ringLocked()
	b.mu.Unlock()
}

// topic tells that something about a topic changed that is not in the journal.
func (b *bell) topic(id TopicID) {
	b.mu.Lock()
	for s := range b.subs {
		if s.filter.Topic == nil || *s.filter.Topic == id {
			s.dirty[id] = struct{}{}
		}
	}
	b.ringLocked()
	b.mu.Unlock()
}

func (b *bell) close() {
	b.mu.Lock()
	b.closed = true
	b.ringLocked()
	b.mu.Unlock()
}

// Subscription is a stream of events in the order in which they happened.
// Nothing is lost: a reader that is slow reads later, one that is too slow is
// told with ErrLagged. It is for one goroutine at a time.
type Subscription struct {
	n      *Node
	filter EventFilter
	err    error // of the cursor, told by Next
	pos    uint64
	ahead  []Event

	dirty     map[TopicID]struct{} // guarded by the bell
	nodeDirty bool                 // guarded by the bell
}

// Head returns the cursor of the newest event.
func (n *Node) Head() string { return n.cursor(n.store.JournalHead()) }

func (n *Node) cursor(seq uint64) string { return fmt.Sprintf("%s-%d", n.store.Epoch(), seq) }

// Subscribe begins a stream of events behind f.After, or from now on. Close it.
func (n *Node) Subscribe(f EventFilter) *Subscription {
	s := &Subscription{n: n, filter: f, pos: n.store.JournalHead(), dirty: map[TopicID]struct{}{}}
	if f.After != "" {
		epoch, seq, ok := strings.Cut(f.After, "-")
		pos, err := strconv.ParseUint(seq, 10, 64)
		switch {
		case !ok || err != nil:
			s.err = ErrBadCursor
		case epoch != n.store.Epoch() || pos > s.pos:
			s.err = ErrLagged // of an earlier store
		default:
			s.pos = pos
		}
	}
	n.bell.mu.Lock()
	if n.bell.subs == nil {
		n.bell.subs = map[*Subscription]struct{}{}
	}
	n.bell.subs[s] = struct{}{}
	n.bell.mu.Unlock()
	return s
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.n.bell.mu.Lock()
	delete(s.n.bell.subs, s)
	s.n.bell.mu.Unlock()
}

// Next blocks until there is an event. It returns ErrLagged when events behind
// the cursor are no longer kept: reload, and the stream goes on from now. After
// the node has closed it returns ErrClosed.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	if err := s.err; err != nil {
		s.err = nil
		return Event{}, err
	}
	for {
		rung := s.n.bell.wait()
		if s.n.ctx.Err() != nil {
			return Event{}, ErrClosed
		}
		if len(s.ahead) == 0 {
			if err := s.read(); err != nil {
				return Event{}, err
			}
		}
		if len(s.ahead) > 0 {
			ev := s.ahead[0]
			s.ahead = s.ahead[1:]
			return ev, nil
		}
		if ev, ok := s.takeDirty(); ok {
			return ev, nil
		}
		select {
		case <-ctx.Done():
			return Event{}, ctx.Err()
		case <-rung:
		}
	}
}

// read fetches events from the journal.
func (s *Subscription) read() error {
	const step = 256
	for {
		if s.pos == s.n.store.JournalHead() {
			return nil
		}
		events, err := s.n.store.Journal(s.pos, step)
		if errors.Is(err, storage.ErrTrimmed) {
			s.pos = s.n.store.JournalHead()
			return ErrLagged
		}
		if err != nil {
			return fmt.Errorf("node: read events: %w", err)
		}
		for _, e := range events {
			s.pos = e.Seq
			ev, err := decodeEvent(e.Data)
			if err != nil { // the reader reloads, and goes on behind it
				s.n.log.Error("node: a journal entry is unreadable", "seq", e.Seq, "err", err)
				s.pos = s.n.store.JournalHead()
				return ErrLagged
			}
			if s.filter.Topic == nil || *s.filter.Topic == ev.Topic {
				ev.Cursor = s.n.cursor(e.Seq)
				s.ahead = append(s.ahead, ev)
			}
		}
		if len(s.ahead) > 0 || len(events) == 0 {
			return nil
		}
	}
}

// takeDirty returns one of the things that are not in the journal.
func (s *Subscription) takeDirty() (Event, bool) {
	s.n.bell.mu.Lock()
	defer s.n.bell.mu.Unlock()
	if s.nodeDirty {
		s.nodeDirty = false
		return Event{Type: NodeUpdated}, true
	}
	for id := range s.dirty {
		delete(s.dirty, id)
		return Event{Type: TopicUpdated, Topic: id}, true
	}
	return Event{}, false
}
