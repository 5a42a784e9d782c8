package server

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
)

func (s *Server) nodeRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathNode, "get-node", "The node and whom it reaches", http.StatusOK),
		func(context.Context, *struct{}) (*body[api.Node], error) { return answer(s.apiNode()), nil })
	huma.Register(a, operation(http.MethodDelete, api.PathDamage, "forget-damage", "What was said of damage on the disk was read", http.StatusNoContent), s.forgetDamage)
	huma.Register(a, operation(http.MethodGet, api.PathMe, "get-me", "The person", http.StatusOK),
		func(context.Context, *struct{}) (*body[api.Me], error) { return answer(s.apiMe()), nil })
	huma.Register(a, operation(http.MethodGet, api.PathHints, "get-hints", "What others may see of you while you talk", http.StatusOK),
		func(context.Context, *struct{}) (*body[api.Hints], error) { return answer(s.apiHints()), nil })
	huma.Register(a, operation(http.MethodPatch, api.PathHints, "change-hints", "Change what others may see of you while you talk", http.StatusOK), s.changeHints)
	huma.Register(a, operation(http.MethodPatch, api.PathMe, "change-me", "Change the person's name", http.StatusOK), s.changeMe)
	huma.Register(a, operation(http.MethodGet, api.PathPeers, "list-peers", "Nodes connected right now", http.StatusOK), s.listPeers)
	huma.Register(a, operation(http.MethodPost, api.PathPeers, "add-peer", "Connect to an address now", http.StatusOK), s.addPeer)
}

func (s *Server) apiNode() api.Node {
	stands := s.standing()
	st := stands.status
	addresses := st.Addresses
	if addresses == nil {
		addresses = []string{}
	}
	return api.Node{
		Version: s.cfg.Version, PeerID: st.PeerID, Addresses: addresses, Peers: st.Peers,
		Reachability: apiReachability(stands), Name: s.node.Me().Name, Started: stamp(st.Started),
		Disk:   api.Disk{Path: s.node.Dir(), Bytes: s.node.DiskBytes(), Free: s.node.DiskFree()},
		Damage: s.apiDamage(),
	}
}

func (s *Server) apiMe() api.Me {
	me := s.node.Me()
	return api.Me{Name: me.Name, Account: hex.EncodeToString(me.Account[:]), Device: hex.EncodeToString(me.Device[:]), Phrase: s.phraseState()}
}

func (s *Server) changeMe(ctx context.Context, in *struct{ Body api.MePatch }) (*body[api.Me], error) {
	if err := s.node.SetName(ctx, in.Body.Name); err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(s.apiMe()), nil
}

func (s *Server) apiHints() api.Hints {
	h := s.node.Hints()
	return api.Hints{Receipts: &h.Receipts, Typing: &h.Typing, Presence: &h.Presence}
}

func (s *Server) changeHints(ctx context.Context, in *struct{ Body api.Hints }) (*body[api.Hints], error) {
	h := s.node.Hints()
	for _, x := range []struct {
		to  *bool
		say *bool
	}{{&h.Receipts, in.Body.Receipts}, {&h.Typing, in.Body.Typing}, {&h.Presence, in.Body.Presence}} {
		if x.say != nil {
			*x.to = *x.say
		}
	}
	if err := s.node.SetHints(ctx, h); err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(s.apiHints()), nil
}

func (s *Server) listPeers(context.Context, *struct{}) (*body[api.PeerList], error) {
	list := api.PeerList{Items: []api.Peer{}}
	for _, p := range s.node.Peers() {
		list.Items = append(list.Items, api.Peer{PeerID: p.ID, Address: p.Address, Nearby: p.Nearby, Topics: p.Topics})
	}
	return answer(list), nil
}

func (s *Server) addPeer(ctx context.Context, in *struct{ Body api.PeerAdd }) (*body[api.PeerAdded], error) {
	peer, err := s.node.Connect(ctx, in.Body.Address)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return answer(api.PeerAdded{PeerID: peer}), nil
}
