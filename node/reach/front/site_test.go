package front

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

var links = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// walk opens the first page of a site and all that it leads to.
func walk(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for todo := []string{"/", "/robots.txt", "/sitemap.xml"}; len(todo) > 0; todo = todo[1:] {
		if _, ok := seen[todo[0]]; ok {
			continue
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", todo[0], nil))
		if w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Fatalf("%s: %d", todo[0], w.Code)
		}
		seen[todo[0]] = w.Body.String()
		for _, m := range links.FindAllStringSubmatch(w.Body.String(), -1) {
			todo = append(todo, m[1])
		}
	}
	return seen
}

// TestMadeUpSites: each bridge has a whole site, the same at each start, and none
// that another has.
func TestMadeUpSites(t *testing.T) {
	names, titles := map[string]bool{}, map[string]bool{}
	for n := range 100 {
		key := bytes.Repeat([]byte{byte(n)}, 32)
		name := madeUpName(key)
		if !plausible(name) {
			t.Errorf("a site is called %q", name)
		}
		site := walk(t, madeUp(key, name))
		again := walk(t, madeUp(key, name))
		if len(site) < 10 {
			t.Errorf("%d: only %d pages", n, len(site))
		}
		for path, body := range site {
			if again[path] != body {
				t.Errorf("%d: %s changes", n, path)
			}
			if strings.ContainsAny(body, "{}") && strings.HasSuffix(path, ".html") {
				t.Errorf("%d: %s has a gap: %s", n, path, body)
			}
			if strings.Contains(strings.ToLower(body), "linnet") {
				t.Errorf("%d: %s gives it away", n, path)
			}
		}
		names[name], titles[site["/"]] = true, true
	}
	if len(names) < 99 || len(titles) != 100 {
		t.Errorf("100 bridges have %d names and %d first pages", len(names), len(titles))
	}
}

// TestSiteLikeAFileServer: what clients ask of files works.
func TestSiteLikeAFileServer(t *testing.T) {
	h := madeUp(seed, "bridge.example")
	ask := func(path string, lines ...string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		for i := 0; i < len(lines); i += 2 {
			r.Header.Set(lines[i], lines[i+1])
		}
		h.ServeHTTP(w, r)
		return w
	}
	first := ask("/")
	if first.Header().Get("Last-Modified") == "" || first.Header().Get("Etag") == "" || first.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v", first.Header())
	}
	if w := ask("/", "If-None-Match", first.Header().Get("Etag")); w.Code != http.StatusNotModified {
		t.Errorf("the same tag: %d", w.Code)
	}
	if w := ask("/", "If-Modified-Since", first.Header().Get("Last-Modified")); w.Code != http.StatusNotModified {
		t.Errorf("the same time: %d", w.Code)
	}
	if w := ask("/", "Range", "bytes=0-9"); w.Code != http.StatusPartialContent || w.Body.Len() != 10 {
		t.Errorf("a range: %d", w.Code)
	}
	if w := ask("/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("nothing: %d", w.Code)
	}
	if w := ask("/favicon.ico"); !strings.HasPrefix(w.Body.String(), "\x89PNG") {
		t.Error("no icon")
	}
}

func TestBadSite(t *testing.T) {
	for _, site := range []string{"ftp://example.org", "example.org", "http://", "https://[", "javascript:x"} {
		if _, err := newSite(Config{Site: site}, "x"); err == nil {
			t.Errorf("%q is shown", site)
		}
	}
}
