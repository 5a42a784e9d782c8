package front

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path"
	"time"
)

// site is what everybody sees: pages of its own, or a real site behind.
type site struct {
	http.Handler
	close func()
}

func newSite(cfg Config, name string) (*site, error) {
	if cfg.Site != "" {
		return borrowed(cfg)
	}
	return &site{Handler: madeUp(cfg.Key, name), close: func() {}}, nil
}

// borrowed shows a real site. Nothing of the visitor goes there but the request: a
// log there must not tell who came.
func borrowed(cfg Config) (*site, error) {
	u, err := url.Parse(cfg.Site)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("front: the site %.100q to show is no http:// or https:// address", cfg.Site)
	}
	transport := &http.Transport{
		DisableCompression: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		ResponseHeaderTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
		DialContext: cfg.dialSite,
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			if _, err := netip.ParseAddr(u.Hostname()); err == nil || u.Hostname() == "localhost" {
				r.Out.Host = r.In.Host // a server beside us, which serves this name
			}
		},
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	return &site{Handler: proxy, close: transport.CloseIdleConnections}, nil
}

// page is one file of a site.
type page struct {
	kind, tag string
	time      time.Time
	body      []byte
}

// kinds are not asked of the system, whose tables differ.
var kinds = map[string]string{
	"":      "text/html; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".txt":  "text/plain; charset=utf-8",
	".xml":  "text/xml; charset=utf-8",
	".png":  "image/png",
	".ico":  "image/x-icon",
}

// pages serves files, as http.FileServer would, with an ETag each.
type pages map[string]page // by path

func (all pages) put(name string, time time.Time, body []byte) {
	sum := sha256.Sum256(body)
	all[name] = page{kind: kinds[path.Ext(name)], tag: `"` + hex.EncodeToString(sum[:8]) + `"`, time: time, body: body}
}

func (all pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, ok := all[path.Clean("/"+r.URL.Path)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", p.kind)
	w.Header().Set("Etag", p.tag)
	http.ServeContent(w, r, "", p.time, bytes.NewReader(p.body))
}
