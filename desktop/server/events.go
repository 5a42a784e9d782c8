package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// Of an event stream.
const (
	streamWrite       = 20 * time.Second // a client that takes nothing for so long is gone; it resumes by id
	keepAlive         = api.EventKeepAlive * time.Second
	maxEventsTogether = 64
)

type eventsInput struct {
	Last  string `header:"Last-Event-ID" maxLength:"128" doc:"Id of the last event that was seen"`
	After string `query:"after" maxLength:"128" doc:"The same, for clients that cannot set headers; a Head works too"`
	Topic string `query:"topic" maxLength:"64" doc:"Only events of this topic"`
	Types string `query:"types" maxLength:"256" doc:"Only these, separated by commas; message.* is a prefix"`
}

func (s *Server) eventRoutes(a huma.API) {
	op := operation(http.MethodGet, api.PathEvents, "events", "What happens, as it happens (Server-Sent Events)", http.StatusOK)
	op.Description = "Events with an id are kept for a while: a client that comes back with Last-Event-ID misses none. Those without an id say how things are right now."
	op.Responses = map[string]*huma.Response{"200": {Description: "A stream that does not end; what the events are is in desktop/api/events.go", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(a, op, func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
		f := node.EventFilter{After: in.Last}
		if f.After == "" {
			f.After = in.After
		}
		if in.Topic != "" {
			t, err := s.topic(in.Topic)
			if err != nil {
				return nil, err
			}
			id := t.ID()
			f.Topic = &id
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
			w.Header().Set("X-Accel-Buffering", "no")
			if r.Method == http.MethodHead {
				return // it would not end, and nobody would see it
			}
			s.stream(c.Context(), w, f, wanted(in.Types))
		}}, nil
	})
}

// wanted reads the types parameter.
func wanted(types string) func(string) bool {
	if types == "" {
		return func(string) bool { return true }
	}
	list := strings.Split(types, ",")
	return func(name string) bool {
		return slices.ContainsFunc(list, func(t string) bool {
			prefix, any := strings.CutSuffix(t, "*")
			return t == name || (any && strings.HasPrefix(name, prefix))
		})
	}
}

// stream writes events until the client or the server goes.
func (s *Server) stream(ctx context.Context, w http.ResponseWriter, f node.EventFilter, want func(string) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	sub := s.node.Subscribe(f)
	defer sub.Close()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	out := bytes.NewBufferString("retry: 2000\n\n")
	if want(api.EventNodeUpdated) {
		writeEvent(out, "", api.EventNodeUpdated, api.NodeEvent{V: 1, Node: s.apiNode()})
	}
	for goOn := true; ; goOn = s.collect(ctx, sub, want, out) {
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write(out.Bytes()); err != nil || control.Flush() != nil || !goOn {
			return
		}
		out.Reset()
	}
}

// collect waits for something to send and writes it into out: events that want
// wants, or a comment that keeps the connection open. It reports whether the
// stream goes on after that.
func (s *Server) collect(ctx context.Context, sub *node.Subscription, want func(string) bool, out *bytes.Buffer) bool {
	quiet := time.Now().Add(keepAlive)
	for out.Len() == 0 {
		batch, err := gather(ctx, sub, quiet)
		if !s.show(ctx, batch, want, out) || !s.afterBatch(ctx, err, out) {
			return false
		}
		if out.Len() == 0 && !time.Now().Before(quiet) {
			out.WriteString(": keep-alive\n\n")
		}
	}
	return true
}

// gather waits for an event, and returns it with those that are there by then.
// The error, beside events, says why there are no more.
func gather(ctx context.Context, sub *node.Subscription, until time.Time) (batch []node.Event, err error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	for len(batch) < maxEventsTogether {
		ev, err := sub.Next(ctx)
		if err != nil {
			return batch, err
		}
		batch = append(batch, ev)
		cancel() // with one in hand nothing is waited for
	}
	return batch, nil
}

// afterBatch handles what ended a batch, and reports whether the stream goes on.
func (s *Server) afterBatch(ctx context.Context, err error, out *bytes.Buffer) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ctx.Err() == nil
	case errors.Is(err, node.ErrLagged), errors.Is(err, node.ErrBadCursor):
		s.reset(out, "expired")
		return true
	case !errors.Is(err, node.ErrClosed):
		s.log.Error("server: the event stream ends", append(attrs(ctx), "err", err)...)
	}
	return false
}

// reset tells a reader that it missed something.
func (s *Server) reset(out *bytes.Buffer, why string) {
	head := s.node.Head()
	writeEvent(out, head, api.EventReset, api.ResetEvent{V: 1, Reason: why, Head: head})
}

// latest leaves out updates of what is updated again in the same batch: each
// shows how the thing is now, which is read after all of them.
func latest(batch []node.Event) []node.Event {
	type thing struct {
		kind   node.EventType
		topic  node.TopicID
		record node.RecordID
	}
	seen := map[thing]bool{}
	var kept []node.Event
	for _, ev := range slices.Backward(batch) {
		it := thing{ev.Type, ev.Topic, ev.Record}
		if ev.Type == node.TopicUpdated {
			it.record = node.RecordID{}
		}
		if !seen[it] {
			kept = append(kept, ev)
		}
		seen[it] = true
	}
	slices.Reverse(kept)
	return kept
}

var eventNames = map[node.EventType]string{
	node.MessageCreated: api.EventMessageCreated, node.MessageUpdated: api.EventMessageUpdated,
	node.TopicCreated: api.EventTopicCreated, node.TopicUpdated: api.EventTopicUpdated,
	node.TopicRemoved: api.EventTopicRemoved, node.NodeUpdated: api.EventNodeUpdated,
}

// show writes a batch of events, and reports false where the server or the client goes.
func (s *Server) show(ctx context.Context, batch []node.Event, want func(string) bool, out *bytes.Buffer) bool {
	for _, ev := range latest(batch) {
		if !want(eventNames[ev.Type]) {
			continue
		}
		data, err := s.data(ctx, ev)
		switch {
		case err == nil:
			writeEvent(out, ev.Cursor, eventNames[ev.Type], data)
		case errors.Is(err, node.ErrNotFound): // gone by now: its end is an event too
		case ctx.Err() != nil, errors.Is(err, node.ErrClosed):
			return false
		default:
			s.log.Error("server: an event cannot be shown", append(attrs(ctx), "err", err)...)
			s.reset(out, "unreadable")
		}
	}
	return true
}

// data is what the contract says of an event.
func (s *Server) data(ctx context.Context, ev node.Event) (any, error) {
	id := ev.Topic.String()
	switch ev.Type {
	case node.NodeUpdated:
		return api.NodeEvent{V: 1, Node: s.apiNode()}, nil
	case node.TopicRemoved:
		return api.TopicEvent{V: 1, Topic: id}, nil
	}
	t, err := s.node.Topic(ev.Topic)
	if err != nil {
		return nil, err
	}
	if ev.Type == node.MessageCreated || ev.Type == node.MessageUpdated {
		m, err := t.Message(ctx, ev.Record)
		return api.MessageEvent{V: 1, Topic: id, Message: apiMessage(m)}, err
	}
	info, err := t.Info(ctx)
	topic := apiTopic(info)
	return api.TopicEvent{V: 1, Topic: id, Info: &topic}, err
}

// writeEvent writes one event of the stream (HTML Living Standard §9.2).
func writeEvent(out *bytes.Buffer, id, name string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		panic(err) // of our own types
	}
	if id != "" {
		out.WriteString("id: " + id + "\n")
	}
	out.WriteString("event: " + name + "\ndata: ")
	out.Write(b)
	out.WriteString("\n\n")
}
