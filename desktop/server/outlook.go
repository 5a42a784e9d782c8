package server

import (
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// standing is all that the sentence about reach, and the answer to who can see it,
// are made of.
type standing struct {
	status   node.Status
	outlook  node.Outlook
	settings node.ReachSettings
	bridges  []node.Bridge
	isBridge bool
	offline  bool // this computer has no network
}

func (s *Server) standing() standing {
	return standing{
		status: s.node.Status(), outlook: s.node.Outlook(), settings: s.node.ReachSettings(),
		bridges: s.node.Bridges(), isBridge: s.node.IsBridge(), offline: offline(),
	}
}

// offline reports whether no network but this computer's own is there.
func offline() bool {
	faces, err := net.Interfaces()
	if err != nil {
		return false // unknown
	}
	for _, f := range faces {
		if f.Flags&net.FlagUp == 0 || f.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := f.Addrs()
		if err != nil {
			return false
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
				return false
			}
		}
	}
	return true
}

// mode is what the contract calls the mode that holds.
func (s standing) mode() string {
	if s.status.LANOnly {
		return api.ModeLAN
	}
	return apiMode(string(s.settings.Mode))
}

func (s standing) way(name string) node.Way {
	for _, w := range s.outlook.Ways {
		if string(w.Name) == name {
			return w
		}
	}
	return node.Way{}
}

func (s standing) peers(ways ...string) (n int) {
	for _, w := range ways {
		n += s.way(w).Peers
	}
	return n
}

func (s standing) is(state string, ways ...string) bool {
	for _, w := range ways {
		if string(s.way(w).State) == state {
			return true
		}
	}
	return false
}

// counts are people by how they are reached. Somebody who is reached by two ways counts
// by the first of them.
type counts struct{ straight, near, relayed, proxied, bridges, guests, rest int }

func (s standing) count() (c counts) {
	left := s.status.Peers
	take := func(n int) int { n = min(n, left); left -= n; return n }
	c.straight, c.near = take(s.peers(api.WayQUIC, api.WayTCP, api.WayPunch)), take(s.peers(api.WayLAN))
	c.relayed, c.proxied = take(s.peers(api.WayRelay)), take(s.peers(api.WayTor))
	through := take(s.peers(api.WayVeil, api.WayDrip, api.WayPT))
	if left == s.status.Peers { // not counted by way yet
		c.near = take(s.status.Nearby)
	}
	c.bridges, c.rest = through, left
	if s.isBridge { // who comes in by this bridge comes by the same ways
		c.bridges = min(s.bridgesUp(), through)
		c.guests = through - c.bridges
	}
	return c
}

// bridgesUp counts the bridges of others that are connected as such.
func (s standing) bridgesUp() (n int) {
	for _, b := range s.bridges {
		switch string(b.Way) {
		case api.WayVeil, api.WayDrip, api.WayPT:
			if b.Connected {
				n++
			}
		}
	}
	return n
}

// sentence says in a word and in plain sentences whom this node reaches, how, and
// what stands in the way. What it does not know it does not say.
func (s standing) sentence() (state, text string) {
	state, whom := s.whom()
	if state != api.ReachConnected {
		return state, join(whom, clockSentence(s.outlook))
	}
	return state, join(whom, s.because(), s.limits(), clockSentence(s.outlook))
}

// whom says who is connected, and by which ways.
func (s standing) whom() (state, text string) {
	c := s.count()
	groups := c.groups()
	var said []string
	if len(groups) > 0 {
		said = append(said, "You can reach "+inList(groups)+".")
	}
	switch {
	case c.bridges > 0 && len(groups) == 0:
		said = append(said, "You are connected through "+aBridge(c.bridges)+".")
	case c.bridges > 0:
		said = append(said, "You are also connected through "+aBridge(c.bridges)+".")
	}
	switch {
	case c.guests == 1:
		said = append(said, "1 person comes in through this bridge.")
	case c.guests > 1:
		said = append(said, people(c.guests)+" come in through this bridge.")
	}
	if len(said) == 0 {
		return s.nobody()
	}
	return api.ReachConnected, strings.Join(said, " ")
}

// groups are those who are reached otherwise than by bridges, in words.
func (c counts) groups() (list []string) {
	for _, g := range []struct {
		n   int
		how string
	}{{c.straight, " directly"}, {c.near, " on this network"}, {c.relayed, " through a volunteer's computer"}, {c.proxied, " through Tor"}, {c.rest, ""}} {
		switch {
		case g.n <= 0:
		case len(list) == 0:
			list = append(list, people(g.n)+g.how)
		case g.how == "":
			list = append(list, fmt.Sprintf("%d by other ways", g.n))
		default:
			list = append(list, fmt.Sprint(g.n, g.how))
		}
	}
	return list
}

func aBridge(n int) string {
	if n == 1 {
		return "a bridge"
	}
	return fmt.Sprintf("%d bridges", n)
}

