package storage

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oldFolder unpacks a folder that an earlier version of this package has written, with a key of zeros.
func oldFolder(t *testing.T, name string) string {
	t.Helper()
	z, err := zip.OpenReader(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFormat1 opens a store that was made before there were sums: 700 records in a lane of one space, 20 in another.
func TestFormat1(t *testing.T) {
	for name, first := range map[string]func(t *testing.T, s *Store){
		"read first": func(t *testing.T, s *Store) {},
		"write first": func(t *testing.T, s *Store) {
			r := Record{Space: Space{1}, Lane: 1, Chain: Chain{9}, Seq: 1, Time: 1000, ID: ID{9}}
			if _, err := s.Commit(t.Context(), Batch{Puts: []Put{{Record: r}}}); err != nil {
				t.Fatal(err)
			}
		},
		"drop first": func(t *testing.T, s *Store) {
			if err := s.DropSpace(t.Context(), Space{1}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := oldFolder(t, "format1.zip")
			s := openTest(t, Options{Dir: dir})
			raw, err := os.ReadFile(filepath.Join(dir, formatFile))
			if err != nil || !strings.Contains(string(raw), `"format":2`) {
				t.Fatalf("format is now %s, %v", raw, err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			first(t, s)
			for range 2 {
				checkAllSums(t, s)
				if err := s.Close(); err != nil { // with Check
					t.Fatal(err)
				}
				s = openTest(t, Options{Dir: dir})
			}
			if v, err := s.State("k"); err != nil || string(v) != "v" {
				t.Fatalf("state %q, %v", v, err)
			}
		})
	}
}

// checkAllSums adds up the ids of each lane.
func checkAllSums(t *testing.T, s *Store) {
	t.Helper()
	spaces, err := s.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, sp := range spaces {
		for ln := range MaxLane + 1 {
			all, err := s.Positions(sp, ln, nil, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			var want Sum
			for _, p := range all {
				want.add(p.ID)
			}
			if got, err := s.Sum(sp, ln, nil, nil); err != nil || got != want {
				t.Fatalf("lane %d: %v, %v, want %v", ln, got, err, want)
			}
		}
	}
}

// TestMend shows that lost rows are made anew, whoever meets the lane first.
func TestMend(t *testing.T) {
	for _, read := range []bool{true, false} {
		dir := t.TempDir()
		s := openTest(t, Options{Dir: dir})
		m := fill(t, s, 3000)
		w := newWriter(s, s.view.ts) // beside the real one, which is idle
		if left, err := w.deleteSome(appendLanePrefix(nil, keyBlock, laneRef{1, 1})); err != nil || left {
			t.Fatal(left, err)
		}
		s.opt.Verify = false
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openTest(t, Options{Dir: dir})
		if !read {
			if _, err := s.Commit(t.Context(), m.batch(1)); err != nil {
				t.Fatal(err)
			}
		}
		checkAllSums(t, s)
		if err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCrashImage opens copies of a folder that is in use, as after a crash, with and without damage to the rows of blocks.
func TestCrashImage(t *testing.T) {
	s := openTest(t, Options{Dir: t.TempDir()})
	m := fill(t, s, 3000)
	if _, err := s.Commit(t.Context(), Batch{Moves: []Move{{Space: Space{1}, Chain: Chain{1, 7}, From: 20, To: 3}}, Durable: true}); err != nil {
		t.Fatal(err)
	}
	want, err := s.Stats(Space{1})
	if err != nil {
		t.Fatal(err)
	}
	image := func() *Store {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(s.opt.Dir)); err != nil {
			t.Fatal(err)
		}
		s := openTest(t, Options{Dir: dir})
		if got, err := s.Stats(Space{1}); err != nil || got != want {
			t.Fatalf("stats are %+v, %v, want %+v", got, err, want)
		}
		return s
	}
	lose := func(no uint32) {
		w := newWriter(s, s.view.ts) // beside the real one, which is idle
		if _, err := w.deleteSome(appendBlockKey(nil, laneRef{1, 1}, no)); err != nil {
			t.Fatal(err)
		}
		s.opt.Verify = false
	}
	check := func(s *Store, damaged bool) {
		t.Helper()
		if err := s.Check(t.Context()); errors.Is(err, ErrDamaged) != damaged {
			t.Fatalf("check: %v", err)
		}
	}
	whole := image()
	check(whole, false)
	checkAllSums(t, whole)
	lose(4)
	inside := image()
	check(inside, true)
	checkAllSums(t, inside)
	check(inside, false)
	lose(0)
	first := image()
	check(first, true)
	if _, err := first.Commit(t.Context(), m.batch(5)); err != nil {
		t.Fatal(err)
	}
	checkAllSums(t, first)
	check(first, false)
}
