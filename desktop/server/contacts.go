package server

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) contactRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathContacts, "list-contacts", "The people whom you know, and those who ask to be known, by name", http.StatusOK), s.listContacts)
	huma.Register(a, operation(http.MethodPost, api.PathContacts, "add-contact", "Make a contact of a link and open a conversation with the person", http.StatusCreated), s.addContact)
	huma.Register(a, operation(http.MethodGet, api.PathContact, "get-contact", "One person", http.StatusOK), s.getContact)
	huma.Register(a, operation(http.MethodPatch, api.PathContact, "change-contact", "Rename, accept, block, or take a verification back", http.StatusOK), s.changeContact)
	huma.Register(a, operation(http.MethodDelete, api.PathContact, "delete-contact", "Forget a person and leave the conversation", http.StatusNoContent), s.deleteContact)
	huma.Register(a, operation(http.MethodGet, api.PathSafety, "get-safety-number", "What both people compare", http.StatusOK), s.safety)
	huma.Register(a, operation(http.MethodPost, api.PathVerify, "verify-contact", "Say what came of comparing safety numbers", http.StatusOK), s.verify)
	huma.Register(a, operation(http.MethodGet, api.PathMeLink, "get-my-link", "What to send a person so that they can write to you", http.StatusOK), s.meLink)
	huma.Register(a, operation(http.MethodPost, api.PathMeLink, "renew-my-link", "Make another link; with the old one nobody new can write to you", http.StatusOK), s.renewLink)
}

// InContact is the input of an operation on one contact.
type InContact struct {
	ID string `path:"id" maxLength:"64" doc:"Contact id"`
}

func (in InContact) person() (node.PersonID, error) {
	id, err := node.ParsePerson(in.ID)
	if err != nil {
		return id, newProblem(api.CodeNotFound, "There is no such contact", "Contact ids have 64 characters.")
	}
	return id, nil
}

func (s *Server) listContacts(context.Context, *struct{}) (*body[api.ContactList], error) {
	list := api.ContactList{Items: []api.Contact{}}
	for _, c := range s.node.Contacts() {
		list.Items = append(list.Items, apiContact(c))
	}
	return answer(list), nil
}

func (s *Server) addContact(ctx context.Context, in *struct{ Body api.ContactAdd }) (*body[api.Contact], error) {
	c, err := s.node.AddContact(ctx, in.Body.Link, in.Body.Name)
	return s.showContact(ctx, c, err)
}

func (s *Server) showContact(ctx context.Context, c node.Contact, err error) (*body[api.Contact], error) {
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiContact(c)), nil
}

func (s *Server) getContact(ctx context.Context, in *InContact) (*body[api.Contact], error) {
	id, err := in.person()
	if err != nil {
		return nil, err
	}
	c, err := s.node.Contact(id)
	return s.showContact(ctx, c, err)
}

func (s *Server) changeContact(ctx context.Context, in *struct {
	InContact
	Body api.ContactPatch
}) (*body[api.Contact], error) {
	id, err := in.person()
	if err != nil {
		return nil, err
	}
	c, err := s.node.ChangeContact(ctx, id, node.ContactChange{
		Name: in.Body.Name, Blocked: in.Body.Blocked, Accepted: in.Body.Accepted, Verified: in.Body.Verified, Seen: in.Body.Seen,
	})
	return s.showContact(ctx, c, err)
}

func (s *Server) deleteContact(ctx context.Context, in *InContact) (*struct{}, error) {
	id, err := in.person()
	if err != nil {
		return nil, err
	}
	if err := s.node.DeleteContact(ctx, id); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) safety(ctx context.Context, in *InContact) (*body[api.Safety], error) {
	id, err := in.person()
	if err != nil {
		return nil, err
	}
	safety, err := s.node.Safety(id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.Safety{Groups: safety.Groups, Code: safety.Code}), nil
}

var comparisons = map[node.Comparison]string{
	node.SafetyMatch: api.SafetyMatch, node.SafetyDifferent: api.SafetyDifferent, node.SafetyUnreadable: api.SafetyUnreadable,
	node.SafetyVersion: api.SafetyVersion, node.SafetyOwn: api.SafetyOwn,
}

func (s *Server) verify(ctx context.Context, in *struct {
	InContact
	Body api.Verification
}) (*body[api.Verified], error) {
	id, err := in.person()
	if err != nil {
		return nil, err
	}
	result := node.SafetyUnreadable
	if in.Body.Scanned != "" {
		result, err = s.node.Compare(ctx, id, in.Body.Scanned)
	} else if in.Body.Same {
		yes := true
		result = node.SafetyMatch
		_, err = s.node.ChangeContact(ctx, id, node.ContactChange{Verified: &yes})
	} else {
		return nil, newProblem(api.CodeInvalid, "Say what was compared", "Give what was scanned, or that the digits are the same.")
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	c, err := s.node.Contact(id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.Verified{Result: comparisons[result], Contact: apiContact(c)}), nil
}

func (s *Server) meLink(ctx context.Context, _ *struct{}) (*body[api.MeLink], error) {
	link, err := s.node.ContactLink()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.MeLink{Link: link}), nil
}

func (s *Server) renewLink(ctx context.Context, _ *struct{}) (*body[api.MeLink], error) {
	link, err := s.node.RenewContactLink(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.MeLink{Link: link}), nil
}

// apiContact is a contact in the words of the contract.
func apiContact(c node.Contact) api.Contact {
	out := api.Contact{
		ID: hex.EncodeToString(c.ID[:]), Name: c.Name, Claimed: c.Claimed, Request: c.Request, Waiting: c.Waiting,
		Verified: c.Verified, Blocked: c.Blocked, Added: stamp(c.Added),
	}
	if c.Topic != (node.TopicID{}) {
		out.Topic = c.Topic.String()
	}
	if !c.NewDevice.IsZero() {
		out.NewDevice = stamp(c.NewDevice)
	}
	return out
}
