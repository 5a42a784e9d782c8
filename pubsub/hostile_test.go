package pubsub

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	gossip "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"
)

// speak opens a gossipsub stream by hand, to say what the library would not.
func speak(t *testing.T, from, to host.Host) func(*pb.RPC) {
	t.Helper()
	connect(t, from, to)
	s, err := from.NewStream(t.Context(), to.ID(), gossip.GossipSubID_v12)
	if err != nil {
		t.Fatal(err)
	}
	return func(rpc *pb.RPC) {
		raw, err := proto.Marshal(rpc)
		if err != nil {
			t.Fatal(err)
		}
		s.Write(append(binary.AppendUvarint(nil, uint64(len(raw))), raw...)) // it may be hung up on
	}
}

func subscribe(names ...string) *pb.RPC {
	rpc := &pb.RPC{}
	for _, n := range names {
		rpc.Subscriptions = append(rpc.Subscriptions, &pb.RPC_SubOpts{Topicid: proto.String(n), Subscribe: proto.Bool(true)})
	}
	return rpc
}

// TestSwarmHostile: one peer floods all others with invalid messages, with
// messages that are ignored, and with subscriptions; what the others say arrives.
func TestSwarmHostile(t *testing.T) {
	for _, kind := range []string{"!", "?"} {
		t.Run(map[string]string{"!": "invalid", "?": "ignored"}[kind], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				hosts := simHosts(t, 9)
				evil, hosts := hosts[8], hosts[:8]
				s := newSwarm(t, hosts, Config{MaxTopicsPerPeer: 500}, 2*time.Millisecond)
				defer s.close()
				sparse(t, seeded(t), hosts, 4)
				stop := make(chan struct{})
				for _, h := range hosts {
					say := speak(t, evil, h)
					say(subscribe(topicName))
					go flood(say, kind, stop)
				}
				time.Sleep(3 * time.Second)
				const each = 100
				for i := range s.nodes {
					s.publish(i, each, 300, time.Millisecond)
				}
				took := until(20*time.Second, func() bool { return s.all(func(int) int64 { return each * 7 }) })
				close(stop)
				st := s.report(kind, took)
				if want := uint64(each * 8 * 7); st.Delivered != want {
					t.Errorf("delivered %d of %d", st.Delivered, want)
				}
				for i, n := range s.nodes {
					n.p.filter.mu.Lock()
					if told := len(n.p.filter.told[evil.ID()]); told != 500 {
						t.Errorf("node %d remembers %d topics of the hostile peer", i, told)
					}
					n.p.filter.mu.Unlock()
				}
				if kind == "!" && (st.Rejected == 0 || st.Rejected > 8*200) {
					t.Errorf("%d messages were judged and rejected", st.Rejected)
				}
				evil.Close()
				time.Sleep(time.Second)
				for i, n := range s.nodes {
					n.p.filter.mu.Lock()
					if n.p.filter.told[evil.ID()] != nil {
						t.Errorf("node %d still remembers the topics of a peer that is gone", i)
					}
					n.p.filter.mu.Unlock()
				}
			})
		})
	}
}

func flood(say func(*pb.RPC), kind string, stop chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		rpc := &pb.RPC{}
		for j := range 20 {
			rpc.Publish = append(rpc.Publish, &pb.Message{Topic: proto.String(topicName), Data: fmt.Appendf(nil, "%s%d/%d", kind, i, j)})
			rpc.Subscriptions = append(rpc.Subscriptions, subscribe(fmt.Sprintf("junk %d %d", i, j)).Subscriptions...)
		}
		say(rpc)
	}
}

// connected is a network in which everybody is, or nobody.
type connected bool

func (c connected) Connectedness(peer.ID) network.Connectedness {
	if c {
		return network.Connected
	}
	return network.NotConnected
}

func testFilter(most int) *filter {
	return &filter{max: most, host: connected(true), told: map[peer.ID]map[string]struct{}{}}
}

