package node_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	if r, ok := n.Rescue(); ok {
		fmt.Printf("RESCUED %+v\n", r)
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

// refused is what a node says where nothing in the folder can be read any more.
var refused = regexp.MustCompile(`(?m)^REFUSED .*storage: the key does not fit this folder`)

// opened is what it says of a folder that it could go on with.
var opened = regexp.MustCompile(`(?m)^OPEN Anna 2 topics$`)

// TestDamage changes, cuts or takes away each file of a data folder in turn, once of a node that
// was closed and once of one that was killed. The node opens with its name and all topics, and says what it
// has lost; only without the key, which nothing can replace, it refuses. It never ends in a
// panic, and never begins with an empty store in the place of one that is there.
func TestDamage(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
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
	n = open(t, dir)
	post(t, n.Topics()[0], "one more")
	for path := filepath.Join(dir, "store", "last"); ; { // as it is between two changes
		before, err := os.ReadFile(path)
		if err == nil {
			err = errors.Join(os.RemoveAll(killed), os.CopyFS(killed, os.DirFS(dir)))
		}
		if err != nil {
			t.Fatal(err)
		}
		if after, err := os.ReadFile(path); err == nil && string(after) == string(before) {
			break
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for how, dir := range map[string]string{"closed": dir, "killed": killed} {
		t.Run(how, func(t *testing.T) { damageAll(t, dir, how == "killed") })
	}
}

func damageAll(t *testing.T, dir string, killed bool) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if killed && !slices.Contains([]string{".sst", ".mem"}, filepath.Ext(name)) && filepath.Base(name) != "MANIFEST" {
			return nil // as in a folder that was closed
		}
		raw, err := os.ReadFile(path)
		if err != nil || len(raw) == 0 {
			return err
		}
		for _, how := range []string{"gone", "empty", "half", "first", "early", "middle", "last"} {
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
		"early":  func() error { return flip(min(200, len(raw)-1)) }, // of a log, within what was written
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
	t.Logf("%s, %s: %.300s", name, how, out)
	if filepath.Ext(name) == ".mem" && how == "last" && strings.Contains(string(out), "RESCUED") {
		t.Errorf("%s, %s: a byte behind the end of the log counts", name, how)
	}
	if filepath.Ext(name) == ".mem" && slices.Contains([]string{"gone", "empty", "first", "early"}, how) && !strings.Contains(string(out), "RESCUED") {
		t.Errorf("%s, %s: nothing is said of what was written last", name, how)
	}
	want := opened
	if name == "key" {
		want = refused
	}
	if err != nil || !want.Match(out) || strings.Contains(string(out), "READ ") || strings.Contains(string(out), "INFO ") {
		t.Errorf("%s, %s: %v\n%.2000s", name, how, err, out)
	}
}
