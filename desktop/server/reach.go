package server

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func (s *Server) reachRoutes(a huma.API) {
	huma.Register(a, operation(http.MethodGet, api.PathReach, "get-reach", "How this node gets to others, here and now, and who can see that", http.StatusOK), s.getReach)
	huma.Register(a, operation(http.MethodPatch, api.PathReach, "change-reach", "Change which ways may be used: the node closes and opens again, for which other requests wait", http.StatusOK), s.changeReach)
}

// ladder are the ways in the order in which they are tried.
var ladder = []string{api.WayLAN, api.WayQUIC, api.WayTCP, api.WayPunch, api.WayRelay, api.WayVeil, api.WayDrip, api.WayPT, api.WayTor, api.WayBundle}

// apiMode is what the contract calls a mode of the node, whose word for every way is none.
func apiMode(mode string) string {
	if mode == "" {
		return api.ModeOpen
	}
	return mode
}

func (s *Server) getReach(context.Context, *struct{}) (*body[api.Reach], error) {
	return answer(s.apiReach()), nil
}

func (s *Server) apiReach() api.Reach {
	stands := s.standing()
	r := api.Reach{
		Peers: stands.status.Peers, Ways: apiWays(stands.outlook), Public: stands.outlook.Public,
		Settings: apiReachSettings(stands), Fixed: slices.Clone(s.cfg.ReachFixed), SeenBy: stands.seenBy(), IsBridge: stands.isBridge,
	}
	r.State, r.Summary = stands.sentence()
	if stands.outlook.SkewKnown {
		ms := stands.outlook.Skew.Milliseconds()
		r.Skew = &ms
	}
	if r.Fixed == nil {
		r.Fixed = []string{}
	}
	return r
}

// apiWays are all ways; one that the node does not speak of was not tried.
func apiWays(o node.Outlook) []api.Way {
	list := []api.Way{}
	for _, name := range ladder {
		w := api.Way{Name: name, State: api.WayUntried}
		for _, x := range o.Ways {
			if string(x.Name) != name {
				continue
			}
			w = api.Way{Name: name, State: string(x.State), Why: asSentence(x.Why), Tried: x.Tried, Worked: x.Worked, Peers: x.Peers}
			if !x.Since.IsZero() {
				w.Since = stamp(x.Since)
			}
		}
		list = append(list, w)
	}
	return list
}

func apiReachSettings(s standing) api.ReachSettings {
	return api.ReachSettings{
		Mode: s.mode(), NoMDNS: s.settings.NoMDNS, NoDHT: s.settings.NoDHT, DataSaver: s.settings.DataSaver,
		SOCKS: s.settings.SOCKS, Onion: s.settings.Onion, Look: s.settings.Look,
	}
}

// patched is s as p changes it.
func patched(s node.ReachSettings, p api.ReachPatch) node.ReachSettings {
	if p.Mode != nil {
		switch *p.Mode {
		case api.ModeLAN:
			s.Mode = "lan"
		case api.ModeTor:
			s.Mode = "tor"
		case api.ModeCovert:
			s.Mode = "covert"
		default:
			s.Mode = ""
		}
	}
	for _, x := range []struct {
		to  *bool
		say *bool
	}{{&s.NoMDNS, p.NoMDNS}, {&s.NoDHT, p.NoDHT}, {&s.DataSaver, p.DataSaver}} {
		if x.say != nil {
			*x.to = *x.say
		}
	}
	for _, x := range []struct {
		to  *string
		say *string
	}{{&s.SOCKS, p.SOCKS}, {&s.Onion, p.Onion}, {&s.Look, p.Look}} {
		if x.say != nil {
			*x.to = *x.say
		}
	}
	return s
}

// fixedOf names the first setting of p that was given at the start, empty for none.
func (s *Server) fixedOf(p api.ReachPatch) string {
	for _, x := range []struct {
		name  string
		asked bool
	}{
		{"mode", p.Mode != nil}, {"no_mdns", p.NoMDNS != nil}, {"no_dht", p.NoDHT != nil}, {"data_saver", p.DataSaver != nil},
		{"socks", p.SOCKS != nil}, {"onion", p.Onion != nil}, {"look", p.Look != nil},
	} {
		if x.asked && slices.Contains(s.cfg.ReachFixed, x.name) {
			return x.name
		}
	}
	return ""
}

// errSame ends a change of settings that changes nothing.
var errSame = errors.New("server: nothing changes")

func (s *Server) changeReach(ctx context.Context, in *struct{ Body api.ReachPatch }) (*body[api.Reach], error) {
	if name := s.fixedOf(in.Body); name != "" {
		p := newProblem(api.CodeFixed, "This was given when Linnet was started", "Start it without that option to change it here.")
		p.Params = map[string]string{"setting": name}
		return nil, p
	}
	err := s.changeSettings(ctx, in.Body)
	if err != nil && !errors.Is(err, errSame) {
		return nil, s.fail(ctx, err)
	}
	use, err := s.use(ctx, false)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	defer use.Done()
	return answer(s.apiReach()), nil
}

// changeSettings stores settings and opens the node again with them. What does not
// change, or does not fit together, leaves the node open.
func (s *Server) changeSettings(ctx context.Context, p api.ReachPatch) error {
	use, err := s.use(ctx, false)
	if err != nil {
		return err
	}
	now := use.Node.StoredReachSettings()
	use.Done()
	next := patched(now, p)
	if next == now {
		return errSame
	}
	if err := next.Check(); err != nil {
		return err
	}
	return s.gate.Reopen(ctx, func(n *node.Node) (*node.Node, error) {
		return n.ReopenWith(ctx, patched(n.StoredReachSettings(), p))
	})
}
