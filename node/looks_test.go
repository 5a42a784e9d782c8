package node_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node"
)

const looking = `{"serial": 5, "profiles": [{"look": "chrome", "hello": "firefox-120", "agent": "Novel/5"}]}`

// TestLooksAreKept: how a bridge wants its guests to look is kept over restarts, for
// as long as a link leads through it.
func TestLooksAreKept(t *testing.T) {
	t.Parallel() // it waits for clocks, most of the time
	anna := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0", Looks: []byte(looking)}})
	id := anna.Status().PeerID
	news := create(t, anna, node.OpenTopic)
	var log book
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert, Logger: log.logger()})
	isTold := func() bool { return bytes.Contains(carla.StoredLooks()[id], []byte("Novel/5")) }

	// A bridge by its own link.
	b, err := carla.AddBridge(t.Context(), newPass(t, anna, "Carla").Link)
	if err != nil {
		t.Fatal(err)
	}
	until(t, carla, "to be told", isTold)
	record := carla.StoredLooks()[id]
	if err := carla.KeepLooks(news.Link(), record); err != nil || len(carla.StoredLooks()) != 1 {
		t.Errorf("of a node that is no bridge here: %v", err)
	}
	carla = reopen(t, carla)
	if !isTold() || log.count("the looks for a bridge") != 0 {
		t.Error("a restart loses it")
	}
	if err := carla.KeepLooks(id, bytes.Repeat([]byte{7}, 100)); err != nil {
		t.Fatal(err)
	}
	carla = reopen(t, carla)
	if log.count("the looks for a bridge") != 1 {
		t.Error("what is stored is not what is used")
	}
	until(t, carla, "to be told again", isTold)
	if err := carla.ForgetBridge(t.Context(), b.ID); err != nil || len(carla.StoredLooks()) != 0 {
		t.Errorf("given up: %v, %d", err, len(carla.StoredLooks()))
	}

	// One that a topic's link leads through.
	link, err := news.LinkByBridge(t.Context(), "Carla")
	if err != nil {
		t.Fatal(err)
	}
	tc := follow(t, carla, behindDoors(t, link))
	until(t, carla, "to be told by the topic's bridge", isTold)
	carla = reopen(t, carla)
	if !isTold() {
		t.Error("a restart loses it")
	}
	if err := topicIn(t, carla, tc).Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	carla = reopen(t, carla)
	if len(carla.StoredLooks()) != 0 {
		t.Error("it is kept for nothing")
	}
}

// TestBadLooks: a bridge does not start with looks that cannot be used.
func TestBadLooks(t *testing.T) {
	_, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), NoMDNS: true, Listen: []string{loopback}, Bridge: &node.BridgeConfig{
		Listen: "127.0.0.1:0", Looks: []byte(strings.Replace(looking, "firefox-120", "netscape-4", 1)),
	}})
	if !errors.Is(err, node.ErrSettings) || !strings.Contains(err.Error(), "netscape-4") {
		t.Errorf("%v", err)
	}
}
