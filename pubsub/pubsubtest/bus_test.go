package pubsubtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/linnet-im/linnet/pubsub"
)

// run publishes 1,000 messages among three nodes and returns what b heard, in order.
func run(t *testing.T, seed uint64, cfg Config) (heard []string) {
	bus := New(rand.New(rand.NewPCG(seed, 0)), cfg)
	var topics []*Topic
	for _, id := range []string{"a", "b", "c"} {
		topic, err := bus.Node(id).Join("t", func(_ context.Context, m pubsub.Message) pubsub.Verdict {
			if m.From == id {
				t.Errorf("%s hears itself", id)
			}
			if id == "b" {
				heard = append(heard, m.From+string(m.Data))
			}
			return pubsub.Accept
		})
		if err != nil {
			t.Fatal(err)
		}
		topics = append(topics, topic)
	}
	for i := range 1000 {
		if err := topics[i%2*2].Publish(t.Context(), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	return heard
}

func TestLoss(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	if n := len(run(t, seed, Config{})); n != 1000 {
		t.Errorf("heard %d of 1000", n)
	}
	if n := len(run(t, seed, Config{Loss: 0.5})); n < 400 || n > 600 {
		t.Errorf("heard %d of 1000, half are lost", n)
	}
	if n := len(run(t, seed, Config{Duplicate: 0.5})); n < 1400 || n > 1600 {
		t.Errorf("heard %d, half of 1000 come twice", n)
	}
	both := Config{Loss: 0.2, Duplicate: 0.2}
	if !slices.Equal(run(t, seed, both), run(t, seed, both)) {
		t.Error("the same seed gave another run")
	}
}

func TestPartition(t *testing.T) {
	bus := New(rand.New(rand.NewPCG(1, 1)), Config{MaxMessage: 10})
	heard := 0
	handle := func(context.Context, pubsub.Message) pubsub.Verdict { heard++; return pubsub.Accept }
	a, err := bus.Node("a").Join("t", handle)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Publish(t.Context(), nil); !errors.Is(err, pubsub.ErrNoPeers) {
		t.Errorf("alone: %v", err)
	}
	if _, err := bus.Node("b").Join("t", handle); err != nil {
		t.Fatal(err)
	}
	if _, err := bus.Node("b").Join("t", handle); err == nil {
		t.Error("joined twice")
	}
	if err := a.Publish(t.Context(), make([]byte, 11)); !errors.Is(err, pubsub.ErrTooLarge) {
		t.Errorf("11 bytes: %v", err)
	}
	bus.Set(func(c *Config) { c.Connected = func(_, _ string) bool { return false } })
	if err := a.Publish(t.Context(), nil); !errors.Is(err, pubsub.ErrNoPeers) || len(a.Peers()) != 0 {
		t.Errorf("parted: %v, peers %v", err, a.Peers())
	}
	bus.Set(func(c *Config) { c.Connected = nil })
	if err := a.Publish(t.Context(), nil); err != nil || heard != 1 || !slices.Equal(a.Peers(), []string{"b"}) {
		t.Errorf("healed: %v, heard %d, peers %v", err, heard, a.Peers())
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := a.Publish(t.Context(), nil); !errors.Is(err, pubsub.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
