package desktop

import (
	"context"
	"fmt"
	"strings"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// Bridge makes the node a bridge for people whose network is blocked: a web site, and
// for who has one of its links the way to this node behind it.
type Bridge struct {
	Listen   string   // host:port to listen on, such as 0.0.0.0:443; required
	Public   []string // IP:port at which others reach that; empty: what this computer finds out about itself
	Name     string   // the site's name in the TLS handshake; empty: one is made up
	Site     string   // http:// or https:// URL of a real site to show to everybody else; empty: a page of its own
	CertFile string   // PEM, with KeyFile: the site's own certificate; empty: self-signed
	KeyFile  string
	Looks    []byte // JSON with the browsers that guests are to look like on their way here; empty: those in their programs
	Title    string // what its links call it; may be empty
	Contacts bool   // contacts of this person are let in without being given a link
}

// node is what the node is told: that of a mirror also carries what its guests follow,
// for keeping and serving is what it is there for.
func (b *Bridge) node(mirror bool) *node.BridgeConfig {
	if b == nil {
		return nil
	}
	return &node.BridgeConfig{Listen: b.Listen, Public: b.Public, Name: b.Name, Site: b.Site, CertFile: b.CertFile, KeyFile: b.KeyFile, Looks: b.Looks, Title: b.Title, Contacts: b.Contacts, Carry: mirror}
}

// reach are the settings of reach that the options give in the place of the stored
// ones, nil for none, and the names of those that thereby cannot be changed later.
func (o Options) reach() (*node.ReachSettings, []string, error) {
	var s node.ReachSettings
	switch {
	case o.Tor != "" && o.Covert, o.LANOnly && (o.Tor != "" || o.Covert):
		return nil, nil, &Error{Code: api.CodeInvalid, Title: "these options exclude each other", Detail: "use one of --lan-only, --tor and --covert"}
	case o.Onion != "" && o.Tor == "":
		return nil, nil, &Error{Code: api.CodeInvalid, Title: "an option is missing", Detail: "--onion at the start goes with --tor; without, use: linnet reach set --onion"}
	case o.Tor != "":
		s.Mode, s.SOCKS, s.Onion = "tor", o.Tor, o.Onion
	case o.Covert:
		s.Mode = "covert"
	default:
		return nil, o.fixed(), nil
	}
	if err := s.Check(); err != nil {
		return nil, nil, &Error{Code: api.CodeInvalid, Title: "these settings do not work", Detail: settingsCause(err), Err: err}
	}
	return &s, []string{"mode", "no_mdns", "no_dht", "data_saver", "socks", "onion", "look"}, nil
}

// settingsCause says what is wrong with settings.
func settingsCause(err error) string {
	_, why, _ := strings.Cut(err.Error(), node.ErrSettings.Error()+": ")
	return why
}

func (o Options) fixed() (names []string) {
	if o.LANOnly {
		names = append(names, "mode")
	}
	if o.NoMDNS {
		names = append(names, "no_mdns")
	}
	return names
}

// firstPass is what the bridge link is called that a mirror makes by itself.
const firstPass = "First link"

// firstLink makes a bridge link where none was handed out yet, and tells it; else how
// to see those that there are.
func (a *app) firstLink(ctx context.Context) {
	use, err := a.gate.UseSoon(ctx, true)
	if err != nil {
		return // locked, or about to stop
	}
	defer use.Done()
	live := 0
	for _, p := range use.Node.Passes() {
		if !p.Revoked {
			live++
		}
	}
	l := BridgeLine{Links: live}
	if live == 0 {
		p, err := use.Node.NewPass(ctx, firstPass)
		if err != nil {
			l.Problem = cause(err)
		}
		l.Link = p.Link
	}
	a.tellBridge(l)
}

// BridgeLine is what a mirror that is a bridge writes to Out once, as one line of
// JSON if Options.JSON is set.
type BridgeLine struct {
	Link    string `json:"bridge_link,omitempty"` // a first one, made now; a secret
	Links   int    `json:"bridge_links"`          // that were handed out before
	Problem string `json:"problem,omitempty"`
}

func (a *app) tellBridge(l BridgeLine) {
	switch {
	case a.o.JSON:
		if err := writeLine(a.o.Out, l); err != nil {
			a.log.Warn("desktop: write", "err", err)
		}
	case l.Problem != "":
		fmt.Fprintf(a.o.Out, "No bridge link could be made: %s\n", l.Problem)
	case l.Link != "":
		fmt.Fprintf(a.o.Out, "This is a bridge. Its link is a secret: give it to somebody whom you trust, by a way that others do not read.\n%s\nMake one for each person with: %s\n",
			l.Link, Command("bridge link NAME", a.o.Data))
	default:
		fmt.Fprintf(a.o.Out, "This is a bridge. See the links that were handed out with: %s\n", Command("bridge links", a.o.Data))
	}
}
