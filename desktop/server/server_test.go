package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server on a real port in front of a real node.
type running struct {
	*Server
	t    testing.TB
	node *node.Node
	host string
	stop func() // server and node; the test's end calls it too
}

func run(t testing.TB) *running { return runIn(t, t.TempDir()) }

func runIn(t testing.TB, dir string) *running {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, Config{Node: n}, n.Close)
}

// serve serves what cfg holds, which closing closes.
func serve(t testing.TB, cfg Config, closing func() error) *running {
	t.Helper()
	page := fstest.MapFS{
		"index.html":    {Data: []byte("<!doctype html><title>Linnet</title>")},
		"assets/app.js": {Data: []byte("'use strict'")},
	}
	var log bytes.Buffer // read after the end only
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Assets, cfg.Version, cfg.Logger = page, "test", logger
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	r := &running{Server: s, t: t, node: cfg.Node, host: ln.Addr().String()}
	r.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.Close(ctx), <-served, closing()); err != nil {
			t.Errorf("close: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
		for _, secret := range []string{private, passphrase, s.Token()} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("%q is in the log: %s", secret, log.String())
			}
		}
	})
	t.Cleanup(r.stop)
	get[api.Health](r, 200, "GET", "/api/v1/health", nil) // from here on it knows its address
	return r
}

// private must not be in the log, whatever happens to it.
const private = "meet me at nine"

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
	if op := r.operation(method, path); op != nil && op.Responses[strconv.Itoa(status)] == nil {
		r.t.Errorf("%s %s answers %d, which the document does not say", method, op.Path, status)
	}
	if kind := h.Get("Content-Type"); kind != "application/problem+json" {
		r.t.Errorf("%s %s: a problem as %q", method, path, kind)
	}
	r.checkHeaders(path, h)
}

// wantHeaders are on every answer. They are written out here once more, so that
// weakening one takes two places.
var wantHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; " +
		"worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cross-Origin-Embedder-Policy": "require-corp",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(self), loopback-network=(self), local-network=()",
}

func (r *running) checkHeaders(path string, h http.Header) {
	r.t.Helper()
	for name, want := range wantHeaders {
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			r.t.Errorf("%s: %s is %q", path, name, got)
		}
	}
	if len(h.Get("X-Request-Id")) < 10 {
		r.t.Errorf("%s: request id %q", path, h.Get("X-Request-Id"))
	}
	if strings.HasPrefix(path, "/api") && h.Get("Cache-Control") != "no-store" {
		r.t.Errorf("%s: may be kept: %q", path, h.Get("Cache-Control"))
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" {
			r.t.Errorf("%s: %s: %s", path, name, h.Get(name))
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
	m := get[api.Message](r, 201, "POST", path+"/messages", api.MessageDraft{Text: private + " https://example.org"}, "Idempotency-Key", "k")
	if m.State != api.StateQueued || m.Author.Name != "Anna" || !m.Author.Me || m.Seq != 2 || len(m.Entities) != 1 {
		t.Errorf("%+v", m)
	}
	again := get[api.Message](r, 201, "POST", path+"/messages", api.MessageDraft{Text: private + " https://example.org"}, "Idempotency-Key", "k")
	if again.ID != m.ID {
		t.Error("the same key wrote two messages")
	}
	r.refused(api.CodeConflict, "POST", path+"/messages", api.MessageDraft{Text: "other"}, "Idempotency-Key", "k")
	r.refused(api.CodeConflict, "POST", path+"/messages", api.MessageDraft{Text: m.Text, ReplyTo: m.ID}, "Idempotency-Key", "k")
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
		{code: api.CodeNotFound, method: "GET", path: "/api/v2/node", header: []string{"Accept", "text/html"}},
		{code: api.CodeNotFound, method: "GET", path: "/api", header: []string{"Accept", "text/html"}},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/topics/" + wrongID},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/events?topic=" + wrongID},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/search?q=x&topic=" + wrongID},
		{code: api.CodeInvalid, method: "GET", path: "/api/v1/search"},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/topics/x"},
		{code: api.CodeNotFound, method: "GET", path: path + "/messages/" + wrongID},
		{code: api.CodeNotFound, method: "GET", path: path + "/messages?around=" + wrongID},
		{code: api.CodeNotFound, method: "PUT", path: path + "/read", body: api.ReadMark{UpTo: wrongID}},
		{code: api.CodeMethod, method: "DELETE", path: "/api/v1/node"},
		{code: api.CodeMethod, method: "PUT", path: "/api/v1/topics", body: 1},
		{code: api.CodeForbiddenSite, method: "OPTIONS", path: "/api/v1/node"},
		{code: api.CodeForbiddenSite, method: "TRACE", path: "/api/v1/node"},
		{code: api.CodeBadRequest, method: "POST", path: "/api/v1/topics", body: rawBody(`{"kind":`)},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "secret", "name": "x"}},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "open", "name": ""}},
		{code: api.CodeInvalid, method: "POST", path: "/api/v1/topics", body: map[string]any{"kind": "open", "name": "a\u202eb"}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": ""}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": "  "}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": "x"}, header: []string{"Idempotency-Key", strings.Repeat("é", 200)}},
		{code: api.CodeInvalid, method: "POST", path: path + "/messages", body: map[string]any{"text": "x"}, header: []string{"Idempotency-Key", strings.Repeat("k", 257)}},
		{code: api.CodeTooLarge, method: "POST", path: path + "/messages", body: map[string]any{"text": strings.Repeat("x", 70_000)}},
		{code: api.CodeTooLarge, method: "POST", path: path + "/messages", body: map[string]any{"text": strings.Repeat("x", 10<<20)}},
		{code: api.CodeNotBuilt, method: "POST", path: path + "/messages", body: map[string]any{"text": "x", "attachments": []string{"y"}}},
		{code: api.CodeNotBuilt, method: "POST", path: "/api/v1/blobs", body: "x"},
		{code: api.CodeNotBuilt, method: "POST", path: "/api/v1/blobs", body: rawBody(strings.Repeat("x", 2<<20)), header: []string{"Content-Type", "image/png"}},
		{code: api.CodeNotBuilt, method: "GET", path: "/api/v1/blobs/x"},
		{code: api.CodeBadLink, method: "POST", path: "/api/v1/contacts", body: map[string]any{"link": "x"}},
		{code: api.CodeNotFound, method: "GET", path: "/api/v1/contacts/x"},
		{code: api.CodeNotFound, method: "PATCH", path: "/api/v1/contacts/x", body: map[string]any{}},
		{code: api.CodeNotFound, method: "POST", path: "/api/v1/contacts/x/verify", body: map[string]any{"same": true}},
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

