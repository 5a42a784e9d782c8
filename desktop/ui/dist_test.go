package ui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What dist is built from. The same list is in vite.config.ts.
var (
	sourceFiles   = []string{"index.html", "package.json", "package-lock.json", "svelte.config.js", "tsconfig.json", "vite.config.ts"}
	sourceFolders = []string{"public", "src"}
)

func TestDistIsBuiltFromTheseSources(t *testing.T) {
	stamp, err := fs.ReadFile(Assets(), "SOURCE.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(stamp)), sourceHash(t); got != want {
		t.Fatalf("dist was built from other sources (%s, now %s): run \"npm ci --ignore-scripts && npm run build\" in desktop/ui", got, want)
	}
}

func TestPageLoadsNothingFromElsewhere(t *testing.T) {
	page, err := fs.ReadFile(Assets(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"http://", "https://", "<style", " style=", "onload="} {
		if bytes.Contains(page, []byte(bad)) {
			t.Errorf("index.html contains %q", bad)
		}
	}
	for _, name := range []string{"assets/app.js", "assets/app.css", "favicon.svg"} {
		if _, err := fs.Stat(Assets(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// sourceHash is the SHA-256 over "path\nsha256(content with LF)\n" of every
// source, sorted by path.
func sourceHash(t *testing.T) string {
	t.Helper()
	paths := slices.Clone(sourceFiles)
	for _, folder := range sourceFolders {
		err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				paths = append(paths, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	all := sha256.New()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
		fmt.Fprintf(all, "%s\n%s\n", path, hex.EncodeToString(sum[:]))
	}
	return hex.EncodeToString(all.Sum(nil))
}
