package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/desktop/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// door answers like a node: with what it was asked, so that a test sees it.
func door(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	c := New(s.URL+"/", "secret")
	t.Cleanup(func() { c.Close(); s.Close() })
	return c
}

func TestRequests(t *testing.T) {
	var got []string
	c := door(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Header.Get("Authorization") != "Bearer secret" || (len(b) > 0 && r.Header.Get("Content-Type") != "application/json") {
			t.Errorf("%s %s: %v", r.Method, r.URL, r.Header)
		}
		got = append(got, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(b)+" "+r.Header.Get(api.HeaderIdem)))
		if r.Method == http.MethodDelete || r.Method == http.MethodPut {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, `{"id":"x","items":[],"of a later version":1}`)
	})
	ctx := t.Context()
	var errs []error
	add := func(_ any, err error) { errs = append(errs, err) }
	add(c.Node(ctx))
	add(c.Me(ctx))
	add(c.SetMe(ctx, api.MePatch{Name: "Anna"}))
	add(c.Peers(ctx))
	add(c.Connect(ctx, "/ip4/1"))
	add(c.Topics(ctx))
	add(c.CreateTopic(ctx, api.TopicDraft{Kind: "open", Name: "n"}))
	add(c.Topic(ctx, "a/b"))
	add(c.Messages(ctx, "t", Page{Limit: 3, Before: "b="}))
	add(c.Message(ctx, "t", "m"))
	add(c.Post(ctx, "t", api.MessageDraft{Text: "hi"}, "key"))
	add(c.Preview(ctx, "l"))
	add(c.Accept(ctx, "l"))
	add(c.Search(ctx, "a b", "t"))
	add(c.NewCode(ctx))
	add(c.Members(ctx, "t"))
	add(c.Invite(ctx, "t", "admin"))
	add(c.Reach(ctx))
	dht := true
	add(c.SetReach(ctx, api.ReachPatch{NoDHT: &dht}))
	add(c.Bridges(ctx))
	add(c.AddBridge(ctx, "l"))
	add(c.Passes(ctx))
	add(c.NewPass(ctx, "Anna"))
	add(c.TopicLink(ctx, "t", "Anna"))
	errs = append(errs, c.ForgetBridge(ctx, "b"), c.RevokePass(ctx, "p"))
	errs = append(errs, c.RemoveMember(ctx, "t", "w/x"), c.LeaveTopic(ctx, "t"), c.MarkRead(ctx, "t", "m"), c.KeepDraft(ctx, "t", "d"))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /api/v1/node", "GET /api/v1/me", `PATCH /api/v1/me {"name":"Anna"}`, "GET /api/v1/peers", `POST /api/v1/peers {"address":"/ip4/1"}`,
		"GET /api/v1/topics", `POST /api/v1/topics {"kind":"open","name":"n"}`, "GET /api/v1/topics/a%2Fb", "GET /api/v1/topics/t/messages?before=b%3D&limit=3",
		"GET /api/v1/topics/t/messages/m", `POST /api/v1/topics/t/messages {"text":"hi"} key`, `POST /api/v1/links/preview {"link":"l"}`, `POST /api/v1/links/accept {"link":"l"}`,
		"GET /api/v1/search?q=a+b&topic=t", "POST /api/v1/session/codes",
		"GET /api/v1/topics/t/members", "POST /api/v1/topics/t/invites?role=admin",
		"GET /api/v1/reach", `PATCH /api/v1/reach {"no_dht":true}`, "GET /api/v1/bridges", `POST /api/v1/bridges {"link":"l"}`, "GET /api/v1/bridge-passes", `POST /api/v1/bridge-passes {"name":"Anna"}`,
		`POST /api/v1/topics/t/links {"bridge_pass_name":"Anna"}`, "DELETE /api/v1/bridges/b", "DELETE /api/v1/bridge-passes/p",
		"DELETE /api/v1/topics/t/members/w%2Fx", "DELETE /api/v1/topics/t", `PUT /api/v1/topics/t/read {"up_to":"m"}`, `PUT /api/v1/topics/t/draft {"text":"d"}`,
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("request %d is %q, want %q", i, got[min(i, len(got)-1)], want[i])
		}
	}
}

