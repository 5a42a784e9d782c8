package node_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/node"
)

const damageChild = "LINNET_TEST_DAMAGED"

// TestDamageChild is what TestDamage starts: it opens a folder and says what is there.
func TestDamageChild(t *testing.T) {
	dir := os.Getenv(damageChild)
	if dir == "" {
		return
	}
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{loopback}, LANOnly: true, NoMDNS: true})
	if err != nil {
		fmt.Printf("REFUSED %v\n", err)
		os.Exit(0) // what Badger leaves running after some errors is not looked at here
	}
	for _, topic := range n.Topics() {
		if _, err := topic.Info(t.Context()); err != nil {
			fmt.Printf("INFO %v\n", err)
		}
		if _, _, err := topic.Messages(t.Context(), node.Page{Limit: 200}); err != nil {
			fmt.Printf("READ %v\n", err)
		}
	}
	fmt.Printf("OPEN %s %d topics\n", n.Me().Name, len(n.Topics()))
	if err := n.Close(); err != nil {
		fmt.Printf("CLOSE %v\n", err)
	}
	os.Exit(0)
}

// said is what a node may say of a folder in which one file is damaged.
var said = regexp.MustCompile(`(?m)^(OPEN Anna 2 topics|REFUSED .*(storage: damaged|storage: the key does not fit this folder).*)$`)

// TestDamage changes, cuts or takes away each file of a data folder in turn. The node
// opens with all topics, or says that it is damaged; it never ends in a panic, and never begins
// with an empty store in the place of one that is there.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	n := open(t, dir)
	if err := n.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		topic := create(t, n, node.OpenTopic)
		for i := range 200 {
			post(t, topic, fmt.Sprint(i, strings.Repeat(" some words", 100)))
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) == 0 {
			return err
		}
		for _, how := range []string{"gone", "empty", "half", "first", "middle", "last"} {
			damage(t, dir, name, how, raw)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, from, name, how string, raw []byte) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	flip := func(at int) error {
		bad := append([]byte(nil), raw...)
		bad[at] ^= 0x55
		return os.WriteFile(path, bad, 0o600)
	}
	err := map[string]func() error{
		"gone":   func() error { return os.Remove(path) },
		"empty":  func() error { return os.Truncate(path, 0) },
		"half":   func() error { return os.Truncate(path, int64(len(raw)/2)) },
		"first":  func() error { return flip(0) },
		"middle": func() error { return flip(len(raw) / 2) },
		"last":   func() error { return flip(len(raw) - 1) },
	}[how]()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDamageChild$", "-test.timeout=60s")
	child.Env = append(os.Environ(), damageChild+"="+dir)
	out, err := child.CombinedOutput()
	if err != nil || !said.Match(out) {
		t.Errorf("%s, %s: %v\n%.2000s", name, how, err, out)
	}
}