// TestKeyAfterRestart: a key that led to one message is not taken for another
// one, also by a program that does not remember.
func TestKeyAfterRestart(t *testing.T) {
	dir := t.TempDir()
	r := runIn(t, dir)
	path := "/api/v1/topics/" + r.topic(api.KindOpen).ID + "/messages"
	m := get[api.Message](r, 201, "POST", path, api.MessageDraft{Text: "once"}, "Idempotency-Key", "k")
	r.stop()
	r = runIn(t, dir)
	if again := get[api.Message](r, 201, "POST", path, api.MessageDraft{Text: "once"}, "Idempotency-Key", "k"); again.ID != m.ID {
		t.Error("the same key wrote two messages")
	}
	r.refused(api.CodeConflict, "POST", path, api.MessageDraft{Text: "other"}, "Idempotency-Key", "k")
}

// TestRights: what the topics of others refuse.
func TestRights(t *testing.T) {
	a, b := run(t), run(t)
	broadcast, gone := a.topic(api.KindBroadcast), a.topic(api.KindOpen)
	get[struct{}](a, 204, "DELETE", "/api/v1/topics/"+gone.ID, nil)

	waits := "/api/v1/topics/" + get[api.Topic](b, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: gone.Link}).ID
	b.refused(api.CodeNotReady, "POST", waits+"/messages", api.MessageDraft{Text: "x"})
	name := "mine now"
	b.refused(api.CodeNotReady, "PATCH", waits, api.TopicPatch{Name: &name})

	live := b.events()
	defer live.close()
	reads := get[api.Topic](b, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: broadcast.Link})
	for reads.Completeness.State == api.CompleteWaiting {
		live.next(api.EventTopicUpdated)
		reads = get[api.Topic](b, 200, "GET", "/api/v1/topics/"+broadcast.ID, nil)
	}
	if reads.Role != api.RoleReader || reads.CanPost {
		t.Errorf("%+v", reads)
	}
	path := "/api/v1/topics/" + broadcast.ID
	b.refused(api.CodeMayNotPost, "POST", path+"/messages", api.MessageDraft{Text: "x"})
	b.refused(api.CodeMayNotChange, "PATCH", path, api.TopicPatch{Name: &name})
	peer := get[api.Node](a, 200, "GET", "/api/v1/node", nil)
	if added := get[api.PeerAdded](b, 200, "POST", "/api/v1/peers", api.PeerAdd{Address: peer.Addresses[0]}); added.PeerID != peer.PeerID {
		t.Errorf("%+v", added)
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
