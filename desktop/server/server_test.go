package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server on a real port in front of a real node.
type running struct {
	*Server
	t    *testing.T
	node *node.Node
	host string
}

func run(t *testing.T) *running {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	page := fstest.MapFS{
		"index.html":    {Data: []byte("<!doctype html><title>Linnet</title>")},
		"assets/app.js": {Data: []byte("'use strict'")},
	}
	s, err := New(Config{Node: n, Assets: page, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.Close(ctx), <-served, n.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	r := &running{Server: s, t: t, node: n, host: ln.Addr().String()}
	for s.URL() == "" {
		time.Sleep(time.Millisecond)
	}
	return r
}

// rawBody is sent as it is.
type rawBody string

// ask sends a request with the token, unless header says otherwise, and returns status, header and body.
func (r *running) ask(method, path string, body any, header ...string) (int, http.Header, []byte) {
	r.t.Helper()
	var in io.Reader
	if raw, ok := body.(rawBody); ok {
		in = strings.NewReader(string(raw))
	} else if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			r.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.host+path, in)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.Token())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		switch header[i] {
		case "Host":
			req.Host = header[i+1]
		default:
			req.Header.Set(header[i], header[i+1])
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, out
}

// get asks and decodes, and fails the test unless the status is want.
func get[T any](r *running, want int, method, path string, body any, header ...string) (v T) {
	r.t.Helper()
	status, _, out := r.ask(method, path, body, header...)
	if status != want {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, status, out, want)
	}
	if len(out) > 0 {
		if err := json.Unmarshal(out, &v); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, out)
		}
	}
	return v
}

// refused asks and wants a problem with just this code, in the right form.
func (r *running) refused(code api.Code, method, path string, body any, header ...string) {
	r.t.Helper()
	status, h, out := r.ask(method, path, body, header...)
	var p api.Problem
	if err := json.Unmarshal(out, &p); err != nil || p.Code != code || p.Status != status || status != statuses[code] || p.Title == "" {
		r.t.Errorf("%s %s %v: %d %s, want code %s", method, path, header, status, out, code)
	}
	if kind := h.Get("Content-Type"); kind != "application/problem+json" {
		r.t.Errorf("%s %s: a problem as %q", method, path, kind)
	}
	r.checkHeaders(path, h)
}

func (r *running) checkHeaders(path string, h http.Header) {
	r.t.Helper()
	for _, want := range headers {
		if h.Get(want[0]) != want[1] {
			r.t.Errorf("%s: %s is %q", path, want[0], h.Get(want[0]))
		}
	}
	for _, never := range []string{"Access-Control-Allow-Origin", "Set-Cookie"} {
		if h.Get(never) != "" {
			r.t.Errorf("%s: %s: %s", path, never, h.Get(never))
		}
	}
}

func (r *running) topic(kind string) api.Topic {
	r.t.Helper()
	return get[api.Topic](r, 201, "POST", "/api/v1/topics", api.TopicDraft{Kind: kind, Name: "Allotments"})
}

