package scenes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
	"github.com/linnet-im/linnet/desktop/api"
)

// internet makes the ordinary network of a scenario, until the end of it.
func (st *stage) internet(servers int) (*internet, error) {
	n, err := newInternet(servers, profiles()[st.scenario.block])
	if err == nil {
		st.later(n.close)
	}
	return n, err
}

// pair starts both sides in turn with the other scenarios.
func (st *stage) pair(ctx context.Context, n *internet) (server, client *program, topic string, err error) {
	st.turn.Lock()
	defer st.turn.Unlock()
	server, t, err := st.author(ctx, n.servers[0], serverAddr(0))
	if err != nil {
		return nil, nil, "", err
	}
	link, err := server.TopicLink(ctx, t.ID, "client")
	if err != nil {
		return nil, nil, "", err
	}
	client, err = st.cold(ctx, n.client, link, t.ID, nil)
	return server, client, t.ID, err
}

func (st *stage) playTalk(ctx context.Context) error {
	n, err := st.internet(1)
	if err != nil {
		return err
	}
	server, client, topic, err := st.pair(ctx, n)
	if err != nil {
		return err
	}
	return st.converse(ctx, n.router, &talk{sides: [2]*program{server, client}, topic: topic, posts: posts, pace: pace}, minute)
}

// playChange talks while the network changes, and changes back.
func (st *stage) playChange(ctx context.Context) error {
	n, err := st.internet(1)
	if err != nil {
		return err
	}
	server, client, topic, err := st.pair(ctx, n)
	if err != nil {
		return err
	}
	to := func(name string) func(context.Context) error {
		return func(context.Context) error { return n.router.apply(profiles()[name]) }
	}
	t := &talk{sides: [2]*program{server, client}, topic: topic, posts: posts, pace: time.Second,
		at: map[int]func(context.Context) error{12: to("noudp"), 24: to("only443"), 36: to("freeze"), 48: to("open")}}
	return st.converse(ctx, n.router, t, minute+30*time.Second)
}

// playBridges has three bridges outside, of which one can be reached; it is not the
// author's, and passes on.
func (st *stage) playBridges(ctx context.Context) error {
	n, err := st.internet(3)
	if err != nil {
		return err
	}
	st.turn.Lock()
	server, client, topic, err := st.bridgesStart(ctx, n)
	st.turn.Unlock()
	if err != nil {
		return err
	}
	return st.converse(ctx, n.router, &talk{sides: [2]*program{server, client}, topic: topic, posts: posts, pace: pace}, minute)
}

func (st *stage) bridgesStart(ctx context.Context, n *internet) (server, client *program, topic string, err error) {
	server, t, err := st.author(ctx, n.servers[0], serverAddr(0))
	if err != nil {
		return nil, nil, "", err
	}
	var passes []string
	for i := 1; i < 3; i++ {
		b, err := st.start(ctx, n.servers[i], fmt.Sprint("bridge", i), "mirror", t.Link, "--bridge", "0.0.0.0:443", "--bridge-address", serverAddr(i)+":443")
		if err != nil {
			return nil, nil, "", err
		}
		pass, err := b.NewPass(ctx, "client")
		if err != nil {
			return nil, nil, "", err
		}
		if err := b.until(ctx, t.ID, firstPost); err != nil {
			return nil, nil, "", err
		}
		passes = append(passes, pass.Link)
	}
	link, err := server.TopicLink(ctx, t.ID, "client")
	if err != nil {
		return nil, nil, "", err
	}
	client, err = st.cold(ctx, n.client, link, t.ID, passes)
	return server, client, t.ID, err
}

// playLAN has two hosts on one switch and no way out.
func (st *stage) playLAN(ctx context.Context) error {
	w, hosts, err := st.local(2)
	if err != nil {
		return err
	}
	for i, h := range hosts {
		port := fmt.Sprint("p", i)
		if err := w.Wire(netns.End{Host: h, Name: "eth0", Addr: fmt.Sprintf("192.168.50.%d/24", i+2)}, netns.End{Host: hosts[2], Name: port}); err != nil {
			return err
		}
	}
	if err := hosts[2].Bridge("p0", "p1"); err != nil {
		return err
	}
	st.turn.Lock()
	server, t, err := st.author(ctx, hosts[0], "", "run", "--no-browser")
	var client *program
	if err == nil {
		client, err = st.cold(ctx, hosts[1], t.Link, t.ID, nil)
	}
	st.turn.Unlock()
	if err != nil {
		return err
	}
	talk := &talk{st: st, sides: [2]*program{server, client}, topic: t.ID, posts: posts, pace: pace}
	err = talk.hold(ctx, minute)
	st.result.Ways, st.result.Wire = talk.ways(), "not counted"
	st.ending(ctx, client)
	return err
}

// local makes n hosts without any wire, and one more for a switch.
func (st *stage) local(n int) (*netns.World, []*netns.Host, error) {
	w, err := netns.New("lnl")
	if err != nil {
		return nil, nil, err
	}
	st.later(w.Close)
	var hosts []*netns.Host
	for i := range n + 1 {
		h, err := w.Host(fmt.Sprint("host", i))
		if err != nil {
			return nil, nil, err
		}
		hosts = append(hosts, h)
	}
	return w, hosts, nil
}

