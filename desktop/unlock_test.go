package desktop

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
	"github.com/linnet-im/linnet/node"
)

// TestRunLocked starts on a folder with a passphrase: the page is there, the node
// is not until the passphrase is typed, and a wipe leaves the app running and found.
func TestRunLocked(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, Passphrase: []byte("sesame sesame")})
	if err != nil {
		t.Fatal(err)
	}
	me := n.Me()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	out, stop := start(t, Options{Data: dir, UI: "127.0.0.1:0", Version: "test"})
	defer stop()
	if !strings.Contains(out.String(), "Linnet is locked.") || !strings.Contains(out.String(), "linnet unlock --data") {
		t.Errorf("it says %q", out.String())
	}
	c, err := client.Discover(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var p *api.Problem
	if _, err := c.Me(t.Context()); !errors.As(err, &p) || p.Code != api.CodeLocked {
		t.Errorf("while locked: %v", err)
	}
	var e *Error
	if err := Run(t.Context(), Options{Data: dir, NoBrowser: true}); !errors.As(err, &e) || e.Code != CodeInUse {
		t.Errorf("a second start: %v", err)
	}
	if _, err := c.Unlock(t.Context(), "sesame sesame"); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Me(t.Context()); err != nil || now.Account == "" || len(me.Name) != 0 {
		t.Errorf("%+v, %v", now, err)
	}
	if err := c.Wipe(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := client.Discover(dir)
	if err != nil {
		t.Fatalf("programs do not find it after a wipe: %v", err)
	}
	defer again.Close()
	if l, err := again.Lock(t.Context()); err != nil || l.Protection != api.ProtectionNone {
		t.Errorf("%+v, %v", l, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestMirrorAsks: a mirror has no page that could ask.
func TestMirrorAsks(t *testing.T) {
	dir := t.TempDir()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true, Passphrase: []byte("sesame sesame")})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := Run(t.Context(), Options{Data: dir, UI: "127.0.0.1:0", Mirror: []string{}}); !errors.As(err, &e) || e.Code != api.CodeLocked {
		t.Errorf("nobody to ask: %v", err)
	}
	said := []byte("guess")
	if err := Run(t.Context(), Options{Data: dir, UI: "127.0.0.1:0", Mirror: []string{}, Passphrase: func() ([]byte, error) { return said, nil }}); !errors.As(err, &e) || e.Code != api.CodePassphrase {
		t.Errorf("a wrong one: %v", err)
	}
	if string(said) != "\x00\x00\x00\x00\x00" {
		t.Errorf("what was typed is not cleared: %q", said)
	}
	out, stop := start(t, Options{Data: dir, UI: "127.0.0.1:0", Mirror: []string{}, JSON: true, Passphrase: func() ([]byte, error) { return []byte("sesame sesame"), nil }})
	var r Running
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || r.Locked {
		t.Errorf("%s: %v", out, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "store")); err != nil {
		t.Error(err)
	}
}
