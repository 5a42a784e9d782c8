package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// fakeNode answers what a follower asks: the messages are there as they are
// set, and each connection to the event stream is one function.
type fakeNode struct {
	mu       sync.Mutex
	messages []api.Message
	streams  []func(send func(id, name string, data any))
	resumed  []string // Last-Event-ID of each connection
}

func (n *fakeNode) serve(t *testing.T) *client.Client {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET "+api.Prefix+api.PathTopics, func(w http.ResponseWriter, r *http.Request) {
		answer(w, api.TopicList{Head: "head-1"})
	})
	mux.HandleFunc("GET "+api.Prefix+api.PathMessages, func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		defer n.mu.Unlock()
		answer(w, api.MessagePage{Items: n.messages})
	})
	mux.HandleFunc("GET "+api.Prefix+api.PathEvents, func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		n.resumed = append(n.resumed, r.Header.Get(api.HeaderEventID))
		stream := n.streams[0]
		n.streams = n.streams[1:]
		n.mu.Unlock()
		stream(func(id, name string, data any) {
			b, err := json.Marshal(data)
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(w, "id: %s\nevent: %s\ndata: %s\n\n", id, name, b)
		})
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	c := client.New(srv.URL, "token")
	t.Cleanup(c.Close)
	return c
}

func (n *fakeNode) add(ids ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		n.messages = append(n.messages, message(id))
	}
}

func message(id string) api.Message {
	return api.Message{ID: id, Topic: "t", Text: "text of " + id, Author: api.Author{Name: "Ada"}}
}

func created(id string) api.MessageEvent {
	return api.MessageEvent{V: 1, Topic: "t", Message: message(id)}
}

// printed returns the ids in the order in which their texts were printed.
func printed(out string) string {
	var ids []string
	for l := range strings.Lines(out) {
		_, id, _ := strings.Cut(strings.TrimSpace(l), "text of ")
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

// TestFollow shows that every message is printed once and in order, whatever
// happens to the stream: it tells things twice, breaks off, or is reset.
func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		limit int
		want  string
	}{
		{50, "a b c d e f g"},
		{1, "b c d e f g"},
		{0, "c d e f g"},
	} {
		n := &fakeNode{}
		n.add("a", "b")
		n.streams = []func(func(string, string, any)){
			func(send func(string, string, any)) {
				send("1", api.EventMessageCreated, created("b")) // came between head and page
				n.add("c")
				send("2", api.EventMessageCreated, created("c"))
				other := created("x")
				other.Topic = "another"
				send("3", api.EventMessageCreated, other)
				send("", "from.a.newer.node", struct{}{})
				n.add("d", "e") // these the stream does not tell
				send("9", api.EventReset, api.ResetEvent{V: 1, Reason: "expired", Head: "9"})
				n.add("f")
				send("10", api.EventMessageCreated, created("f"))
			}, // and here it breaks off
			func(send func(string, string, any)) {
				n.add("g")
				send("11", api.EventMessageCreated, created("g"))
				send("12", api.EventTopicRemoved, api.TopicEvent{V: 1, Topic: "t"})
			},
		}
		var out bytes.Buffer
		f := newFollower(&program{out: &out}, n.serve(t), "t")
		if err := f.run(t.Context(), tt.limit); !errors.Is(err, errLeft) {
			t.Errorf("limit %d: ended with %v, want that the topic was left", tt.limit, err)
		}
		if got := printed(out.String()); got != tt.want {
			t.Errorf("limit %d: printed %s, want %s", tt.limit, got, tt.want)
		}
		if got := strings.Join(n.resumed, " "); got != "head-1 10" {
			t.Errorf("limit %d: resumed behind %s, want head-1 10", tt.limit, got)
		}
	}
}

// TestFollowInterrupted shows that an end asked for is none of an error, and
// that a node that is gone is one.
func TestFollowInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := &fakeNode{streams: []func(func(string, string, any)){func(func(string, string, any)) {
		cancel() // the follower is inside the stream or before it: both must do
	}}}
	if err := newFollower(&program{out: &bytes.Buffer{}}, n.serve(t), "t").run(ctx, 1); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	gone := client.New("http://127.0.0.1:1", "token")
	if err := newFollower(&program{}, gone, "t").run(t.Context(), 1); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("no node: %v, want ErrNotRunning", err)
	}
}

// TestFollowOpened: what could not be read is printed once more when it can.
func TestFollowOpened(t *testing.T) {
	var out bytes.Buffer
	f := newFollower(&program{out: &out}, nil, "t")
	m := message("hello")
	m.Text, m.Closed = "", api.ClosedPending
	f.show(m)
	f.show(m)
	m.Text, m.Closed = "hello", ""
	f.show(m)
	f.show(m)
	if got := out.String(); strings.Count(got, "its key has not arrived") != 1 || strings.Count(got, ": hello\n") != 1 || strings.Count(got, "\n") != 2 {
		t.Errorf("printed %q", got)
	}
	if len(f.seen) != 1 || len(f.order) != 1 {
		t.Errorf("%d and %d are remembered", len(f.seen), len(f.order))
	}
}

func TestFollowerForgets(t *testing.T) {
	f := newFollower(&program{out: &bytes.Buffer{}}, nil, "t")
	for i := range 3 * lookBack {
		f.show(message(fmt.Sprint(i)))
	}
	if len(f.seen) != lookBack || len(f.order) != lookBack {
		t.Errorf("%d and %d are remembered, want %d", len(f.seen), len(f.order), lookBack)
	}
}