func TestWholeUse(t *testing.T) {
	r := run(t)
	me := get[api.Me](r, 200, "PATCH", "/api/v1/me", api.MePatch{Name: "Anna"})
	if me.Name != "Anna" || len(me.Account) != 64 {
		t.Errorf("%+v", me)
	}
	n := get[api.Node](r, 200, "GET", "/api/v1/node", nil)
	if n.PeerID == "" || len(n.Addresses) == 0 || n.Name != "Anna" || n.Reachability.State != api.ReachAlone || n.Version != "test" {
		t.Errorf("%+v", n)
	}
	topic := r.topic(api.KindOpen)
	if topic.Role != api.RoleOwner || !topic.CanPost || !strings.HasPrefix(topic.Link, "linnet:") || topic.Completeness.State != api.CompleteUnknown {
		t.Errorf("%+v", topic)
	}
	path := "/api/v1/topics/" + topic.ID
	m := get[api.Message](r, 201, "POST", path+"/messages", api.MessageDraft{Text: "hello https://example.org"}, "Idempotency-Key", "k")
	if m.State != api.StateQueued || m.Author.Name != "Anna" || !m.Author.Me || m.Seq != 2 || len(m.Entities) != 1 {
		t.Errorf("%+v", m)
	}
	again := get[api.Message](r, 201, "POST", path+"/messages", api.MessageDraft{Text: "hello https://example.org"}, "Idempotency-Key", "k")
	if again.ID != m.ID {
		t.Error("the same key wrote two messages")
	}
	r.refused(api.CodeConflict, "POST", path+"/messages", api.MessageDraft{Text: "other"}, "Idempotency-Key", "k")
	reply := get[api.Message](r, 201, "POST", path+"/messages", api.MessageDraft{Text: "and again", ReplyTo: m.ID})
	page := get[api.MessagePage](r, 200, "GET", path+"/messages?limit=1", nil)
	if len(page.Items) != 1 || page.Items[0].ID != reply.ID || page.Prev == nil || page.Next != nil {
		t.Errorf("%+v", page)
	}
	page = get[api.MessagePage](r, 200, "GET", path+"/messages?limit=1&before="+*page.Prev, nil)
	if len(page.Items) != 1 || page.Items[0].ID != m.ID || page.Prev != nil || page.Next == nil {
		t.Errorf("%+v", page)
	}
	if around := get[api.MessagePage](r, 200, "GET", path+"/messages?around="+m.ID, nil); len(around.Items) != 2 {
		t.Errorf("%+v", around)
	}
	if one := get[api.Message](r, 200, "GET", path+"/messages/"+m.ID, nil); one.Text != m.Text {
		t.Errorf("%+v", one)
	}
	get[struct{}](r, 204, "PUT", path+"/draft", api.Draft{Text: "half a thou"})
	get[struct{}](r, 204, "PUT", path+"/read", api.ReadMark{UpTo: reply.ID})
	name := "Allotments 2027"
	if changed := get[api.Topic](r, 200, "PATCH", path, api.TopicPatch{Name: &name}); changed.Name != name || changed.Draft != "half a thou" {
		t.Errorf("%+v", changed)
	}
	list := get[api.TopicList](r, 200, "GET", "/api/v1/topics", nil)
	if len(list.Items) != 1 || list.Head == "" || list.Items[0].Last == nil || list.Items[0].Last.ID != reply.ID {
		t.Errorf("%+v", list)
	}
	if found := get[api.SearchPage](r, 200, "GET", "/api/v1/search?q=AGAIN&topic="+topic.ID, nil); len(found.Items) != 1 || !found.Whole {
		t.Errorf("%+v", found)
	}
	if p := get[api.LinkPreview](r, 200, "POST", "/api/v1/links/preview", api.LinkBody{Link: topic.Link}); !p.Joined || !p.Verified || p.Name != name {
		t.Errorf("%+v", p)
	}
	if a := get[api.Topic](r, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: topic.Link}); a.ID != topic.ID {
		t.Errorf("%+v", a)
	}
	if peers := get[api.PeerList](r, 200, "GET", "/api/v1/peers", nil); peers.Items == nil || len(peers.Items) != 0 {
		t.Errorf("%+v", peers)
	}
	code := get[api.NewCode](r, 201, "POST", "/api/v1/session/codes", nil)
	session := get[api.Session](r, 200, "POST", "/api/v1/session", api.SessionCode{Code: code.Code})
	get[api.Me](r, 200, "GET", "/api/v1/me", nil, "Authorization", "Bearer "+session.Token)
	get[struct{}](r, 204, "DELETE", "/api/v1/session", nil, "Authorization", "Bearer "+session.Token)
	r.refused(api.CodeUnauthorized, "GET", "/api/v1/me", nil, "Authorization", "Bearer "+session.Token)
	get[struct{}](r, 204, "DELETE", path, nil)
	r.refused(api.CodeNotFound, "GET", path, nil)
}

