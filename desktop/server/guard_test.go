package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestForeignSites: what a page of another site, or one that rebound its name to
// this computer, can send.
func TestForeignSites(t *testing.T) {
	r := run(t)
	_, port, err := net.SplitHostPort(r.host)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "127.0.0.1.:" + port, "localhost.:" + port, "LOCALHOST:" + port + ".", "[::1]:1", "0.0.0.0:" + port, "127.1:" + port, "127.0.0.1:" + port + ".", "127.0.0.1:0" + port, "[::ffff:127.0.0.1]:" + port, "user@127.0.0.1:" + port} {
		for _, path := range []string{"/", "/api/v1/node", "/api/v1/health", "/assets/app.js"} {
			r.refused(api.CodeWrongHost, "GET", path, nil, "Host", host)
		}
	}
	for _, host := range []string{"localhost:" + port, "[::1]:" + port} {
		get[api.Node](r, 200, "GET", "/api/v1/node", nil, "Host", host)
		if status, h, _ := r.ask("GET", "/", nil, "Host", host); status != 308 || h.Get("Location") != r.URL()+"/" {
			t.Errorf("/ on %s: %d %s", host, status, h.Get("Location"))
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		r.refused(api.CodeForbiddenSite, "GET", "/api/v1/node", nil, "Sec-Fetch-Site", site)
		r.refused(api.CodeForbiddenSite, "POST", "/api/v1/session", api.SessionCode{Code: "x"}, "Sec-Fetch-Site", site)
	}
	r.refused(api.CodeForbiddenSite, "POST", "/api/v1/topics", 1, "Sec-Fetch-Site", "none")
	for _, origin := range []string{"null", "https://evil.example", "http://127.0.0.1:1"} {
		r.refused(api.CodeForbiddenSite, "POST", "/api/v1/topics", api.TopicDraft{Kind: "open", Name: "x"}, "Origin", origin)
	}
	get[api.Topic](r, 201, "POST", "/api/v1/topics", api.TopicDraft{Kind: "open", Name: "x"}, "Origin", r.URL(), "Sec-Fetch-Site", "same-origin")
	if _, h, _ := r.ask("GET", "/", nil, "Host", "localhost:"+port); h.Get("Cache-Control") != "no-store" {
		t.Error("a browser keeps the redirect for ever")
	}
}

// TestRawRequests: what no HTTP client sends.
func TestRawRequests(t *testing.T) {
	r := run(t)
	big := `"` + strings.Repeat("x", 10<<20) + `"`
	for _, c := range []struct {
		status  int
		request string
	}{
		{421, "GET http://" + r.host + "/api/v1/health HTTP/1.1\r\nHost: " + r.host + "\r\n"}, // as to a proxy
		{421, "GET http://evil.example/ HTTP/1.1\r\nHost: " + r.host + "\r\n"},
		{421, "OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n"},
		{403, "OPTIONS * HTTP/1.1\r\nHost: " + r.host + "\r\n"},
		{421, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n"},
		{421, "GET / HTTP/1.0\r\n"},
		{413, "POST /api/v1/topics HTTP/1.1\r\nHost: " + r.host + "\r\nAuthorization: Bearer " + r.Token() +
			"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"},
	} {
		conn, err := net.Dial("tcp", r.host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, c.request+"Connection: close\r\n\r\n")
		if strings.Contains(c.request, "chunked") {
			_, _ = fmt.Fprintf(conn, "%x\r\n%s\r\n0\r\n\r\n", len(big), big) // the answer may come before its end
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%.60q: %v", c.request, err)
		}
		if res.StatusCode != c.status {
			t.Errorf("%.60q: %d, want %d", c.request, res.StatusCode, c.status)
		}
		r.checkHeaders("", res.Header)
		_ = conn.Close()
	}
}

// TestHeadOfStream: a stream without a body ends.
func TestHeadOfStream(t *testing.T) {
	r := run(t)
	for range 2 { // the second needs the connection of the first
		status, h, _ := r.ask("HEAD", "/api/v1/events", nil)
		if status != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") {
			t.Errorf("%d %v", status, h)
		}
	}
}

// TestPanic: a mistake of ours is a problem with a number that the log has too.
func TestPanic(t *testing.T) {
	r := run(t)
	var log bytes.Buffer
	r.log = slog.New(slog.NewTextHandler(&log, nil))
	broken := func(w http.ResponseWriter, _ *http.Request) { panic("broken") }
	half := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("later") }
	h := r.guard(http.NotFoundHandler(), http.HandlerFunc(broken))
	w := httptest.NewRecorder()
	get := httptest.NewRequest("GET", "/x?q="+url.QueryEscape(private), nil)
	get.Host = r.host
	h.ServeHTTP(w, get)
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.Code != api.CodeInternal {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.checkHeaders("/x", w.Header())
	if id := w.Header().Get(api.HeaderRequest); !strings.Contains(log.String(), "request="+id) || !strings.Contains(p.Detail, id) {
		t.Errorf("request %s: %s; %s", id, p.Detail, log.String())
	}
	if strings.Contains(log.String(), "meet") {
		t.Error("what was searched for is in the log")
	}
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("half an answer looks whole")
		}
	}()
	r.guard(http.NotFoundHandler(), http.HandlerFunc(half)).ServeHTTP(httptest.NewRecorder(), get)
}

// TestLoopbackOnly: other computers cannot reach the door.
func TestLoopbackOnly(t *testing.T) {
	r := run(t)
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Serve(ln); err == nil {
		t.Error("it serves to the world")
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}

// TestEveryRouteNeedsTheToken walks the OpenAPI document, so that a new route
// cannot be forgotten.
func TestEveryRouteNeedsTheToken(t *testing.T) {
	r := run(t)
	free := map[string]bool{"GET /api/v1/health": true, "POST /api/v1/session": true}
	seen := 0
	for path, item := range r.openapi.Paths {
		real := strings.NewReplacer("{id}", "x", "{message}", "y").Replace(path)
		for method, op := range map[string]any{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if reflect.ValueOf(op).IsNil() {
				continue
			}
			seen++
			plain := httptest.NewRequest(method, real, nil)
			if free[method+" "+path] != open(plain) || free[method+" "+path] != (op.(*huma.Operation).Security == nil) {
				t.Errorf("%s %s: guard, document and this test disagree on whether it needs the token", method, path)
			}
			if free[method+" "+path] {
				status, _, _ := r.ask(method, real, map[string]any{"code": "x"}, "Authorization", "")
				if method == "GET" && status != 200 {
					t.Errorf("%s %s: %d without a token", method, path, status)
				}
				continue
			}
			for _, header := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic " + r.Token(), r.Token()} {
				r.refused(api.CodeUnauthorized, method, real, nil, "Authorization", header)
			}
			r.refused(api.CodeUnauthorized, method, real+"?token="+r.Token()+"&access_token="+r.Token(), nil, "Authorization", "")
		}
	}
	if seen < 20 {
		t.Errorf("the document names %d operations only", seen)
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1", "evil.example:1", "127.0.0.1:1.", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		allowed := hostAllowed(&http.Request{Host: host, URL: new(url.URL)}, "127.0.0.1:1")
		if want := slices.Contains([]string{"127.0.0.1:1", "localhost:1", "[::1]:1"}, host); allowed != want {
			t.Errorf("%q: %v", host, allowed)
		}
	})
}
