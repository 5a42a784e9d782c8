package scenes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

const (
	posts      = 60
	pace       = 900 * time.Millisecond // from one post to the next
	minute     = time.Minute            // in which all of them must be there
	afterwards = time.Minute            // that late ones are waited for, to tell late from lost
)

// arrivals notes when each text is first seen on one side.
type arrivals struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

// watch looks at a topic until ctx ends.
func (a *arrivals) watch(ctx context.Context, p *program, topic string) {
	for pause(ctx, 2*beat) == nil {
		got, err := p.texts(ctx, topic)
		if err != nil {
			continue // the node may be opening again
		}
		now := time.Now()
		a.mu.Lock()
		for _, t := range got {
			if _, known := a.seen[t]; !known {
				a.seen[t] = now
			}
		}
		a.mu.Unlock()
	}
}

func (a *arrivals) when(text string) (time.Time, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.seen[text]
	return t, ok
}

// talk is a conversation of two, who write in turn.
type talk struct {
	st        *stage
	sides     [2]*program
	topic     string
	posts     int
	pace      time.Duration
	at        map[int]func(context.Context) error // what happens before which post
	impatient bool                                // what is late is lost

	sent []said
	seen [2]arrivals
	used []string // ways, in the order in which they came into use
}

type said struct {
	text string
	by   int
	at   time.Time
}

// hold lets the two talk, and writes into the result what arrived within the limit
// from the first post on; what is late is waited for.
func (t *talk) hold(ctx context.Context, limit time.Duration) error {
	watching, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range t.sides {
		t.seen[i].seen = map[string]time.Time{}
		wg.Go(func() { t.seen[i].watch(watching, t.sides[i], t.topic) })
	}
	wg.Go(func() { t.watchWays(watching) })
	begin := time.Now()
	for i := range t.posts {
		if err := t.say(ctx, begin, i); err != nil {
			return err
		}
	}
	for end := begin.Add(limit); time.Now().Before(end) && t.missing() > 0; {
		if err := pause(ctx, beat); err != nil {
			return err
		}
	}
	r := t.st.result
	r.Sent, r.Delivered = r.Sent+len(t.sent), r.Delivered+len(t.sent)-t.missing()
	if n := t.missing(); n > 0 {
		r.failf("%d of %d posts were not there after %v", n, len(t.sent), limit)
		if !t.impatient {
			t.lateOnes(ctx)
		}
	}
	r.Longest = max(r.Longest, t.longest())
	return nil
}

func (t *talk) say(ctx context.Context, begin time.Time, i int) error {
	if err := pause(ctx, time.Until(begin.Add(time.Duration(i)*t.pace))); err != nil {
		return err
	}
	if f := t.at[i]; f != nil {
		if err := f(ctx); err != nil {
			return err
		}
	}
	s := said{text: fmt.Sprintf("post %d of %d, %s", i+1, t.posts, begin.Format(time.StampMilli)), by: i % 2, at: time.Now()}
	if _, err := t.sides[s.by].Post(ctx, t.topic, api.MessageDraft{Text: s.text}, ""); err != nil {
		return fmt.Errorf("scenes: write a post: %w", err)
	}
	t.sent = append(t.sent, s)
	return nil
}

// missing counts what the other side does not have.
func (t *talk) missing() (n int) {
	for _, s := range t.sent {
		if _, ok := t.seen[1-s.by].when(s.text); !ok {
			n++
		}
	}
	return n
}

// lateOnes waits for what is late, and notes whether it came at all.
func (t *talk) lateOnes(ctx context.Context) {
	begin := time.Now()
	for time.Since(begin) < afterwards && t.missing() > 0 {
		if pause(ctx, beat) != nil {
			return
		}
	}
	if n := t.missing(); n > 0 {
		t.st.result.failf("%d posts were still missing %v later", n, afterwards)
		return
	}
	t.st.result.notef("the late ones were there %s later", seconds(time.Since(begin)))
}

func (t *talk) longest() (d time.Duration) {
	for _, s := range t.sent {
		if at, ok := t.seen[1-s.by].when(s.text); ok {
			d = max(d, at.Sub(s.at))
		}
	}
	return d
}

// watchWays notes by which ways the second side is connected, until ctx ends.
func (t *talk) watchWays(ctx context.Context) {
	for {
		if r, err := t.sides[1].Reach(ctx); err == nil {
			if w := strings.Join(ways(r), "+"); w != "" && (len(t.used) == 0 || t.used[len(t.used)-1] != w) {
				t.used = append(t.used, w)
			}
		}
		if pause(ctx, time.Second) != nil {
			return
		}
	}
}

// ways lists the ways in the order in which they came into use.
func (t *talk) ways() string { return strings.Join(slices.Compact(t.used), " → ") }
