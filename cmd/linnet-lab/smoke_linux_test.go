package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestQuick runs all measures once, short, and looks whether each gives a figure
// and nothing is left behind.
func TestQuick(t *testing.T) {
	temp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "live", "--quick", "--n", "2", "--json", "--profile", filepath.Join(temp, "profiles"))
	cmd.Env = append(os.Environ(), asLab+"=1", "TMPDIR="+temp)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	t.Logf("took %v", time.Since(start))
	r := newReport(liveOptions{JSON: true}, "", nil)
	if err := json.Unmarshal(out.Bytes(), &r.doc); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if len(r.doc.Live) != 1 || len(r.doc.Single) != 2 {
		t.Fatalf("%d tables and %d rows, want 1 and 2", len(r.doc.Live), len(r.doc.Single))
	}
	for _, f := range r.doc.Live[0].Figures {
		if f.Raw <= 0 || f.Linnet <= 0 {
			t.Errorf("%s: raw %v, Linnet %v", f.Name, f.Raw, f.Linnet)
		}
	}
	for _, s := range r.doc.Single {
		if len(s.Idle) != 2 || s.Idle[0].Anonymous <= 0 || s.Idle[0].Resident <= s.Idle[0].Anonymous || len(s.Post) != 1 || len(s.Page) != 1 {
			t.Errorf("of %d records: %+v", s.Records, s)
		}
	}
	if left, err := filepath.Glob(filepath.Join(temp, "linnet-lab-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if profiles, err := filepath.Glob(filepath.Join(temp, "profiles", "*.pprof")); err != nil || len(profiles) == 0 {
		t.Errorf("no profiles: %v", err)
	}
}
