package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestQuick runs all measures once, short, and looks whether each gives a figure
// and nothing is left behind.
func TestQuick(t *testing.T) {
	t.Run("live", quickLive)
	t.Run("seal", quickSeal)
}

// lab runs the program and reads the document that it prints.
func lab(t *testing.T, temp string, doc any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asLab+"=1", "TMPDIR="+temp)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	t.Logf("took %v", time.Since(start))
	if err := json.Unmarshal(out.Bytes(), doc); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
}

func quickLive(t *testing.T) {
	temp := t.TempDir()
	r := newReport(liveOptions{JSON: true}, "", nil)
	lab(t, temp, &r.doc, "live", "--quick", "--n", "2", "--json", "--profile", filepath.Join(temp, "profiles"))
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

// quickSeal looks at bytes, which are the same on every computer; of times only
// whether there are any.
func quickSeal(t *testing.T) {
	var doc sealDoc
	lab(t, t.TempDir(), &doc, "seal", "--quick", "--texts", "20,100", "--members", "2,10", "--json")
	if len(doc.Tables) != 5 || doc.Setting.Seed == 0 {
		t.Fatalf("%d tables, want 5; seed %d", len(doc.Tables), doc.Setting.Seed)
	}
	bars := 0
	for _, table := range doc.Tables {
		for _, f := range table.Figures {
			// Two short times may differ the wrong way round, and a heap may shrink.
			if f.Value <= 0 && !strings.HasSuffix(f.Name, "er, us") && !strings.Contains(f.Name, "memory") && !strings.Contains(f.Name, "opened") {
				t.Errorf("%s: %s: %v", table.Name, f.Name, f.Value)
			}
			if f.Verdict != "" {
				bars++
			}
			if strings.Contains(f.Verdict, " B)") && f.Ratio != 0 && f.Ratio < 1 {
				t.Errorf("%s: %s: %v, less than the floor of %v", table.Name, f.Name, f.Value, f.Floor)
			}
		}
	}
	if bars != 2*7+1 {
		t.Errorf("%d figures have a verdict, want 15", bars)
	}
}
