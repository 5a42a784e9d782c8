package node_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/bundle"
)

// TestBundle hands a topic over in a file, and the answer back in one that holds
// only what is new, with no network between the two.
func TestBundle(t *testing.T) {
	anna, boris := open(t, t.TempDir()), open(t, t.TempDir())
	ta := create(t, anna, node.OpenTopic)
	var want []string
	for i := range 700 {
		want = append(want, fmt.Sprint("post ", i))
		post(t, ta, want[i])
	}
	var file bytes.Buffer
	if n, err := anna.Export(t.Context(), &file, nil); err != nil || n < 700 {
		t.Fatal(n, err)
	}
	all := bytes.Clone(file.Bytes())

	// Who does not follow the topic is offered it.
	got, err := boris.Import(t.Context(), bytes.NewReader(all), false, nil)
	if err != nil || got.New != 0 || got.Strange != got.Records || len(got.Offers) != 1 || got.Offers[0].Name != "Allotments" || !got.Whole {
		t.Fatalf("%+v, %v", got, err)
	}
	if p, err := boris.Preview(t.Context(), got.Offers[0].Link); err != nil || p.Topic != ta.ID() {
		t.Errorf("%+v, %v", p, err)
	}
	got, err = boris.Import(t.Context(), bytes.NewReader(all), true, nil)
	if err != nil || got.New != got.Records || got.Refused != 0 || !got.Whole || !slices.Equal(got.Topics, []node.TopicID{ta.ID()}) {
		t.Fatalf("%+v, %v", got, err)
	}
	tb := must(t)(boris.Topic(ta.ID()))
	if texts := allTexts(t, tb); !slices.Equal(texts, want) {
		t.Errorf("%d texts", len(texts))
	}
	if i, err := tb.Info(t.Context()); err != nil || i.Completeness.Missing != 0 || i.Name != "Allotments" || !i.CanPost {
		t.Errorf("%+v, %v", i, err)
	}

	post(t, tb, "an answer")
	note, err := anna.Note(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	n, err := boris.Export(t.Context(), &back, []node.TopicID{ta.ID()}, note)
	if err != nil || n == 0 || n > 3 {
		t.Fatalf("%d records in the answer, %v", n, err)
	}
	if got, err := anna.Import(t.Context(), &back, false, nil); err != nil || got.New != n {
		t.Errorf("%+v, %v", got, err)
	}
	if got := allTexts(t, ta); len(got) != len(want)+1 || !slices.Contains(got, "an answer") {
		t.Errorf("%d texts", len(got))
	}

	// A damaged file yields the rest and says what is lost; a forged record is refused.
	carla := open(t, t.TempDir())
	hurt := bytes.Clone(all)
	hurt[len(hurt)/2] ^= 1
	got, err = carla.Import(t.Context(), bytes.NewReader(hurt), true, nil)
	if err != nil || got.Whole || got.Damaged == 0 || got.New == 0 {
		t.Errorf("damaged: %+v, %v", got, err)
	}
	tc := must(t)(carla.Topic(ta.ID()))
	if got, err = carla.Import(t.Context(), bytes.NewReader(all), false, nil); err != nil || !got.Whole {
		t.Errorf("again: %+v, %v", got, err)
	}
	if texts := allTexts(t, tc); !slices.Equal(texts, want) {
		t.Errorf("%d texts after the second try", len(texts))
	}
	for _, n := range []*node.Node{anna, boris, carla} {
		if err := n.CheckStore(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := carla.Import(t.Context(), strings.NewReader("a letter"), false, nil); !errors.Is(err, bundle.ErrNoBundle) {
		t.Errorf("another file: %v", err)
	}
}

// TestFolder exchanges between three through one folder, until all have all and
// nothing is left there but notes.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	nodes := []*node.Node{open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())}
	first := create(t, nodes[0], node.OpenTopic)
	post(t, first, "from 0")
	if err := os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("somebody else's"), 0o600); err != nil {
		t.Fatal(err)
	}
	round := func() {
		t.Helper()
		for i, n := range nodes {
			old := time.Now().Add(-time.Minute) // nobody is writing any more
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if err := os.Chtimes(filepath.Join(dir, e.Name()), old, old); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := n.LookInFolder(t.Context(), dir, nil, false); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
		}
	}
	for _, n := range nodes[1:] {
		if _, err := n.Follow(t.Context(), first.Link()); err != nil {
			t.Fatal(err)
		}
	}
	round()
	for i, n := range nodes[1:] {
		post(t, must(t)(n.Topic(first.ID())), fmt.Sprint("from ", i+1))
	}
	for range 3 {
		round()
	}
	want := []string{"from 0", "from 1", "from 2"}
	for i, n := range nodes {
		got := allTexts(t, must(t)(n.Topic(first.ID())))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d has %q", i, got)
		}
	}
	round()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, filepath.Ext(e.Name()))
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{".note", ".note", ".note", ".txt"}) {
		t.Errorf("in the folder: %v", entries)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := nodes[0].LookInFolder(t.Context(), dir, nil, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a stick that was pulled: %v", err)
	}
}
