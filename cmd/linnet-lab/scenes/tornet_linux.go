package scenes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
)

// onionPort is that of the author's onion service, and of loopback behind it.
const onionPort = 4001

// playTornet has a Tor network of its own outside, and tor beside each of the two nodes,
// which are in Tor mode: the author's is an onion service, the other knows the link only.
// The two could reach each other straight, were they to try.
func (st *stage) playTornet(ctx context.Context) error {
	n, err := st.internet(2)
	if err != nil {
		return err
	}
	for _, h := range []*netns.Host{n.servers[0], n.client, n.router.Host} {
		if err := h.Run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"); err != nil { // the kernel would speak by itself
			return err
		}
	}
	onion, err := st.tors(ctx, n)
	if err != nil {
		return err
	}
	var guards []*guard
	for _, h := range []*netns.Host{n.servers[0], n.client} {
		g, err := newGuard(ctx, h, serverAddr(1))
		if err != nil {
			return err
		}
		st.later(g.capture.stop)
		guards = append(guards, g)
	}
	if err := st.onionTalk(ctx, n, onion); err != nil {
		return err
	}
	for _, g := range guards {
		if err := g.judge(st.result); err != nil {
			return err
		}
	}
	return nil
}

// tors starts the Tor network and both sides' tor, and returns where the author's onion
// service is once it can be found.
func (st *stage) tors(ctx context.Context, n *internet) (onion string, err error) {
	begin := time.Now()
	st.turn.Lock() // keys are made, which keeps all processors busy
	network, err := newTorNet(ctx, n.servers[1], serverAddr(1), filepath.Join(st.folder, "tor"))
	st.turn.Unlock()
	if err != nil {
		return "", err
	}
	st.later(network.close)
	service, onion, err := network.client(ctx, n.servers[0], "server", onionPort)
	if err != nil {
		return "", err
	}
	other, _, err := network.client(ctx, n.client, "client", 0)
	if err != nil {
		return "", err
	}
	if err := service.ready(ctx, true); err != nil {
		return "", err
	}
	if err := other.ready(ctx, false); err != nil {
		return "", err
	}
	st.result.notef("the onion service could be found %s after the first tor's start", seconds(time.Since(begin)))
	return onion, nil
}

// onionTalk holds the talk, and ends both nodes: what they send at the end counts too.
func (st *stage) onionTalk(ctx context.Context, n *internet, onion string) error {
	st.turn.Lock()
	server, t, err := st.author(ctx, n.servers[0], "", "run", "--no-browser", "--tor", torSOCKS, "--onion", onion)
	var client *program
	if err == nil {
		client, err = st.cold(ctx, n.client, t.Link, t.ID, nil, "--tor", torSOCKS)
	}
	st.turn.Unlock()
	if err != nil {
		return err
	}
	if err := st.converse(ctx, n.router, &talk{sides: [2]*program{server, client}, topic: t.ID, posts: posts, pace: pace}, minute); err != nil {
		return err
	}
	return errors.Join(client.stop(), server.stop())
}

// guard looks at what leaves a host on which a node and its tor run. Of what goes over
// the wire it sees where to; whose it is the kernel says, by the group of the program.
type guard struct {
	host    *netns.Host
	tors    string // the address of the Tor network
	capture *capture
	before  map[string]uint64
}

// newGuard begins to look, and shows first that it would see what a program sends that
// is not tor.
func newGuard(ctx context.Context, h *netns.Host, tors string) (*guard, error) {
	g := &guard{host: h, tors: tors}
	err := h.NFT(fmt.Sprintf(`table inet whose { chain out { type filter hook output priority 0
		oifname "lo" meta skgid %[1]d ip daddr 127.0.0.1 tcp dport 9050 counter comment "socks"
		oifname "lo" meta skgid %[1]d ip daddr 127.0.0.1 tcp sport %[3]d counter comment "service"
		oifname != "lo" meta skgid %[1]d counter comment "past"
		oifname != "lo" meta skgid %[2]d counter comment "tor"
		}
	}`, os.Getegid(), torGroup, onionPort))
	if err != nil {
		return nil, err
	}
	_, dir := authorityPorts(0)
	c, err := h.Dial(ctx, "tcp", net.JoinHostPort(tors, fmt.Sprint(dir)))
	if err != nil {
		return nil, fmt.Errorf("scenes: %w", err)
	}
	c.Close()
	if g.before, err = counters(h, "whose"); err != nil {
		return nil, err
	}
	if g.before["past"] == 0 {
		return nil, errors.New("scenes: the kernel does not tell whose packets leave, the scenario would show nothing")
	}
	g.capture, err = startCapture(h)
	return g, err
}

// judge holds what has left against what may: nothing of the node's, which sends to its tor
// on this host, and of tor what goes to the Tor network.
func (g *guard) judge(r *Result) error {
	if err := g.capture.stop(); err != nil {
		return err
	}
	after, err := counters(g.host, "whose")
	if err != nil {
		return err
	}
	allowed, others := g.capture.count(func(line string) bool {
		return strings.Contains(line, " "+g.tors+".") && strings.Contains(line, ": tcp ")
	})
	sent := func(what string) uint64 { return after[what] - g.before[what] }
	node := sent("socks") + sent("service")
	name := g.host.Name[strings.LastIndexByte(g.host.Name, '-')+1:]
	r.notef("%s: the node sent %d KB to tor's SOCKS port, %d KB to its service and %d bytes out, tor %d KB; on the wire %d packets from and to the Tor network, %d others",
		name, sent("socks")/1000, sent("service")/1000, sent("past"), sent("tor")/1000, allowed, len(others))
	if node == 0 || sent("tor") == 0 || allowed == 0 {
		r.failf("%s: something was not seen at all", name)
	}
	if past := sent("past"); past > 0 {
		r.failf("%s: %d bytes of the node's went past tor", name, past)
	}
	if len(others) > 0 {
		r.failf("%s: packets went to others than the Tor network, such as: %s", name, strings.Join(others[:min(5, len(others))], " | "))
	}
	return nil
}
