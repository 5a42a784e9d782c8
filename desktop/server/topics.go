package server

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) topicRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathTopics, "list-topics", "All topics, newest activity first", http.StatusOK), s.listTopics)
	huma.Register(a, operation(http.MethodPost, api.PathTopics, "create-topic", "Make a topic", http.StatusCreated), s.createTopic)
	huma.Register(a, operation(http.MethodGet, api.PathTopic, "get-topic", "One topic", http.StatusOK), s.getTopic)
	huma.Register(a, operation(http.MethodPatch, api.PathTopic, "change-topic", "Change name, description, or what is kept here", http.StatusOK), s.changeTopic)
	huma.Register(a, operation(http.MethodGet, api.PathMembers, "list-members", "Who was given a role in a topic; in a private or direct one, who reads it", http.StatusOK), s.members)
	huma.Register(a, operation(http.MethodPost, api.PathInvites, "invite", "Make a link by which one person becomes a member of a private topic, or may write in a broadcast", http.StatusCreated), s.invite)
	huma.Register(a, operation(http.MethodDelete, api.PathInvites, "cancel-invites", "Take back the invitations that nobody has used", http.StatusOK), s.cancelInvites)
	huma.Register(a, operation(http.MethodPatch, api.PathMember, "change-member", "Make a member an admin", http.StatusNoContent), s.changeMember)
	huma.Register(a, operation(http.MethodDelete, api.PathMember, "remove-member", "End the rights of a writer; in a private topic it reads nothing more", http.StatusNoContent), s.removeMember)
	huma.Register(a, operation(http.MethodPost, api.PathRepair, "repair-topic", "Ask others again for what is missing", http.StatusAccepted), s.repair)
	huma.Register(a, operation(http.MethodDelete, api.PathTopic, "leave-topic", "Leave a topic and delete what is stored of it here", http.StatusNoContent), s.leaveTopic)
	huma.Register(a, operation(http.MethodPut, api.PathRead, "mark-read", "Note how far was read", http.StatusNoContent), s.markRead)
	huma.Register(a, operation(http.MethodPost, api.PathTyping, "typing", "Let the other person of a direct topic see that you are typing, if you have switched that on", http.StatusNoContent), s.typing)
	huma.Register(a, operation(http.MethodPut, api.PathDraft, "keep-draft", "Keep a text that was not sent yet", http.StatusNoContent), s.keepDraft)
}

func (s *Server) linkRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodPost, api.PathPreview, "preview-link", "What a link leads to, without joining", http.StatusOK), s.preview)
	huma.Register(a, operation(http.MethodPost, api.PathAccept, "accept-link", "Follow the topic of a link, add its person, or use its bridge", http.StatusOK), s.accept)
}

// topic finds the topic of a path.
func (s *Server) topic(id string) (*node.Topic, error) {
	tid, err := node.ParseTopicID(id)
	if err != nil {
		return nil, newProblem(api.CodeNotFound, "There is no such topic", "Topic ids have 52 characters.")
	}
	t, err := s.node.Topic(tid)
	if err != nil {
		return nil, newProblem(api.CodeNotFound, "There is no such topic", "It was left, or never joined on this computer.")
	}
	return t, nil
}

func (s *Server) listTopics(ctx context.Context, _ *struct{}) (*body[api.TopicList], error) {
	list := api.TopicList{Items: []api.Topic{}, Head: s.node.Head()} // head first: what happens meanwhile comes twice rather than never
	for _, t := range s.node.Topics() {
		info, err := t.Info(ctx)
		if errors.Is(err, node.ErrNotFound) {
			continue // left this moment
		}
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		list.Items = append(list.Items, apiTopic(info))
	}
	return answer(list), nil
}

var kinds = map[string]node.Kind{api.KindBroadcast: node.Broadcast, api.KindOpen: node.OpenTopic, api.KindPrivate: node.PrivateTopic}

func (s *Server) createTopic(ctx context.Context, in *struct{ Body api.TopicDraft }) (*body[api.Topic], error) {
	if in.Body.NewcomersRead != 0 && in.Body.Kind != api.KindPrivate {
		return nil, newProblem(api.CodeInvalid, "Newcomers read everything here", "newcomers_read is for private topics.")
	}
	if in.Body.FadeSeconds != 0 && (in.Body.Kind != api.KindPrivate || in.Body.NewcomersRead != 0) {
		return nil, newProblem(api.CodeInvalid, "Messages cannot disappear here", "fade_seconds is for private topics in which newcomers read nothing of before.")
	}
	t, err := s.node.CreateTopic(ctx, node.TopicDraft{
		Kind: kinds[in.Body.Kind], Name: in.Body.Name, Description: in.Body.Description,
		Past: in.Body.NewcomersRead, Fade: time.Duration(in.Body.FadeSeconds) * time.Second,
	})
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.showTopic(ctx, t)
}

func (s *Server) showTopic(ctx context.Context, t *node.Topic) (*body[api.Topic], error) {
	info, err := t.Info(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiTopic(info)), nil
}

func (s *Server) getTopic(ctx context.Context, in *InTopic) (*body[api.Topic], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	return s.showTopic(ctx, t)
}

