package server

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) messageRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathMessages, "list-messages", "A page of messages, oldest first", http.StatusOK), s.listMessages)
	huma.Register(a, operation(http.MethodPost, api.PathMessages, "post-message", "Write a message; it is on this disk when the answer comes", http.StatusCreated), s.postMessage)
	huma.Register(a, operation(http.MethodGet, api.PathMessage, "get-message", "One message", http.StatusOK), s.getMessage)
	huma.Register(a, operation(http.MethodGet, api.PathSearch, "search", "Messages that contain all words, newest first", http.StatusOK), s.search)
}

// messageID reads an id from a request.
func messageID(id string) (node.RecordID, error) {
	m, err := node.ParseRecordID(id)
	if err != nil || m == (node.RecordID{}) {
		return m, newProblem(api.CodeNotFound, "There is no such message", "Message ids have 52 characters.")
	}
	return m, nil
}

func (s *Server) listMessages(ctx context.Context, in *struct {
	InTopic
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many at most"`
	Before string `query:"before" maxLength:"128" doc:"Cursor: what stands before it"`
	After  string `query:"after" maxLength:"128" doc:"Cursor: what stands behind it"`
	Around string `query:"around" maxLength:"64" doc:"Message id: what stands around it"`
}) (*body[api.MessagePage], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	p := node.Page{Limit: in.Limit, Before: in.Before, After: in.After}
	given := 0
	for _, v := range []string{in.Before, in.After, in.Around} {
		if v != "" {
			given++
		}
	}
	if given > 1 {
		return nil, newProblem(api.CodeInvalid, "Only one of before, after and around can be given", "")
	}
	if in.Around != "" {
		if p.Around, err = messageID(in.Around); err != nil {
			return nil, err
		}
	}
	list, cursor, err := t.Messages(ctx, p)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	page := api.MessagePage{Items: []api.Message{}, Prev: optional(cursor.Prev), Next: optional(cursor.Next)}
	for _, m := range list {
		page.Items = append(page.Items, apiMessage(m))
	}
	return answer(page), nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s *Server) getMessage(ctx context.Context, in *struct {
	InTopic
	Message string `path:"message" maxLength:"64" doc:"Message id"`
}) (*body[api.Message], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	id, err := messageID(in.Message)
	if err != nil {
		return nil, err
	}
	m, err := t.Message(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiMessage(m)), nil
}

func (s *Server) postMessage(ctx context.Context, in *struct {
	InTopic
	Key  string `header:"Idempotency-Key" maxLength:"256" pattern:"^[ -~]*$" patternDescription:"printable ASCII" doc:"Makes a repeated request harmless within a day"`
	Body api.MessageDraft
}) (*body[api.Message], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	if len(in.Body.Attachments) > 0 {
		return nil, newProblem(api.CodeNotBuilt, "Not in this version of Linnet", "Attachments come in a later version. Put a link into the text instead.")
	}
	d := node.Draft{Text: in.Body.Text, Key: in.Key}
	if in.Body.ReplyTo != "" {
		if d.ReplyTo, err = messageID(in.Body.ReplyTo); err != nil {
			return nil, err
		}
	}
	id, err := t.Post(ctx, d)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	m, err := t.Message(ctx, id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	// With a key that was used before, the node answers with what it led to, also
	// after a restart. That it led to something else is the caller's mistake.
	if !m.Bodiless && (m.Text != d.Text || m.ReplyTo != d.ReplyTo) {
		return nil, newProblem(api.CodeConflict, "This Idempotency-Key was used for another message", "Choose a new one for each message.")
	}
	return answer(apiMessage(m)), nil
}

func (s *Server) search(ctx context.Context, in *struct {
	Query string `query:"q" required:"true" minLength:"1" maxLength:"256" doc:"Words, all of which must occur"`
	Topic string `query:"topic" maxLength:"64" doc:"Only in this topic"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}) (*body[api.SearchPage], error) {
	var where *node.TopicID
	if in.Topic != "" {
		t, err := s.topic(in.Topic)
		if err != nil {
			return nil, err
		}
		id := t.ID()
		where = &id
	}
	found, whole, err := s.node.Search(ctx, in.Query, where, in.Limit)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	page := api.SearchPage{Items: []api.Message{}, Whole: whole}
	for _, m := range found {
		page.Items = append(page.Items, apiMessage(m))
	}
	return answer(page), nil
}

var states = map[node.State]string{node.Received: api.StateReceived, node.Queued: api.StateQueued, node.Handed: api.StateHanded, node.Stored: api.StateStored, node.Acknowledged: api.StateAcknowledged, node.Read: api.StateRead}

// apiMessage is a message in the words of the contract.
func apiMessage(m node.Message) api.Message {
	out := api.Message{
		ID: m.ID.String(), Topic: m.Topic.String(), Seq: m.Seq, Time: stamp(m.Time), TimeMS: m.Time.UnixMilli(),
		Author: apiAuthor(m.Author),
		Text:   m.Text, Entities: []api.Entity{}, State: states[m.State], StoredBy: m.StoredBy, Bodiless: m.Bodiless,
	}
	if m.ReplyTo != (node.RecordID{}) {
		out.ReplyTo = m.ReplyTo.String()
	}
	out.Closed = closed[m.Closed]
	for _, l := range m.Links {
		out.Entities = append(out.Entities, api.Entity{Type: "link", Offset: l.Offset, Length: l.Length, URL: l.URL})
	}
	return out
}

var closed = map[node.Closed]string{
	node.ClosedPending: api.ClosedPending, node.ClosedBefore: api.ClosedBefore, node.ClosedErased: api.ClosedErased,
	node.ClosedLost: api.ClosedLost, node.ClosedForged: api.ClosedForged, node.ClosedFaded: api.ClosedFaded,
}

func apiAuthor(a node.Author) api.Author {
	out := api.Author{ID: a.Writer.String(), Name: a.Name, Me: a.Me}
	if a.Account != [32]byte{} {
		out.Account = hex.EncodeToString(a.Account[:])
	}
	return out
}
