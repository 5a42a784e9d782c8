package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

// TestDamage takes files of a store away: the node says what became of that until it was read.
func TestDamage(t *testing.T) {
	for file, want := range map[string]string{"MANIFEST": api.DamageMended, "000001.sst": api.DamageRescued} {
		dir := t.TempDir()
		cfg := node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true}
		n, err := node.Open(t.Context(), cfg)
		if err == nil {
			_, err = n.CreateTopic(t.Context(), node.TopicDraft{Kind: node.OpenTopic, Name: "Allotments"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, "store", file)); err != nil {
			t.Fatal(err)
		}
		g := gate.New(gate.Config{Node: cfg})
		if err := g.Unlock(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		r := serve(t, Config{Gate: g}, g.Close)
		d := get[api.Node](r, 200, "GET", "/api/v1/node", nil).Damage
		if d == nil || d.State != want || d.Time == "" || !strings.Contains(d.Detail, file) || !strings.Contains(d.Summary, "save a backup") {
			t.Fatalf("%s: %+v", file, d)
		}
		if want == api.DamageRescued && d.Topics != 1 {
			t.Errorf("%s: %+v", file, d)
		}
		get[any](r, 204, "DELETE", "/api/v1/node/damage", nil)
		if d := get[api.Node](r, 200, "GET", "/api/v1/node", nil).Damage; d != nil {
			t.Errorf("%s: once more %+v", file, d)
		}
	}
}
