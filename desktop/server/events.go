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
	op.Responses = map[string]*huma.Response{"200": {Description: "A stream that does not end", Content: map[string]*huma.MediaType{"text/event-stream": {}}}}
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
			_, w := humago.Unwrap(c)
			s.streams.Add(1)
			defer s.streams.Done()
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
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	send := func(b []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write(b); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	out := bytes.NewBufferString("retry: 2000\n\n")
	if want(api.EventNodeUpdated) {
		writeEvent(out, "", api.EventNodeUpdated, api.NodeEvent{V: 1, Node: s.apiNode()})
	}
	if !send(out.Bytes()) {
		return
	}
	for {
		out.Reset()
		if !s.gather(ctx, sub, want, out) || !send(out.Bytes()) {
			return
		}
	}
}

// gather waits for events and writes those that are there into out, or a
// comment that keeps the connection open. It reports whether to go on.
func (s *Server) gather(ctx context.Context, sub *node.Subscription, want func(string) bool, out *bytes.Buffer) bool {
	wait, cancel := context.WithTimeout(ctx, api.EventKeepAlive*time.Second)
	defer cancel()
	for range maxEventsTogether {
		ev, err := sub.Next(wait)
		switch {
		case errors.Is(err, node.ErrLagged), errors.Is(err, node.ErrBadCursor):
			head := s.node.Head()
			writeEvent(out, head, api.EventReset, api.ResetEvent{V: 1, Reason: "expired", Head: head})
			return true
		case err != nil && ctx.Err() == nil && wait.Err() != nil:
			if out.Len() == 0 {
				out.WriteString(": keep-alive\n\n")
			}
			return true
		case err != nil:
			return out.Len() > 0 && ctx.Err() == nil
		}
		s.show(ctx, ev, want, out)
		if !sub.Ready() {
			break
		}
	}
	return true
}

var eventNames = map[node.EventType]string{
	node.MessageCreated: api.EventMessageCreated, node.MessageUpdated: api.EventMessageUpdated,
	node.TopicCreated: api.EventTopicCreated, node.TopicUpdated: api.EventTopicUpdated,
	node.TopicRemoved: api.EventTopicRemoved, node.NodeUpdated: api.EventNodeUpdated,
}

// show writes one event. What is gone by now is passed over: its own end is an event too.
func (s *Server) show(ctx context.Context, ev node.Event, want func(string) bool, out *bytes.Buffer) {
	name := eventNames[ev.Type]
	if !want(name) {
		return
	}
	if ev.Type == node.NodeUpdated {
		writeEvent(out, "", name, api.NodeEvent{V: 1, Node: s.apiNode()})
		return
	}
	if ev.Type == node.TopicRemoved {
		writeEvent(out, ev.Cursor, name, api.TopicEvent{V: 1, Topic: ev.Topic.String()})
		return
	}
	t, err := s.node.Topic(ev.Topic)
	if err != nil {
		return
	}
	switch ev.Type {
	case node.MessageCreated, node.MessageUpdated:
		m, err := t.Message(ctx, ev.Record)
		if err != nil {
			return // an op that was handed over, or a message that is gone
		}
		writeEvent(out, ev.Cursor, name, api.MessageEvent{V: 1, Topic: ev.Topic.String(), Message: apiMessage(m)})
	default:
		info, err := t.Info(ctx)
		if err != nil {
			return
		}
		topic := apiTopic(info)
		writeEvent(out, ev.Cursor, name, api.TopicEvent{V: 1, Topic: ev.Topic.String(), Info: &topic})
	}
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