// TestFilterModel holds the filter against a plain model, in random order.
func TestFilterModel(t *testing.T) {
	r := seeded(t)
	f, model := testFilter(20), map[string]map[string]bool{}
	for range 20000 {
		id := fmt.Sprint(r.IntN(5))
		if model[id] == nil {
			model[id] = map[string]bool{}
		}
		if r.IntN(200) == 0 {
			f.forget(peer.ID(id))
			delete(model, id)
			continue
		}
		name, on := fmt.Sprint(r.IntN(40)), r.IntN(3) > 0
		if r.IntN(20) == 0 {
			name = string(make([]byte, 65))
		}
		want := len(name) <= 64 && (model[id][name] || on && len(model[id]) < 20)
		if want && on {
			model[id][name] = true
		} else if want {
			delete(model[id], name)
		}
		subs := subscribe(name).Subscriptions
		subs[0].Subscribe = &on
		kept, err := f.FilterIncomingSubscriptions(peer.ID(id), subs)
		if err != nil || (len(kept) == 1) != want {
			t.Fatalf("peer %s, topic %.10q, subscribe %v: kept %v, %v; want %v", id, name, on, kept, err, want)
		}
	}
	sum := 0
	for id, names := range model {
		if len(f.told[peer.ID(id)]) != len(names) {
			t.Errorf("peer %s: %d topics, want %d", id, len(f.told[peer.ID(id)]), len(names))
		}
		sum += len(names)
	}
	if f.total != sum {
		t.Errorf("total %d, want %d", f.total, sum)
	}
}

// TestFilterTotal: when many peers together announce too much, each may still tell a few.
func TestFilterTotal(t *testing.T) {
	f := testFilter(4096)
	for i := range 40 * 4096 {
		f.FilterIncomingSubscriptions(peer.ID(fmt.Sprint(i/4096)), subscribe(fmt.Sprint(i)).Subscriptions)
	}
	if most := maxTold + 40*fewTold; f.total < maxTold || f.total > most {
		t.Errorf("%d topics are remembered, at most %d", f.total, most)
	}
	if n := len(f.told["39"]); n != fewTold {
		t.Errorf("the last peer could tell %d topics, want %d", n, fewTold)
	}
	f.host = connected(false)
	if kept, _ := f.FilterIncomingSubscriptions("gone", subscribe("a").Subscriptions); len(kept) != 0 || f.told["gone"] != nil {
		t.Error("a peer that is gone is remembered")
	}
}

// FuzzRPC: no bytes on the wire may panic what stands before the library, nor grow beyond the caps.
func FuzzRPC(f *testing.F) {
	for _, rpc := range []*pb.RPC{
		subscribe("a", "b", ""), {}, {Subscriptions: []*pb.RPC_SubOpts{{}}}, {Publish: []*pb.Message{{}, {Data: []byte("x")}}},
		{Control: &pb.ControlMessage{Idontwant: []*pb.ControlIDontWant{{MessageIDs: []string{"a"}}}}, Publish: []*pb.Message{{Data: []byte("x")}}},
	} {
		raw, err := proto.Marshal(rpc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rpc := &gossip.RPC{}
		if proto.Unmarshal(raw, &rpc.RPC) != nil {
			return
		}
		p := &PubSub{cfg: Config{MessageID: hashID}.withDefaults(), filter: testFilter(8), blame: newBlame()}
		p.trace = newTracer()
		if err := p.inspect("x", rpc); err != nil || len(rpc.GetPublish()) > maxBatch {
			t.Errorf("%d messages, %v", len(rpc.GetPublish()), err)
		}
		kept, err := p.filter.FilterIncomingSubscriptions("x", rpc.GetSubscriptions())
		if err != nil || len(p.filter.told["x"]) > 8 {
			t.Errorf("%d topics, %v", len(p.filter.told["x"]), err)
		}
		for _, s := range kept {
			if !p.filter.CanSubscribe(s.GetTopicid()) {
				t.Errorf("kept %q", s.GetTopicid())
			}
		}
	})
}