func TestRefusals(t *testing.T) {
	r := run(t)
	topic := r.topic(api.KindBroadcast)
	path := "/api/v1/topics/" + topic.ID
	wrongID := strings.Repeat("a", 52)
	for _, c := range []struct {
		code         api.Code
		method, path string
		body         any
		header       []string
	}{
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/nothing"},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/topics/" + wrongID},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/topics/x"},
		{code: api.CodeNotFound, method: "GET", path: path + "/messages/" + wrongID},
		{code: api.CodeNotFound, method: "GET", path: path + "/messages?around=" + wrongID},
		{code: api.CodeNotFound, method: "PUT", path: path + "/read", body: api.ReadMark{UpTo: wrongID}},
		{code: api.CodeMethod, method: "DELETE", path: "/api/v1/node"},
		{code: api.CodeMethod, method: "PUT", path: "/api/v1/topics", body: 1},
		{code: api.CodeForbiddenSite, method: "OPTIONS", path: "/api/v1/node"},
		{code: api.CodeForbiddenSite, method: "TRACE", path: "/api/v1/node"},
		{code: api.CodeBadRequest, method: "POST", path: "/api/v1/topics", body: rawBody(`{"kind":`)},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "private", "name": "x"}},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "open", "name": ""}},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "open", "name": "a\u202eb"}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": ""}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": "  "}},
		{code: api.CodeTooLarge, method: "POST", path: path + "/messages", body: map[string]any{"text": strings.Repeat("x", 70_000)}},
		{code: api.CodeTooLarge, method: "POST", path: path + "/messages", body: map[string]any{"text": strings.Repeat("x", 10<<20)}},
		{code: api.CodeNotBuilt, method: "POST", path: path + "/messages", body: map[string]any{"text": "x", "attachments": []string{"y"}}},
		{code: api.CodeNotBuilt, method: "POST", path: "/api/v1/blobs", body: "x"},
		{code: api.CodeNotBuilt, method: "GET", path: "/api/v1/blobs/x"},
		{code: api.CodeNotBuilt, method: "GET", path: "/api/v1/contacts"},
		{code: api.CodeNotBuilt, method: "POST", path: "/api/v1/contacts", body: map[string]any{"link": "x"}},
		{code: api.CodeNotBuilt, method: "POST", path: "/api/v1/contacts/x/verify"},
		{code: api.CodeInvalid, method: "GET", path: path + "/messages?limit=0"},
		{code: api.CodeInvalid, method: "GET", path: path + "/messages?limit=201"},
		{code: api.CodeInvalid, method: "GET", path: path + "/messages?before=a&after=b"},
		{code: api.CodeBadCursor, method: "GET", path: path + "/messages?before=nonsense"},
		{code: api.CodeBadLink, method: "POST", path: "/api/v1/links/preview", body: api.LinkBody{Link: "hello"}},
		{code: api.CodeBadLink, method: "POST", path: "/api/v1/links/accept", body: api.LinkBody{Link: topic.Link[:40]}},
		{code: api.CodeBadAddress, method: "POST", path: "/api/v1/peers", body: api.PeerAdd{Address: "nonsense"}},
		{code: api.CodeUnreachable, method: "POST", path: "/api/v1/peers", body: api.PeerAdd{Address: "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"}},
		{code: api.CodeMediaType, method: "POST", path: "/api/v1/topics", body: 1, header: []string{"Content-Type", "text/plain"}},
		{code: api.CodeMediaType, method: "POST", path: "/api/v1/topics", body: 1, header: []string{"Content-Type", ""}},
		{code: api.CodeUnauthorized, method: "POST", path: "/api/v1/session", body: api.SessionCode{Code: "WRONG"}},
	} {
		r.refused(c.code, c.method, c.path, c.body, c.header...)
	}
}