// playNone carries a file between two hosts that have no network at all.
func (st *stage) playNone(ctx context.Context) error {
	_, hosts, err := st.local(2)
	if err != nil {
		return err
	}
	server, t, err := st.author(ctx, hosts[0], "", "run", "--no-browser")
	if err != nil {
		return err
	}
	for i := range posts {
		if _, err := server.Post(ctx, t.ID, api.MessageDraft{Text: fmt.Sprint("post ", i)}, ""); err != nil {
			return err
		}
	}
	client, err := st.start(ctx, hosts[1], "client", "run", "--no-browser")
	if err != nil {
		return err
	}
	if _, err := client.Accept(ctx, t.Link); err != nil {
		return err
	}
	begin := time.Now()
	if err := carry(ctx, server, client, t.ID); err != nil {
		return err
	}
	st.result.First = time.Since(begin)
	answer := "an answer, carried back"
	if _, err := client.Post(ctx, t.ID, api.MessageDraft{Text: answer}, ""); err != nil {
		return err
	}
	if err := carry(ctx, client, server, t.ID); err != nil {
		return err
	}
	return st.counted(ctx, server, client, t.ID, answer, time.Since(begin))
}

// counted notes what arrived by a file.
func (st *stage) counted(ctx context.Context, server, client *program, topic, answer string, took time.Duration) error {
	got, err := client.texts(ctx, topic)
	if err != nil {
		return err
	}
	back, err := server.texts(ctx, topic)
	if err != nil {
		return err
	}
	r := st.result
	r.Sent, r.Longest, r.Ways, r.Wire = posts+1, took, api.WayBundle, "nothing"
	for i := range posts {
		if contains(got, fmt.Sprint("post ", i)) {
			r.Delivered++
		}
	}
	if contains(back, answer) {
		r.Delivered++
	}
	if r.Delivered != r.Sent {
		r.failf("%d of %d came with the file", r.Delivered, r.Sent)
	}
	st.ending(ctx, client)
	return nil
}

// carry takes a file from one node to another.
func carry(ctx context.Context, from, to *program, topic string) error {
	var file bytes.Buffer
	if _, err := from.Export(ctx, api.Export{Topics: []string{topic}}, &file); err != nil {
		return fmt.Errorf("scenes: export: %w", err)
	}
	if _, err := to.Import(ctx, &file, true); err != nil {
		return fmt.Errorf("scenes: import: %w", err)
	}
	return nil
}

// playNAT has both sides behind NATs that use another port for each destination, and
// one volunteer outside.
func (st *stage) playNAT(ctx context.Context) error {
	n, err := newInternet(3, profiles()[st.scenario.block])
	if err != nil {
		return err
	}
	st.later(n.close)
	clientHost, err := n.behind(n.servers[0], "client-home", "192.168.31")
	if err != nil {
		return err
	}
	serverHost, err := n.behind(n.servers[1], "server-home", "192.168.32")
	if err != nil {
		return err
	}
	st.turn.Lock()
	server, client, topic, err := st.natStart(ctx, n.servers[2], serverHost, clientHost)
	st.turn.Unlock()
	if err != nil {
		return err
	}
	return st.converse(ctx, n.router, &talk{sides: [2]*program{server, client}, topic: topic, posts: posts, pace: pace}, minute)
}

// natStart: the volunteer keeps the author's topic; the link is the author's.
func (st *stage) natStart(ctx context.Context, outside, serverHost, clientHost *netns.Host) (server, client *program, topic string, err error) {
	volunteer, err := st.start(ctx, outside, "volunteer", "run", "--no-browser")
	if err != nil {
		return nil, nil, "", err
	}
	meeting, err := volunteer.CreateTopic(ctx, api.TopicDraft{Kind: api.KindOpen, Name: "Volunteers"})
	if err != nil {
		return nil, nil, "", err
	}
	server, t, err := st.author(ctx, serverHost, "", "run", "--no-browser")
	if err != nil {
		return nil, nil, "", err
	}
	if _, err := server.Accept(ctx, meeting.Link); err != nil {
		return nil, nil, "", err
	}
	if _, err := volunteer.Accept(ctx, t.Link); err != nil {
		return nil, nil, "", err
	}
	if err := volunteer.until(ctx, t.ID, firstPost); err != nil {
		return nil, nil, "", errors.Join(errors.New("scenes: the volunteer does not get the topic"), err)
	}
	t, err = server.Topic(ctx, t.ID) // its link carries what the node has learnt of its addresses
	if err != nil {
		return nil, nil, "", err
	}
	client, err = st.cold(ctx, clientHost, t.Link, t.ID, nil)
	return server, client, t.ID, err
}

// behind makes a host behind a NAT of the symmetric kind, whose outside is gate.
func (n *internet) behind(gate *netns.Host, name, net string) (*netns.Host, error) {
	h, err := n.Host(name)
	if err != nil {
		return nil, err
	}
	return h, errors.Join(
		n.Wire(netns.End{Host: h, Name: "eth0", Addr: net + ".2/24"}, netns.End{Host: gate, Name: "in0", Addr: net + ".1/24"}),
		h.IP("route", "add", "default", "via", net+".1"),
		h.Resolver("11.9.9.9"),
		gate.Router(),
		gate.NFT(`table ip home {
			chain out { type nat hook postrouting priority 100
				oifname "eth0" masquerade fully-random
			}
			chain through { type filter hook forward priority 0; policy drop
				ct state established,related accept
				iifname "in0" accept
			}
			chain in { type filter hook input priority 0
				iifname "eth0" ct state { new, invalid } drop
			}
		}`))
}