// because says what is blocked, where that explains the ways that are used.
func (s standing) because() string {
	fails := func(ways ...string) bool { return s.is(api.WayFails, ways...) }
	c := s.count()
	straight, bridges := c.straight > 0, c.bridges
	slow := ""
	if bridges > 0 && s.peers(api.WayVeil, api.WayPT) == 0 && s.peers(api.WayDrip) > 0 {
		slow = "Everything goes in many small pieces, which is slower."
		if fails(api.WayVeil) {
			slow = "Longer visits to a web site are cut off here, so everything goes in many small pieces, which is slower."
		}
	}
	switch {
	case straight && fails(api.WayQUIC) && s.is(api.WayWorks, api.WayTCP):
		return "QUIC is blocked on this network, so Linnet uses ordinary connections (TCP)."
	case straight || s.mode() != api.ModeOpen:
		return slow
	case bridges > 0 && fails(api.WayQUIC) && fails(api.WayTCP):
		return join("Direct connections are blocked on this network, so Linnet uses ordinary web connections.", slow)
	case bridges > 0 && fails(api.WayQUIC):
		return join("QUIC is blocked on this network, so Linnet uses ordinary web connections.", slow)
	case bridges > 0 && fails(api.WayTCP):
		return join("TCP is blocked on this network, so Linnet uses ordinary web connections.", slow)
	case bridges > 0:
		return slow
	case c.relayed > 0 && fails(api.WayQUIC, api.WayTCP, api.WayPunch):
		return "Direct connections do not work from here. Volunteers pass on what is sent, and cannot read what is private."
	}
	return ""
}

// limits says what the settings forbid.
func (s standing) limits() string {
	switch s.mode() {
	case api.ModeLAN:
		return "Only this network is used."
	case api.ModeTor:
		return "Nothing leaves by another way than Tor."
	case api.ModeCovert:
		return "Only bridges are used: to whoever watches the line it looks like visits to a web site."
	}
	return ""
}

// nobody says why nobody is connected, what was tried and what would help.
func (s standing) nobody() (state, text string) {
	mode := s.mode()
	switch {
	case s.offline:
		return api.ReachOffline, "This computer has no network. What you write is kept and goes out later; to pass it on now, save it to a file and carry it."
	case mode == api.ModeCovert && len(s.bridges) == 0:
		return api.ReachAlone, "Only bridges are used, and you have none yet. Open a bridge link that somebody gave you."
	case mode == api.ModeTor && s.is(api.WayFails, api.WayTor):
		return api.ReachSearching, fmt.Sprintf("Nobody is connected right now. Through Tor, at %s, nobody could be reached so far: look whether it runs. Nothing leaves by another way.", s.settings.SOCKS)
	case s.status.Known == 0 && len(s.bridges) == 0:
		return api.ReachAlone, join("Nobody to reach yet. Open a link, or send yours to somebody.", s.limits())
	}
	text, it := "Nobody is connected right now.", "Linnet"
	if tried := s.tried(); len(tried) > 0 {
		text += " Linnet has tried " + inList(tried) + ", without success."
		it = "It"
	}
	if s.status.Known > 0 {
		text += fmt.Sprintf(" %s keeps trying the %s it knows.", it, people(s.status.Known))
	} else {
		text += " " + it + " keeps trying " + yourBridges(len(s.bridges)) + "."
	}
	return api.ReachSearching, join(text, s.help(), s.limits())
}

func yourBridges(n int) string {
	if n == 1 {
		return "your bridge"
	}
	return fmt.Sprintf("your %d bridges", n)
}

// tried lists in words the ways that failed here.
func (s standing) tried() (list []string) {
	for _, x := range []struct {
		how  string
		ways []string
	}{
		{"this network", []string{api.WayLAN}},
		{"directly", []string{api.WayQUIC, api.WayTCP, api.WayPunch}},
		{"through a volunteer's computer", []string{api.WayRelay}},
		{"through a bridge", []string{api.WayVeil, api.WayDrip, api.WayPT}},
		{"through Tor", []string{api.WayTor}},
	} {
		if s.is(api.WayFails, x.ways...) {
			list = append(list, x.how)
		}
	}
	return list
}

// help says what a person can do where direct connections have failed.
func (s standing) help() string {
	switch {
	case s.mode() == api.ModeLAN || !s.is(api.WayFails, api.WayQUIC, api.WayTCP, api.WayVeil, api.WayDrip):
		return ""
	case len(s.bridges) == 0:
		return "If this network blocks Linnet, a bridge helps: ask somebody you trust for a bridge link."
	}
	return "Another bridge may help, or a file that you carry."
}

// Below notedSkew a clock that is wrong does no harm; from harmfulSkew on others put
// aside what comes from the future (DESIGN §5).
const (
	notedSkew   = time.Minute
	harmfulSkew = 10 * time.Minute
)

// clockSentence says that the clock is wrong, and by how much.
func clockSentence(o node.Outlook) string {
	off := o.Skew.Abs()
	if !o.SkewKnown || off < notedSkew {
		return ""
	}
	where, harm := "ahead of", "others put aside what you write"
	if o.Skew < 0 {
		where, harm = "behind", "what others write is put aside here"
	}
	text := fmt.Sprintf("This computer's clock is %s %s that of others: set it right", span(off), where)
	if off >= harmfulSkew {
		text += ", or " + harm
	}
	return text + "."
}

// span is a time in words, to the unit that matters.
func span(d time.Duration) string {
	for _, u := range []struct {
		name string
		of   time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if n := int(d.Round(u.of) / u.of); n > 1 || n == 1 && d >= u.of {
			if n == 1 {
				return "1 " + u.name
			}
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return "less than a minute"
}

// inList joins words as a sentence does.
func inList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// join puts sentences after each other, those that there are.
func join(sentences ...string) string {
	var kept []string
	for _, s := range sentences {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " ")
}
