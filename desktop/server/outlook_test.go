package server

import (
	"strings"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

// outlookOf reads "quic:fails tcp:works:7" into an outlook.
func outlookOf(t *testing.T, text string) (o node.Outlook) {
	t.Helper()
	for _, word := range strings.Fields(text) {
		name, rest, _ := strings.Cut(word, ":")
		state, count, _ := strings.Cut(rest, ":")
		w := node.Way{Name: node.WayName(name), State: node.WayState(state), Tried: 1} // the contract's words are the node's
		for _, r := range count {
			w.Peers = w.Peers*10 + int(r-'0')
		}
		o.Ways = append(o.Ways, w)
	}
	return o
}

// TestSentenceOfReach: every way to be connected, and every reason not to be, is said
// in plain words, and nothing is said that is not so.
func TestSentenceOfReach(t *testing.T) {
	connected := func(n int) node.Status { return node.Status{Peers: n, Known: n} }
	known := func(n int) node.Status { return node.Status{Known: n} }
	tor := node.ReachSettings{Mode: "tor", SOCKS: "127.0.0.1:9050"}
	covert, lan := node.ReachSettings{Mode: "covert"}, node.ReachSettings{Mode: "lan"}
	mine := []node.Bridge{{ID: "b"}}
	up := []node.Bridge{{ID: "b", Connected: true, Way: "veil"}}
	for _, x := range []struct {
		name     string
		s        standing
		ways     string
		skew     time.Duration
		state    string
		sentence string
	}{
		{name: "directly", s: standing{status: connected(7)}, ways: "quic:works:7 tcp:untried", state: "connected",
			sentence: "You can reach 7 people directly."},
		{name: "QUIC blocked", s: standing{status: connected(7)}, ways: "quic:fails tcp:works:7", state: "connected",
			sentence: "You can reach 7 people directly. QUIC is blocked on this network, so Linnet uses ordinary connections (TCP)."},
		{name: "QUIC failed, TCP was not needed", s: standing{status: connected(1)}, ways: "quic:fails punch:works:1", state: "connected",
			sentence: "You can reach 1 person directly."},
		{name: "somebody by two ways", s: standing{status: connected(2)}, ways: "quic:works:2 relay:works:1", state: "connected",
			sentence: "You can reach 2 people directly."},
		{name: "not counted by way", s: standing{status: node.Status{Peers: 3, Nearby: 1}}, state: "connected",
			sentence: "You can reach 1 person on this network and 2 by other ways."},
		{name: "all near, not counted by way", s: standing{status: node.Status{Peers: 2, Nearby: 2}}, state: "connected",
			sentence: "You can reach 2 people on this network."},
		{name: "none near, not counted by way", s: standing{status: connected(2)}, state: "connected",
			sentence: "You can reach 2 people."},
		{name: "several ways", s: standing{status: connected(9)}, ways: "lan:works:2 quic:works:3 tcp:works:1 relay:works:2 tor:works:1", state: "connected",
			sentence: "You can reach 4 people directly, 2 on this network, 2 through a volunteer's computer and 1 through Tor."},
		{name: "a volunteer", s: standing{status: connected(2)}, ways: "quic:fails tcp:fails punch:fails relay:works:2", state: "connected",
			sentence: "You can reach 2 people through a volunteer's computer. Direct connections do not work from here. Volunteers pass on what is sent, and cannot read what is private."},
		{name: "a volunteer, nothing else tried", s: standing{status: connected(2)}, ways: "relay:works:2", state: "connected",
			sentence: "You can reach 2 people through a volunteer's computer."},
		{name: "a bridge, everything blocked", s: standing{status: connected(1), bridges: up}, ways: "quic:fails tcp:fails veil:works:1", state: "connected",
			sentence: "You are connected through a bridge. Direct connections are blocked on this network, so Linnet uses ordinary web connections."},
		{name: "a bridge, QUIC blocked", s: standing{status: connected(1), bridges: up}, ways: "quic:fails tcp:untried veil:works:1", state: "connected",
			sentence: "You are connected through a bridge. QUIC is blocked on this network, so Linnet uses ordinary web connections."},
		{name: "a bridge, TCP blocked", s: standing{status: connected(1), bridges: up}, ways: "quic:untried tcp:fails pt:works:1", state: "connected",
			sentence: "You are connected through a bridge. TCP is blocked on this network, so Linnet uses ordinary web connections."},
		{name: "a bridge, nothing blocked", s: standing{status: connected(1), bridges: up}, ways: "veil:works:1", state: "connected",
			sentence: "You are connected through a bridge."},
		{name: "a slow bridge", s: standing{status: connected(1), bridges: mine}, ways: "quic:fails tcp:fails veil:fails drip:works:1", state: "connected",
			sentence: "You are connected through a bridge. Direct connections are blocked on this network, so Linnet uses ordinary web connections. Longer visits to a web site are cut off here, so everything goes in many small pieces, which is slower."},
		{name: "a slow bridge that was fast enough", s: standing{status: connected(1), bridges: mine}, ways: "veil:untried drip:works:1", state: "connected",
			sentence: "You are connected through a bridge. Everything goes in many small pieces, which is slower."},
		{name: "a bridge beside others", s: standing{status: connected(6), bridges: up}, ways: "quic:works:4 veil:works:2", state: "connected",
			sentence: "You can reach 4 people directly. You are also connected through 2 bridges."},
		{name: "this is a bridge", s: standing{status: connected(5), isBridge: true}, ways: "quic:works:2 veil:works:2 drip:works:1", state: "connected",
			sentence: "You can reach 2 people directly. 3 people come in through this bridge."},
		{name: "a bridge that uses one", s: standing{status: connected(2), isBridge: true, bridges: up}, ways: "veil:works:2", state: "connected",
			sentence: "You are connected through a bridge. 1 person comes in through this bridge."},
		{name: "this network only", s: standing{status: connected(3), settings: lan}, ways: "lan:works:3 quic:off tcp:off", state: "connected",
			sentence: "You can reach 3 people on this network. Only this network is used."},
		{name: "Tor only", s: standing{status: connected(3), settings: tor}, ways: "quic:off tcp:off tor:works:3", state: "connected",
			sentence: "You can reach 3 people through Tor. Nothing leaves by another way than Tor."},
		{name: "covert", s: standing{status: connected(1), settings: covert, bridges: up}, ways: "quic:off veil:works:1", state: "connected",
			sentence: "You are connected through a bridge. Only bridges are used: to whoever watches the line it looks like visits to a web site."},
		{name: "covert and slow", s: standing{status: connected(1), settings: covert, bridges: up}, ways: "veil:fails drip:works:1", state: "connected",
			sentence: "You are connected through a bridge. Longer visits to a web site are cut off here, so everything goes in many small pieces, which is slower. Only bridges are used: to whoever watches the line it looks like visits to a web site."},

		{name: "nobody known", state: "alone", sentence: "Nobody to reach yet. Open a link, or send yours to somebody."},
		{name: "nobody known, this network only", s: standing{status: node.Status{LANOnly: true}}, state: "alone",
			sentence: "Nobody to reach yet. Open a link, or send yours to somebody. Only this network is used."},
		{name: "nobody known, Tor only", s: standing{settings: tor}, state: "alone",
			sentence: "Nobody to reach yet. Open a link, or send yours to somebody. Nothing leaves by another way than Tor."},
		{name: "nothing tried yet", s: standing{status: known(2)}, state: "searching",
			sentence: "Nobody is connected right now. Linnet keeps trying the 2 people it knows."},
		{name: "tried in vain", s: standing{status: known(2)}, ways: "quic:fails tcp:fails relay:fails", state: "searching",
			sentence: "Nobody is connected right now. Linnet has tried directly and through a volunteer's computer, without success. It keeps trying the 2 people it knows. If this network blocks Linnet, a bridge helps: ask somebody you trust for a bridge link."},
		{name: "tried in vain, with a bridge", s: standing{status: known(1), bridges: mine}, ways: "lan:fails tcp:fails veil:fails drip:fails tor:fails", state: "searching",
			sentence: "Nobody is connected right now. Linnet has tried this network, directly, through a bridge and through Tor, without success. It keeps trying the 1 person it knows. Another bridge may help, or a file that you carry."},
		{name: "only a bridge known", s: standing{bridges: mine}, state: "searching",
			sentence: "Nobody is connected right now. Linnet keeps trying your bridge."},
		{name: "only bridges known, covert", s: standing{settings: covert, bridges: append(mine, mine...)}, ways: "veil:fails", state: "searching",
			sentence: "Nobody is connected right now. Linnet has tried through a bridge, without success. It keeps trying your 2 bridges. Another bridge may help, or a file that you carry. Only bridges are used: to whoever watches the line it looks like visits to a web site."},
		{name: "covert without a bridge", s: standing{status: known(2), settings: covert}, state: "alone",
			sentence: "Only bridges are used, and you have none yet. Open a bridge link that somebody gave you."},
		{name: "nobody nearby", s: standing{status: known(2), settings: lan}, ways: "lan:fails tcp:fails", state: "searching",
			sentence: "Nobody is connected right now. Linnet has tried this network and directly, without success. It keeps trying the 2 people it knows. Only this network is used."},
		{name: "Tor does not answer", s: standing{status: known(2), settings: tor}, ways: "tor:fails", state: "searching",
			sentence: "Nobody is connected right now. Through Tor, at 127.0.0.1:9050, nobody could be reached so far: look whether it runs. Nothing leaves by another way."},
		{name: "no network", s: standing{status: known(2), offline: true}, ways: "quic:fails", state: "offline",
			sentence: "This computer has no network. What you write is kept and goes out later; to pass it on now, save it to a file and carry it."},
		{name: "connected all the same", s: standing{status: connected(1), offline: true}, ways: "lan:works:1", state: "connected",
			sentence: "You can reach 1 person on this network."},

		{name: "clock ahead", s: standing{status: connected(1)}, ways: "quic:works:1", skew: 3 * time.Hour, state: "connected",
			sentence: "You can reach 1 person directly. This computer's clock is 3 hours ahead of that of others: set it right, or others put aside what you write."},
		{name: "clock behind", s: standing{status: known(1)}, skew: -49 * time.Hour, state: "searching",
			sentence: "Nobody is connected right now. Linnet keeps trying the 1 person it knows. This computer's clock is 2 days behind that of others: set it right, or what others write is put aside here."},
		{name: "clock a little off", s: standing{status: connected(1)}, ways: "quic:works:1", skew: 90 * time.Second, state: "connected",
			sentence: "You can reach 1 person directly. This computer's clock is 2 minutes ahead of that of others: set it right."},
		{name: "clock as good as right", s: standing{status: connected(1)}, ways: "quic:works:1", skew: 59 * time.Second, state: "connected",
			sentence: "You can reach 1 person directly."},
	} {
		s := x.s
		s.outlook = outlookOf(t, x.ways)
		s.outlook.Skew, s.outlook.SkewKnown = x.skew, x.skew != 0
		state, text := s.sentence()
		if state != x.state || text != x.sentence {
			t.Errorf("%s:\n%s: %s\nwant\n%s: %s", x.name, state, text, x.state, x.sentence)
		}
	}
}

// TestSeenBy: for each setting, who can tell that Linnet runs here.
func TestSeenBy(t *testing.T) {
	far := node.ReachSettings{Mode: "tor", SOCKS: "192.0.2.1:1080"}
	mine := []node.Bridge{{ID: "b"}}
	for _, x := range []struct {
		name string
		s    standing
		want string // + sees, - does not, ~ can hardly tell
	}{
		{"as it comes", standing{}, "+wire +nearby +meeting +people +relays"},
		{"not announced, no meeting places", standing{settings: node.ReachSettings{NoMDNS: true, NoDHT: true}}, "+wire -nearby +meeting +people +relays"},
		{"reachable", standing{outlook: node.Outlook{Public: true}}, "+wire +nearby +meeting +people +relays +stranger"},
		{"with a bridge", standing{bridges: mine}, "+wire +nearby +meeting +people +relays +bridges"},
		{"a bridge", standing{isBridge: true}, "+wire +nearby +meeting +people +relays +let_in"},
		{"with Tor beside", standing{settings: node.ReachSettings{SOCKS: "127.0.0.1:9050"}}, "+wire +nearby +meeting +people +relays -proxy"},
		{"this network only", standing{settings: node.ReachSettings{Mode: "lan"}, bridges: mine}, "+wire +nearby -meeting +people"},
		{"this network only, by a flag", standing{status: node.Status{LANOnly: true}, outlook: node.Outlook{Public: true}}, "+wire +nearby -meeting +people"},
		{"Tor only", standing{settings: node.ReachSettings{Mode: "tor", SOCKS: "127.0.0.1:9050"}}, "-wire -nearby -meeting -people -proxy"},
		{"Tor only, reached there", standing{settings: node.ReachSettings{Mode: "tor", SOCKS: "localhost:9050", Onion: "x.onion:1"}, bridges: mine}, "-wire -nearby -meeting -people -proxy -bridges"},
		{"a proxy elsewhere", standing{settings: far}, "+wire -nearby -meeting -people +proxy"},
		{"covert", standing{settings: node.ReachSettings{Mode: "covert"}}, "~wire -nearby -meeting -people +bridges"},
	} {
		var got []string
		for _, s := range x.s.seenBy() {
			sign := "-"
			switch {
			case s.Sees:
				sign = "+"
			case s.Hard:
				sign = "~"
			}
			got = append(got, sign+s.Who)
			if !strings.HasSuffix(s.Text, ".") {
				t.Errorf("%s, %s: %q", x.name, s.Who, s.Text)
			}
		}
		if strings.Join(got, " ") != x.want {
			t.Errorf("%s: %s, want %s", x.name, strings.Join(got, " "), x.want)
		}
	}
}

func TestWays(t *testing.T) {
	since := time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)
	o := outlookOf(t, "tcp:works:2 quic:fails")
	o.Ways[0].Since, o.Ways[1].Why = since, "nobody answers"
	list := apiWays(o)
	if len(list) != len(ladder) || list[0].Name != api.WayLAN || list[0].State != api.WayUntried {
		t.Fatalf("%+v", list)
	}
	if q, c := list[1], list[2]; q.Why != "Nobody answers." || q.Since != "" || c.Since != "2026-05-03T12:00:00.000Z" || c.Peers != 2 {
		t.Errorf("%+v, %+v", q, c)
	}
}