// TestForeignSites: what a page of another site, or one that rebound its name to
// this computer, can send.
func TestForeignSites(t *testing.T) {
	r := run(t)
	_, port, err := net.SplitHostPort(r.host)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evil.example:" + port, "127.0.0.1", "127.0.0.1:1", "127.0.0.1.:" + port, "localhost.:" + port, "LOCALHOST:" + port + ".", "[::1]:1", "0.0.0.0:" + port, "127.1:" + port, ""} {
		if host == "" {
			continue
		}
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
	// The absolute form, as to a proxy.
	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET http://%s/api/v1/health HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", r.host, r.host)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "421") {
		t.Errorf("absolute form: %q %v", line, err)
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

// TestDocument holds the OpenAPI document against the contract's paths and the
// routes that answer.
func TestDocument(t *testing.T) {
	r := run(t)
	doc := get[map[string]any](r, 200, "GET", "/api/v1/openapi.json", nil)
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", doc["openapi"])
	}
	paths := doc["paths"].(map[string]any)
	fs := token.NewFileSet()
	f, err := parser.ParseFile(fs, "../api/paths.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	ast.Inspect(f, func(x ast.Node) bool {
		v, ok := x.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Path") {
			return true
		}
		named++
		path := api.Prefix + strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`)
		if paths[path] == nil {
			t.Errorf("%s is in the contract and not in the document", path)
		}
		return true
	})
	if named != len(paths) {
		t.Errorf("%d paths in the contract, %d in the document", named, len(paths))
	}
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if method == "parameters" || strings.HasSuffix(path, api.PathEvents) {
				continue
			}
			real := strings.NewReplacer("{id}", "x", "{message}", "y").Replace(path)
			status, _, out := r.ask(strings.ToUpper(method), real, nil)
			var p api.Problem
			if _ = json.Unmarshal(out, &p); p.Code == api.CodeMethod || strings.Contains(p.Title, "no such path") {
				t.Errorf("%s %s is in the document and does not answer: %d %s", method, path, status, out)
			}
		}
	}
}

func TestStatic(t *testing.T) {
	r := run(t)
	status, h, out := r.ask("GET", "/", nil, "Authorization", "")
	if status != 200 || h.Get("Content-Type") != "text/html; charset=utf-8" || h.Get("ETag") == "" || !bytes.Contains(out, []byte("Linnet")) {
		t.Errorf("%d %v", status, h)
	}
	r.checkHeaders("/", h)
	if status, _, out := r.ask("GET", "/", nil, "If-None-Match", h.Get("ETag")); status != 304 || len(out) != 0 {
		t.Errorf("not modified: %d", status)
	}
	if status, h, _ := r.ask("GET", "/assets/app.js", nil); status != 200 || h.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("script: %d %v", status, h)
	}
	if status, _, _ := r.ask("GET", "/some/where", nil, "Accept", "text/html"); status != 200 {
		t.Errorf("a path that a person opens: %d", status)
	}
	for _, path := range []string{"/assets/", "/assets/none.js", "/..%2fgo.mod", "/index.html/x.js"} {
		r.refused(api.CodeNotFound, "GET", path, nil)
	}
	r.refused(api.CodeMethod, "POST", "/", nil)
}

func TestCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSessions()
		code := s.newCode(codeBytes, codeLife)
		token, p := s.exchange(strings.ToLower(code[:4]) + " " + code[4:])
		if p != nil || !s.allows("Bearer "+token) {
			t.Fatalf("%v", p)
		}
		if _, p := s.exchange(code); p == nil || p.Code != api.CodeUnauthorized {
			t.Error("a code works twice")
		}
		late := s.newCode(pairingBytes, pairingLife)
		if len(late) != 8 {
			t.Errorf("pairing code %q", late)
		}
		time.Sleep(pairingLife + time.Second)
		if _, p := s.exchange(late); p == nil {
			t.Error("a code works for ever")
		}
		for range 2 * badBurst {
			_, p = s.exchange("guess")
		}
		if p.Code != api.CodeTooMany {
			t.Errorf("guessing goes on: %v", p)
		}
		good := s.newCode(codeBytes, 10*time.Minute)
		time.Sleep(time.Minute)
		if _, p := s.exchange(good); p != nil {
			t.Errorf("a person is locked out for ever: %v", p)
		}
	})
}

// stream reads events from the server.
type stream struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func (r *running) events(header ...string) *stream {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.host+"/api/v1/events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.Token())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		r.t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	r.checkHeaders("events", res.Header)
	return &stream{t: r.t, lines: bufio.NewScanner(res.Body), close: func() { cancel(); res.Body.Close() }}
}

// next returns the next event of that name.
func (s *stream) next(name string) (id string, data string) {
	s.t.Helper()
	var got string
	for s.lines.Scan() {
		line := s.lines.Text()
		switch {
		case line == "" && got == name:
			return id, data
		case line == "":
			id, got = "", ""
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case strings.HasPrefix(line, "event: "):
			got = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		}
	}
	s.t.Fatalf("the stream ended before %s: %v", name, s.lines.Err())
	return "", ""
}

func TestEvents(t *testing.T) {
	r := run(t)
	head := get[api.TopicList](r, 200, "GET", "/api/v1/topics", nil).Head
	live := r.events()
	defer live.close()
	if id, data := live.next(api.EventNodeUpdated); id != "" || !strings.Contains(data, `"peer_id"`) {
		t.Errorf("%q %s", id, data)
	}
	topic := r.topic(api.KindOpen)
	m := get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "hello"})
	id, data := live.next(api.EventMessageCreated)
	var ev api.MessageEvent
	if err := json.Unmarshal([]byte(data), &ev); err != nil || ev.Message.ID != m.ID || ev.Topic != topic.ID || ev.V != 1 || id == "" {
		t.Errorf("%q %s", id, data)
	}
	// From the snapshot's head nothing is missing, from the last id nothing comes twice.
	from := r.events("Last-Event-ID", head)
	defer from.close()
	if _, data := from.next(api.EventTopicCreated); !strings.Contains(data, topic.ID) {
		t.Error(data)
	}
	if again, _ := from.next(api.EventMessageCreated); again != id {
		t.Errorf("resumed %s, was %s", again, id)
	}
	get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "second"})
	behind := r.events("Last-Event-ID", id)
	defer behind.close()
	if _, data := behind.next(api.EventMessageCreated); !strings.Contains(data, "second") {
		t.Error(data)
	}
	lost := r.events("Last-Event-ID", "00000000-7")
	defer lost.close()
	if id, data := lost.next(api.EventReset); id == "" || !strings.Contains(data, `"head"`) {
		t.Errorf("%q %s", id, data)
	}
}

func TestCloseEndsStreams(t *testing.T) {
	r := run(t)
	live := r.events()
	defer live.close()
	live.next(api.EventNodeUpdated)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Fatalf("close with a stream open: %v", err)
	}
	for live.lines.Scan() {
	}
}

// TestTables: no error of the node and no code of the contract is without its row.
func TestTables(t *testing.T) {
	fs := token.NewFileSet()
	f, err := parser.ParseFile(fs, "../../node/types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	errs := 0
	ast.Inspect(f, func(x ast.Node) bool {
		if v, ok := x.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Err") {
			errs++
		}
		return true
	})
	if errs != len(faults) {
		t.Errorf("node has %d errors, the table %d", errs, len(faults))
	}
	f, err = parser.ParseFile(fs, "../api/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(x ast.Node) bool {
		if v, ok := x.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Code") {
			code := api.Code(strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
			if statuses[code] == 0 {
				t.Errorf("%s has no status", code)
			}
		}
		return true
	})
	s := &Server{log: run(t).log}
	for _, f := range faults {
		var p *problem
		if !errors.As(s.fail(fmt.Errorf("wrapped: %w", f.err)), &p) || p.Code != f.code || p.Detail == "" {
			t.Errorf("%v becomes %+v", f.err, p)
		}
	}
}

func TestSentences(t *testing.T) {
	for want, s := range map[string]node.Status{
		"Connected to 1 person, all on this network.":                                             {Peers: 1, Nearby: 1},
		"Connected to 3 people.":                                                                  {Peers: 3, Nearby: 1},
		"Nobody is connected right now. Linnet keeps trying the 2 people it knows.":               {Known: 2},
		"Nobody to reach yet. Open a link, or send yours to somebody.":                            {},
		"Nobody to reach yet. Open a link, or send yours to somebody. Only this network is used.": {LANOnly: true},
	} {
		if got := apiReachability(s).Summary; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for state, c := range map[string]node.Completeness{
		api.CompleteWaiting: {Waiting: true}, api.CompleteForked: {Forked: true, Have: 1}, api.CompleteMissing: {Have: 4812, Missing: 1}, api.CompleteUnknown: {Have: 1},
	} {
		if got := apiCompleteness(c); got.State != state || got.Summary == "" {
			t.Errorf("%+v", got)
		}
	}
	if got := apiCompleteness(node.Completeness{Have: 4812, Missing: 1}).Summary; got != "4,812 are here, at least 1 is missing." {
		t.Error(got)
	}
	if !slices.Equal([]string{count(0), count(999), count(1000), count(1234567)}, []string{"0", "999", "1,000", "1,234,567"}) {
		t.Error("count")
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1", "evil.example:1", "127.0.0.1:1.", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		allowed := hostAllowed(&http.Request{Host: host, URL: new(url.URL)}, "1")
		if want := slices.Contains([]string{"127.0.0.1:1", "localhost:1", "[::1]:1"}, host); allowed != want {
			t.Errorf("%q: %v", host, allowed)
		}
	})
}
