package server

import (
	"context"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) members(ctx context.Context, in *InTopic) (*body[api.MemberList], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	members, invited := t.Members()
	list := api.MemberList{Items: []api.Member{}, Invited: invited}
	for _, m := range members {
		list.Items = append(list.Items, api.Member{Author: apiAuthor(m.Author), Role: m.Role.String()})
	}
	return answer(list), nil
}

var roles = map[string]node.Role{api.RoleAdmin: node.Admin, api.RoleWriter: node.Contributor}

func (s *Server) invite(ctx context.Context, in *struct {
	InTopic
	Role string `query:"role" enum:"writer,admin" default:"writer" doc:"What the invited may do"`
}) (*body[api.Invite], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	invite, err := t.InviteAs(ctx, roles[in.Role])
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.Invite{Link: invite.Link, Expires: stamp(invite.Expires)}), nil
}

func (s *Server) cancelInvites(ctx context.Context, in *InTopic) (*body[api.InvitesCancelled], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	n, err := t.CancelInvites(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.InvitesCancelled{Cancelled: n}), nil
}

func (s *Server) changeMember(ctx context.Context, in *struct {
	InTopic
	Writer string `path:"writer" maxLength:"64" doc:"The id of the member's author"`
	Body   api.MemberPatch
}) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	w, err := node.ParseWriter(in.Writer)
	if err != nil {
		return nil, newProblem(api.CodeNotFound, "There is no such member", "It has left, or never was one.")
	}
	if err := t.SetRole(ctx, w, roles[in.Body.Role]); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) removeMember(ctx context.Context, in *struct {
	InTopic
	Writer string `path:"writer" maxLength:"64" doc:"The id of the member's author"`
}) (*struct{}, error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	w, err := node.ParseWriter(in.Writer)
	if err != nil {
		return nil, newProblem(api.CodeNotFound, "There is no such member", "It has left, or never was one.")
	}
	if err := t.Remove(ctx, w); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

// apiSealing says how this device stands in a sealed topic, nil in another.
func apiSealing(i node.TopicInfo) *api.Sealing {
	if i.Sealing == nil {
		return nil
	}
	s := api.Sealing{
		Member: i.Sealing.Member, Members: i.Sealing.Members, Invited: i.Sealing.Invited,
		Joining: i.Sealing.Joining, Refused: i.Sealing.Refused, Removed: i.Sealing.Removed, Stranger: i.Sealing.Stranger, FadeSeconds: int(i.Sealing.Fade / time.Second), NewcomersRead: i.Sealing.Past,
	}
	switch {
	case i.Sealing.Stranger:
		s.Summary = "Careful: somebody who is neither of you two reads this conversation."
	case i.Kind == node.DirectTopic && s.Members == 1:
		s.Summary = "End-to-end encrypted. Waiting for the other person."
	case s.Refused:
		s.Summary = "Somebody else has used this invitation. Ask for another one."
	case s.Joining:
		s.Summary = "Waiting to be let in. That happens by itself once the person who invited you is connected."
	case s.Removed:
		s.Summary = "You were removed from this topic. You keep what you could read; what is written now you cannot read."
	case !s.Member:
		s.Summary = "This computer keeps and serves this topic for its members and cannot read what they write."
	case s.Members == 1:
		s.Summary = "Only you can read this. Invite people to share it."
	default:
		s.Summary = fmt.Sprintf("End-to-end encrypted. %d devices can read this.", s.Members)
	}
	return &s
}
