// Package linnet_test holds the import table of the house: which room may import
// which, and where third-party modules may enter (ARCHITECTURE.md).
package linnet_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/linnet-im/linnet"

// rooms is the import table of ARCHITECTURE.md: each room, and the rooms of ours
// that it may import. A package below a room that is not named here is none.
var rooms = map[string][]string{
	"cmd/linnet":            {"desktop", "desktop/api", "desktop/client", "desktop/shell"},
	"cmd/linnet-lab":        {"cmd/linnet-lab/scenes", "node", "node/history", "node/message", "node/reach", "node/reconcile", "node/record", "node/seal", "node/topic", "pubsub", "storage"},
	"cmd/linnet-lab/scenes": {"cmd/linnet-lab/censor", "cmd/linnet-lab/netns", "desktop/api", "desktop/client"},
	"cmd/linnet-lab/censor": {},
	"cmd/linnet-lab/netns":  {},

	"desktop":        {"desktop/api", "desktop/client", "desktop/gate", "desktop/server", "desktop/shell", "desktop/ui", "node"},
	"desktop/api":    {},
	"desktop/client": {"desktop/api"},
	"desktop/gate":   {"desktop/shell", "node"},
	"desktop/server": {"desktop/api", "desktop/gate", "node"},
	"desktop/shell":  {},
	"desktop/ui":     {},

	"node": {"node/record", "node/identity", "node/topic", "node/message",
		"node/seal", "node/letter", "node/mailbox", "node/hint", "node/stem", "node/history", "node/reconcile", "node/bundle", "node/vault", "node/reach", "pubsub", "storage"},
	"node/record":      {},
	"node/identity":    {},
	"node/topic":       {"node/record"},
	"node/message":     {"node/record"},
	"node/seal":        {},
	"node/letter":      {"node/record"},
	"node/mailbox":     {},
	"node/hint":        {},
	"node/stem":        {},
	"node/history":     {"node/record", "node/topic", "node/reconcile"},
	"node/reconcile":   {},
	"node/bundle":      {"node/record", "node/topic"},
	"node/vault":       {},
	"node/reach":       {"node/reach/front", "node/reach/veil", "node/reach/drip"},
	"node/reach/front": {"node/reach/veil", "node/reach/drip"},
	"node/reach/veil":  {},
	"node/reach/drip":  {},
	"node/nodetest":    {"node", "node/reach"},

	"pubsub":            {},
	"pubsub/pubsubtest": {"pubsub"},
	"storage":           {},
	"storage/storetest": {"storage"},
}

// doors names the rooms in which a third-party module may be imported. A module
// that is not here is refused everywhere. ARCHITECTURE.md says why each is used.
var doors = map[string][]string{
	"github.com/dgraph-io/badger":            {"storage"},
	"github.com/dgraph-io/ristretto":         {"storage"},
	"github.com/libp2p/go-libp2p-pubsub":     {"pubsub", "cmd/linnet-lab"},
	"github.com/libp2p/go-libp2p":            {"node/reach", "node/history", "node/mailbox", "node/hint", "node/stem", "node/nodetest", "pubsub", "cmd/linnet-lab"},
	"github.com/multiformats/go-multiaddr":   {"node/reach", "node/nodetest", "pubsub"},
	"github.com/multiformats/go-multistream": {"node/reach"},
	"github.com/libp2p/go-netroute":          {"node/reach"},
	"github.com/fxamacker/cbor":              {"node/record"},
	"github.com/danielgtaylor/huma":          {"desktop/server"},
	"github.com/klauspost/compress":          {"node/history", "node/bundle"},
	"github.com/spf13/cobra":                 {"cmd/linnet", "cmd/linnet-lab"},
	"github.com/spf13/pflag":                 {"cmd/linnet"},
	"github.com/marcopolo/simnet":            {"node/nodetest"},
	"filippo.io/age":                         {"node/vault"},
	"github.com/zalando/go-keyring":          {"node/vault"},
	"golang.org/x/crypto":                    {"node/seal", "node/vault", "storage", "cmd/linnet-lab"},
	"golang.org/x/sync":                      {"storage"},
	"golang.org/x/sys":                       {"desktop/shell", "storage", "cmd/linnet-lab/netns"},
	"golang.org/x/net":                       {"node/reach"},
	"github.com/refraction-networking/utls":  {"node/reach/front"},
	"github.com/gorilla/websocket":           {"node/reach/veil"},
	"github.com/libp2p/go-libp2p-kad-dht":    {"node/reach"},
	"github.com/florianl/go-nfqueue":         {"cmd/linnet-lab/censor"},
	"github.com/ipfs/go-datastore":           {"node/reach"},
}

// TestImports holds the table against what the packages really import, for
// every system that Linnet is built for.
func TestImports(t *testing.T) {
	for _, system := range []string{"linux", "windows", "darwin"} {
		for _, p := range list(t, system) {
			room := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
			if room == "" {
				continue // the root holds tests only
			}
			allowed, ok := rooms[room]
			if !ok {
				t.Errorf("%s is no room: name it in the table, with what it may import", room)
				continue
			}
			for _, path := range p.Imports {
				check(t, room, path, allowed)
			}
		}
	}
}

func check(t *testing.T, room, path string, allowed []string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(path, module+"/"); ok {
		if !slices.Contains(allowed, ours) {
			t.Errorf("%s imports %s, which the table does not allow", room, ours)
		}
		return
	}
	if !strings.Contains(strings.Split(path, "/")[0], ".") {
		return // the standard library
	}
	for door, in := range doors {
		if path == door || strings.HasPrefix(path, door+"/") {
			if !slices.Contains(in, room) {
				t.Errorf("%s imports %s, whose door is %v", room, path, in)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which has no door: choose one room for it and say why in ARCHITECTURE.md", room, path)
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, system string) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list for %s: %v", system, err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(rooms) {
		t.Errorf("%s: %d packages, the table names %d rooms", system, len(all), len(rooms))
	}
	return all
}

// TestTopLevel keeps the root to its five folders.
func TestTopLevel(t *testing.T) {
	want := []string{"cmd", "desktop", "node", "pubsub", "storage"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			got = append(got, e.Name())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("top-level folders are %v, must be %v", got, want)
	}
}
