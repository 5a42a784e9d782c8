//go:build unix && !darwin

package shell

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeStarter puts an xdg-open in place that runs the given script, and returns
// the file that it may write to.
func fakeStarter(t *testing.T, script string) (seen string) {
	t.Helper()
	bin := t.TempDir()
	seen = filepath.Join(bin, "seen")
	text := "#!/bin/sh\nseen=" + seen + "\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("DISPLAY", ":0")
	t.Setenv("WSL_DISTRO_NAME", "")
	t.Setenv("SSH_CONNECTION", "")
	return seen
}

func TestOpenPage(t *testing.T) {
	seen := fakeStarter(t, `echo "$@" >$seen`)
	dir := t.TempDir()
	if err := OpenPage(t.Context(), dir, "http://127.0.0.1:1/#code=secret"); err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSpace(string(args))
	if strings.Contains(path, "secret") || filepath.Dir(path) != filepath.Join(dir, runFolder) {
		t.Errorf("the browser got %q", path)
	}
	wantMode(t, path, 0o600)
}

func TestOpenPageFails(t *testing.T) {
	fakeStarter(t, "exit 3")
	dir := t.TempDir()
	if err := OpenPage(t.Context(), dir, "http://127.0.0.1:1/"); !errors.Is(err, ErrNoBrowser) {
		t.Errorf("%v, want ErrNoBrowser", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, runFolder)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if err := OpenPage(t.Context(), dir, "http://127.0.0.1:1/"); !errors.Is(err, ErrNoBrowser) {
		t.Errorf("without a screen: %v, want ErrNoBrowser", err)
	}
}

// TestPageKeepsFragment shows in a real browser that the page needs no script,
// keeps the fragment to itself and says nowhere that it was the way in.
func TestPageKeepsFragment(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("needs chromium")
	}
	asked := make(chan *http.Request, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<script>document.title = 'at ' + location.hash; document.write(document.title)</script>"))
	}))
	defer srv.Close()
	path, err := writePage(t.TempDir(), srv.URL+"/#code=SECRET")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom", "file://"+path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "at #code=SECRET") {
		t.Errorf("the page that was reached: %s", out)
	}
	r := <-asked
	if r.Referer() != "" || strings.Contains(r.RequestURI, "SECRET") {
		t.Errorf("the request tells: %s, referrer %q", r.RequestURI, r.Referer())
	}
}
