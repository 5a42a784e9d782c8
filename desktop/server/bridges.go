package server

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) bridgeRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathBridges, "list-bridges", "Bridges of others that this node may use", http.StatusOK), s.listBridges)
	huma.Register(a, operation(http.MethodPost, api.PathBridges, "add-bridge", "Take a bridge link", http.StatusCreated), s.addBridge)
	huma.Register(a, operation(http.MethodDelete, api.PathBridge, "forget-bridge", "Give a bridge up", http.StatusNoContent), s.forgetBridge)
	huma.Register(a, operation(http.MethodGet, api.PathPasses, "list-bridge-passes", "Links of this bridge that were handed out", http.StatusOK), s.listPasses)
	huma.Register(a, operation(http.MethodPost, api.PathPasses, "add-bridge-pass", "Make a link of this bridge for somebody", http.StatusCreated), s.addPass)
	huma.Register(a, operation(http.MethodDelete, api.PathPass, "revoke-bridge-pass", "Take a link back: whoever is there with it is cut off", http.StatusNoContent), s.revokePass)
	huma.Register(a, operation(http.MethodPost, api.PathTopicLinks, "make-topic-link", "Make a link to a topic, through this bridge if its pass is named", http.StatusCreated), s.topicLink)
}

func (s *Server) listBridges(context.Context, *struct{}) (*body[api.BridgeList], error) {
	list := api.BridgeList{Items: []api.Bridge{}}
	for _, b := range s.node.Bridges() {
		list.Items = append(list.Items, apiBridge(b))
	}
	return answer(list), nil
}

func (s *Server) addBridge(ctx context.Context, in *struct{ Body api.BridgeAdd }) (*body[api.Bridge], error) {
	b, err := s.node.AddBridge(ctx, in.Body.Link)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiBridge(b)), nil
}

// InBridge is the input of an operation on one bridge, or on one bridge link.
type InBridge struct {
	ID string `path:"id" maxLength:"128"`
}

func (s *Server) forgetBridge(ctx context.Context, in *InBridge) (*struct{}, error) {
	if err := s.node.ForgetBridge(ctx, in.ID); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) listPasses(context.Context, *struct{}) (*body[api.PassList], error) {
	list := api.PassList{IsBridge: s.node.IsBridge(), Items: []api.Pass{}}
	for _, p := range s.node.Passes() {
		list.Items = append(list.Items, apiPass(p))
	}
	return answer(list), nil
}

func (s *Server) addPass(ctx context.Context, in *struct{ Body api.PassDraft }) (*body[api.Pass], error) {
	p, err := s.node.NewPass(ctx, in.Body.Name)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(apiPass(p)), nil
}

func (s *Server) revokePass(ctx context.Context, in *InBridge) (*struct{}, error) {
	if err := s.node.RevokePass(ctx, in.ID); err != nil {
		return nil, s.fail(ctx, err)
	}
	return nil, nil
}

func (s *Server) topicLink(ctx context.Context, in *struct {
	InTopic
	Body api.LinkDraft
}) (*body[api.TopicLink], error) {
	t, err := s.topic(in.ID)
	if err != nil {
		return nil, err
	}
	link := ""
	if in.Body.BridgePassName != "" {
		link, err = t.LinkByBridge(ctx, in.Body.BridgePassName)
	} else {
		var info node.TopicInfo
		info, err = t.Info(ctx)
		link = info.Link
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.TopicLink{Topic: t.ID().String(), Link: link}), nil
}

func apiBridge(b node.Bridge) api.Bridge {
	out := api.Bridge{ID: b.ID, Name: b.Name, Added: stamp(b.Added), Connected: b.Connected, Contact: contactID(b.Contact)}
	if b.Connected {
		out.Way = string(b.Way)
	}
	return out
}

func apiPass(p node.Pass) api.Pass {
	return api.Pass{ID: p.ID, Name: p.Name, Created: stamp(p.Created), Used: stampOf(p.Used), Revoked: p.Revoked, Link: p.Link, Contact: contactID(p.Contact)}
}

// contactID is a person's id, empty for nobody.
func contactID(p node.PersonID) string {
	if p == (node.PersonID{}) {
		return ""
	}
	return hex.EncodeToString(p[:])
}

// stampOf is stamp, empty for no time.
func stampOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}