func TestProblems(t *testing.T) {
	c := door(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(api.Problem{Title: "no", Code: api.CodeMayNotPost, Status: 403})
	})
	_, err := c.Post(t.Context(), "t", api.MessageDraft{Text: "x"}, "")
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != api.CodeMayNotPost || p.Status != 403 {
		t.Errorf("%v", err)
	}
	other := door(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<html>", http.StatusTeapot) })
	_, err = other.Node(t.Context())
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusTeapot {
		t.Errorf("another program's answer: %v", err)
	}
	away := door(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://evil.example", http.StatusFound)
	})
	if _, err := away.Node(t.Context()); err == nil {
		t.Error("a redirect was followed")
	}
}

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	if _, err := Discover(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("no file: %v", err)
	}
	for content, ok := range map[string]bool{
		`{"url":"http://127.0.0.1:1","token":"t"}`: true, `{"url":"http://[::1]:1","token":"t"}`: true,
		`{"url":"http://192.0.2.1:1","token":"t"}`: false, `{"url":"https://127.0.0.1:1","token":"t"}`: false,
		`{"url":"http://127.0.0.1:1"}`: false, `{`: false, ``: false,
	} {
		if err := os.WriteFile(filepath.Join(dir, api.DiscoveryFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Discover(dir)
		if (err == nil) != ok {
			t.Errorf("%s: %v", content, err)
		}
		if c != nil {
			if _, err := c.Node(t.Context()); !errors.Is(err, ErrNotRunning) {
				t.Errorf("a file that a crash left: %v", err)
			}
		}
	}
}

func TestEvents(t *testing.T) {
	c := door(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(api.HeaderEventID) != "e-1" || r.URL.Query().Get("topic") != "t" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		_, _ = io.WriteString(w, "retry: 2000\n\n: keep-alive\n\nid: e-2\nevent: message.created\ndata: {\"v\":1}\n\nevent: node.updated\ndata: a\ndata: b\n\nevent: cut\ndata: x")
	})
	s, err := c.Events(t.Context(), "e-1", "t")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, want := range []Event{{"e-2", "message.created", []byte(`{"v":1}`)}, {"", "node.updated", []byte("a\nb")}} {
		ev, err := s.Next()
		if err != nil || ev.ID != want.ID || ev.Name != want.Name || string(ev.Data) != string(want.Data) {
			t.Errorf("%+v, %v, want %+v", ev, err, want)
		}
	}
	if ev, err := s.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("a cut event: %+v, %v", ev, err)
	}
}

func TestContextEndsStream(t *testing.T) {
	c := door(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.Events(ctx, "", "")
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := s.Next(); err == nil {
		t.Error("the stream goes on")
	}
	_ = s.Close()
}

func FuzzStream(f *testing.F) {
	f.Add("id: 1\nevent: a\ndata: b\n\n")
	f.Add("data\n\n:\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := newStream(io.NopCloser(strings.NewReader(text)))
		for range len(text) + 1 {
			if _, err := s.Next(); err != nil {
				return
			}
		}
		t.Errorf("%q does not end", text)
	})
}

// TestReopening: a node that is just opening again is asked once more.
func TestReopening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := New("http://127.0.0.1:1", "secret")
		c.http.Transport = answers(func(r *http.Request) *http.Response {
			asked++
			if asked < 3 {
				return problemAnswer(api.Problem{Title: "opening again", Code: api.CodeReopening, Status: 503})
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"peers":3}`))}
		})
		if n, err := c.Node(t.Context()); err != nil || n.Peers != 3 || asked != 3 {
			t.Errorf("%+v, %v, asked %d times", n, err, asked)
		}
		asked = -100
		began := time.Now()
		_, err := c.Reach(t.Context())
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Code != api.CodeReopening || time.Since(began) > time.Minute {
			t.Errorf("one that does not come back: %v after %s", err, time.Since(began))
		}
		asked = 0
		if _, err := c.Import(t.Context(), strings.NewReader("a file"), false); err == nil || asked != 1 {
			t.Errorf("a file that cannot be sent twice: %v, asked %d times", err, asked)
		}
	})
}

type answers func(*http.Request) *http.Response

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func problemAnswer(p api.Problem) *http.Response {
	b, _ := json.Marshal(p)
	return &http.Response{StatusCode: p.Status, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: io.NopCloser(bytes.NewReader(b))}
}
