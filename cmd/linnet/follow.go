package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// lookBack is how many printed messages are remembered, to print none twice.
const lookBack = 4096

// errLeft ends following: the topic was left meanwhile.
var errLeft = &failure{Code: api.CodeNotFound, Title: "you left this topic"}

// follower prints each message of one topic once, as it comes.
type follower struct {
	p     *program
	c     *client.Client
	topic string
	after string            // the event to resume behind
	seen  map[string]string // why its text could not be read then; empty if it could
	order []string          // what is in seen, oldest first
}

func newFollower(p *program, c *client.Client, topic string) *follower {
	return &follower{p: p, c: c, topic: topic, seen: map[string]string{}}
}

// run prints the newest messages, limit at most, then what comes until ctx ends,
// which is no error. The place in the stream is taken before the messages are
// read, so that nothing falls between.
func (f *follower) run(ctx context.Context, limit int) error {
	list, err := f.c.Topics(ctx)
	if err != nil {
		return err
	}
	f.after = list.Head
	page, err := newest(ctx, f.c, f.topic, max(limit, api.MaxLimit))
	if err != nil {
		return err
	}
	older := max(0, len(page.Items)-limit) // known, but not asked for
	for _, m := range page.Items[:older] {
		f.remember(m)
	}
	for _, m := range page.Items[older:] {
		f.show(m)
	}
	for {
		began := time.Now()
		err := f.stream(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		// The node ended the stream because it stops, or because this reader was too
		// slow. The next try tells; it must not become a busy loop.
		if !pause(ctx, time.Second-time.Since(began)) {
			return nil
		}
	}
}

// pause waits for d and reports false if ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// stream prints what comes until the stream ends, which is no error.
func (f *follower) stream(ctx context.Context) error {
	s, err := f.c.Events(ctx, f.after, f.topic)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		ev, err := s.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.take(ctx, ev); err != nil {
			return err
		}
		if ev.ID != "" {
			f.after = ev.ID
		}
	}
}

// take handles one event. Names that it does not know are of a newer node.
func (f *follower) take(ctx context.Context, ev client.Event) error {
	switch ev.Name {
	case api.EventMessageCreated:
		var e api.MessageEvent
		if err := json.Unmarshal(ev.Data, &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if e.Topic == f.topic {
			f.show(e.Message)
		}
	case api.EventTopicRemoved:
		var e api.TopicEvent
		if err := json.Unmarshal(ev.Data, &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if e.Topic == f.topic {
			return errLeft
		}
	case api.EventReset:
		return f.reload(ctx, ev)
	}
	return nil
}

// reload prints what the stream could not tell: events are kept for a while
// only, messages stay.
func (f *follower) reload(ctx context.Context, ev client.Event) error {
	var e api.ResetEvent
	if err := json.Unmarshal(ev.Data, &e); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	f.after = e.Head
	var missed []api.Message
	before := ""
	for len(missed) < lookBack {
		page, err := f.c.Messages(ctx, f.topic, client.Page{Limit: api.MaxLimit, Before: before})
		if err != nil {
			return err
		}
		fresh := slices.DeleteFunc(slices.Clone(page.Items), f.printed)
		missed = slices.Concat(fresh, missed)
		if page.Prev == nil || len(fresh) < len(page.Items) {
			break // what was printed before begins here
		}
		before = *page.Prev
	}
	for _, m := range missed {
		f.show(m)
	}
	return nil
}

// printed reports whether a message was printed as it is. One whose key came
// later is printed once more.
func (f *follower) printed(m api.Message) bool {
	why, seen := f.seen[m.ID]
	return seen && (why == "" || why == m.Closed)
}

// show prints a message if it was not printed before.
func (f *follower) show(m api.Message) {
	if f.printed(m) {
		return
	}
	f.remember(m)
	f.p.print(m, func() { fmt.Fprintln(f.p.out, shown(m)) })
}

func (f *follower) remember(m api.Message) {
	_, again := f.seen[m.ID]
	f.seen[m.ID] = m.Closed
	if again {
		return
	}
	f.order = append(f.order, m.ID)
	if len(f.order) > lookBack {
		delete(f.seen, f.order[0])
		f.order = f.order[1:]
	}
}
