package shell

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ErrNoBrowser says that no browser can be opened here; the text says why.
var ErrNoBrowser = errors.New("shell: no browser can be opened")

// Pages that redirect live in this folder inside the data folder.
const (
	runFolder  = "run"
	pagePrefix = "open-"
	pageSuffix = ".html"
)

// slowStart is how long OpenPage waits for the starter of a browser to fail.
const slowStart = 3 * time.Second

// OpenPage shows url in the person's browser. A secret in it stays secret: the
// command line, which everybody on the computer can read, holds the path of a
// file for this person only, and that file leads to url. The file is left for
// the browser to read; remove it with [RemovePages] later. The error matches
// ErrNoBrowser if there is no screen or no browser. It blocks for 3 s at most.
func OpenPage(ctx context.Context, dataDir, url string) error {
	if why := noScreen(runtime.GOOS, os.Getenv); why != "" {
		return fmt.Errorf("%w: %s", ErrNoBrowser, why)
	}
	path, err := writePage(pageFolder(ctx, dataDir), url)
	if err != nil {
		return err
	}
	if err := launch(ctx, path); err != nil {
		return fmt.Errorf("%w: %w", ErrNoBrowser, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// noScreen says why there is nothing to show a page on, "" if there is.
func noScreen(system string, env func(string) string) string {
	screen := env("DISPLAY") != "" || env("WAYLAND_DISPLAY") != ""
	switch {
	case env("WSL_DISTRO_NAME") != "":
		return "inside WSL the browser of Windows cannot read files of Linux"
	case env("SSH_CONNECTION") != "" && !screen:
		return "this is a remote session without a screen"
	case system != "windows" && system != "darwin" && !screen:
		return "there is no screen"
	}
	return ""
}

// pageFolder returns the folder for pages that redirect. A browser from a Snap
// is not allowed to look into hidden folders, and the data folder is one or
// lies in one: it gets its pages in the folder that belongs to it.
func pageFolder(ctx context.Context, dataDir string) string {
	usual := filepath.Join(dataDir, runFolder)
	if runtime.GOOS != "linux" {
		return usual
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "xdg-settings", "get", "default-web-browser").Output()
	if err != nil {
		return usual
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return usual
	}
	snap := snapFolder(home, strings.TrimSpace(string(out)))
	if info, err := os.Stat(filepath.Dir(snap)); snap == "" || err != nil || !info.IsDir() {
		return usual // no Snap, or one that was never started
	}
	return snap
}

// snapFolder returns the folder for us in the data of the Snap that a desktop
// entry such as firefox_firefox.desktop belongs to, "" if it is none.
func snapFolder(home, entry string) string {
	name, _, isSnap := strings.Cut(strings.TrimSuffix(entry, ".desktop"), "_")
	if !isSnap || name == "" || strings.ContainsAny(entry, `/\`) {
		return ""
	}
	return filepath.Join(home, "snap", name, "common", "linnet")
}

// writePage writes a page that leads to url, mode 0600, under a name that
// nobody can guess.
func writePage(dir, url string) (path string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("shell: make %s: %w", dir, err)
	}
	path = filepath.Join(dir, pagePrefix+rand.Text()+pageSuffix)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("shell: write the page that opens Linnet: %w", err)
	}
	_, err = f.WriteString(page(url))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("shell: write the page that opens Linnet: %w", errors.Join(err, os.Remove(path)))
	}
	return path, nil
}

// page is a document that leads to url without a script. A refresh keeps the
// fragment; the policy keeps the page from loading or telling anything.
func page(url string) string {
	u := html.EscapeString(url)
	return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<meta http-equiv="refresh" content="0;url=` + u + `">
<title>Linnet</title>
<p>Linnet is opening. <a href="` + u + `" rel="noreferrer">Go there now</a></p>
</html>
`
}

// RemovePages removes the pages that [OpenPage] wrote for dataDir if they are
// at least as old as age. What cannot be removed now is left for the next call.
func RemovePages(dataDir string, age time.Duration) {
	removePages(filepath.Join(dataDir, runFolder), age)
	home, err := os.UserHomeDir()
	if runtime.GOOS != "linux" || err != nil {
		return
	}
	folders, _ := filepath.Glob(filepath.Join(home, "snap", "*", "common", "linnet")) // the pattern is well-formed
	for _, dir := range folders {
		removePages(dir, age)
	}
}

func removePages(dir string, age time.Duration) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), pagePrefix) || !strings.HasSuffix(e.Name(), pageSuffix) {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) >= age {
			_ = os.Remove(filepath.Join(dir, e.Name())) // the code in it has died by now
		}
	}
}
