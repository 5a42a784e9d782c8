package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// static serves the page. Embedded files have no dates, so their tags are hashes.
type static struct{ files map[string]asset }

type asset struct {
	body []byte
	tag  string
	kind string
}

// mimeTypes are those of the page's own files; the system's table may be wrong or hostile.
var mimeTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".json": "application/json", ".webmanifest": "application/manifest+json",
}

func newStatic(files fs.FS) (*static, error) {
	s := &static{files: map[string]asset{}}
	if files == nil {
		return s, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		kind := mimeTypes[path.Ext(name)]
		if kind == "" {
			kind = "application/octet-stream"
		}
		sum := sha256.Sum256(body)
		s.files["/"+name] = asset{body: body, kind: kind, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("server: read the page: %w", err)
	}
	if _, ok := s.files["/index.html"]; !ok {
		return nil, errors.New("server: the page has no index.html")
	}
	return s, nil
}

// ServeHTTP answers with a file, or with the page where a person opens any other path.
func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, newProblem(api.CodeMethod, "This can only be read", ""))
		return
	}
	name := r.URL.Path
	if name == "/" {
		name = "/index.html"
	}
	a, ok := s.files[name]
	if !ok && path.Ext(name) == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		a, ok = s.files["/index.html"]
	}
	if !ok {
		refuse(w, newProblem(api.CodeNotFound, "There is nothing here", ""))
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