func (s *Server) changeTopic(ctx context.Context, in *struct {
	InTopic
	Body api.TopicPatch
}) (*body[api.Topic], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	change := node.TopicChange{Name: in.Body.Name, Description: in.Body.Description, Past: in.Body.NewcomersRead}
	if s := in.Body.FadeSeconds; s != nil {
		fade := time.Duration(*s) * time.Second
		change.Fade = &fade
	}
	if change != (node.TopicChange{}) {
		if err := t.Change(ctx, change); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	if r := in.Body.Retention; r != nil {
		keep, err := keepOf(*r)
		if err != nil {
			return nil, err
		}
		if err := t.SetKeep(ctx, keep); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	if hide := in.Body.HideOrigin; hide != nil {
		if err := t.SetHidesOrigin(ctx, *hide); err != nil {
			return nil, s.fail(ctx, err)
		}
	}
	return s.showTopic(ctx, t)
}

// keepOf is what is to be kept, in the words of the node.
func keepOf(r api.Retention) (node.Keep, error) {
	n := uint64(max(r.N, 0))
	switch {
	case r.Keep == api.KeepAll:
		return node.Keep{}, nil
	case n == 0:
		return node.Keep{}, newProblem(api.CodeInvalid, "Say how many posts or days to keep", "n must be 1 or more.")
	case r.Keep == api.KeepLast:
		return node.Keep{Last: n}, nil
	}
	return node.Keep{Days: n}, nil
}

func apiRetention(k node.Keep) api.Retention {
	switch {
	case k.Last > 0:
		return api.Retention{Keep: api.KeepLast, N: int(k.Last)}
	case k.Days > 0:
		return api.Retention{Keep: api.KeepDays, N: int(k.Days)}
	}
	return api.Retention{Keep: api.KeepAll}
}

func (s *Server) repair(ctx context.Context, in *InTopic) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	t.Repair()
	return nil, nil
}

func (s *Server) leaveTopic(ctx context.Context, in *InTopic) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	if err := t.Leave(ctx); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) markRead(ctx context.Context, in *struct {
	InTopic
	Body api.ReadMark
}) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	id, err := messageID(in.Body.UpTo)
	if err != nil {
		return nil, err
	}
	if err := t.MarkRead(ctx, id); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) keepDraft(ctx context.Context, in *struct {
	InTopic
	Body api.Draft
}) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	if err := t.SetDraft(ctx, in.Body.Text); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) typing(ctx context.Context, in *InTopic) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	t.Typing(ctx)
	return nil, nil
}

func (s *Server) preview(ctx context.Context, in *struct{ Body api.LinkBody }) (*body[api.LinkPreview], error) {
	if c, known, err := s.node.PreviewContact(in.Body.Link); err == nil {
		return answer(api.LinkPreview{Kind: api.KindContact, Name: c.Name, Verified: true, Joined: known, Contact: apiContact(c).ID}), nil
	}
	if b, known, err := s.node.PreviewBridge(in.Body.Link); err == nil {
		return answer(api.LinkPreview{Kind: api.KindBridge, Name: b.Name, Verified: true, Joined: known, Bridge: b.ID}), nil
	}
	p, err := s.node.Preview(ctx, in.Body.Link)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.LinkPreview{
		Topic: p.Topic.String(), Kind: p.Kind.String(), Name: p.Name, Description: p.Description,
		Verified: p.Verified, Joined: p.Joined, Peers: p.Peers, Invite: p.Invite,
	}), nil
}

func (s *Server) accept(ctx context.Context, in *struct{ Body api.LinkBody }) (*body[api.Accepted], error) {
	if _, _, err := s.node.PreviewBridge(in.Body.Link); err == nil {
		b, err := s.node.AddBridge(ctx, in.Body.Link)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		added := apiBridge(b)
		return answer(api.Accepted{Topic: api.Topic{Kind: api.KindBridge, Name: b.Name}, Bridge: &added}), nil
	}
	t, err := s.follow(ctx, in.Body.Link)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	shown, err := s.showTopic(ctx, t)
	if err != nil {
		return nil, err
	}
	return answer(api.Accepted{Topic: shown.Body}), nil
}

// follow joins the topic of a link, or opens the conversation with its person.
func (s *Server) follow(ctx context.Context, link string) (*node.Topic, error) {
	if _, _, err := s.node.PreviewContact(link); err != nil {
		return s.node.Follow(ctx, link)
	}
	c, err := s.node.AddContact(ctx, link, "")
	if err != nil {
		return nil, err
	}
	return s.node.Topic(c.Topic)
}

// apiTopic is a topic in the words of the contract.
func apiTopic(i node.TopicInfo) api.Topic {
	t := api.Topic{
		ID: i.ID.String(), Kind: i.Kind.String(), Name: i.Name, Description: i.Description, Link: i.Link,
		Role: i.Role.String(), CanPost: i.CanPost, Unread: i.Unread, Followers: i.Followers,
		Completeness: apiCompleteness(i.Completeness), Retention: apiRetention(i.Keep), HideOrigin: i.HidesOrigin, Draft: i.Draft, Joined: stamp(i.Joined),
	}
	if !i.Created.IsZero() {
		t.Created = stamp(i.Created)
	}
	if i.ReadUpTo != (node.RecordID{}) {
		t.ReadUpTo = i.ReadUpTo.String()
	}
	if i.Whom != (node.PersonID{}) {
		t.Contact = hex.EncodeToString(i.Whom[:])
	}
	if i.Live != nil {
		t.Live = &api.Live{Typing: i.Live.Typing, Here: i.Live.Here}
	}
	t.Sealing = apiSealing(i)
	if i.Last != nil {
		m := apiMessage(*i.Last)
		t.Last = &m
	}
	return t
}

// stamp is RFC 3339 in UTC with milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
