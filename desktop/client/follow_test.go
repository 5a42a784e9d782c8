package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// script answers each request with the next of its bodies; after them nobody is there.
type script struct {
	asked  []string
	bodies []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.Path+" "+r.Header.Get(api.HeaderEventID))
	if len(s.bodies) == 0 {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	body := s.bodies[0]
	s.bodies = s.bodies[1:]
	res := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	if text, ok := strings.CutSuffix(body, "<broken>"); ok {
		broken := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
		res.Body = io.NopCloser(io.MultiReader(strings.NewReader(text), failing{broken}))
	}
	return res, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := &script{bodies: []string{
			`{"items":[],"head":"e-1"}`,
			"event: node.updated\ndata: {}\n\nid: e-2\nevent: message.created\ndata: {}\n\nid: e-3\nevent: cut",
			"<broken>",
			"id: e-9\nevent: reset\ndata: {}\n\n<broken>",
		}}
		c := New("http://127.0.0.1:1", "t")
		c.http.Transport = line
		began := time.Now()
		var got []string
		var last error
		for ev, err := range c.Follow(t.Context(), "", "") {
			if last = err; err == nil {
				got = append(got, ev.Name+" "+ev.ID)
			}
		}
		if want := []string{"node.updated ", "message.created e-2", "reset e-9"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
		if want := []string{"/api/v1/topics ", "/api/v1/events e-1", "/api/v1/events e-2", "/api/v1/events e-2", "/api/v1/events e-9"}; !slices.Equal(line.asked, want) {
			t.Errorf("asked %q, want %q", line.asked, want)
		}
		if !errors.Is(last, ErrNotRunning) {
			t.Errorf("the end: %v", last)
		}
		if d := time.Since(began); d != 3*retry {
			t.Errorf("three tries within %v", d)
		}
	})
}

func TestFollowEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), retry/2)
		defer cancel()
		c := New("http://127.0.0.1:1", "t")
		c.http.Transport = &script{bodies: []string{"id: e-2\nevent: a\ndata: x\n\nid: e-3\nevent: b\ndata: x\n\n", ""}}
		for range c.Follow(t.Context(), "e-1", "") {
			break // the rest is not wanted
		}
		for ev, err := range c.Follow(ctx, "e-3", "") { // ends while it waits
			t.Errorf("%+v %v", ev, err)
		}
		long := "data: " + string(bytes.Repeat([]byte("x"), maxLine+1))
		c.http.Transport = &script{bodies: []string{long, long}}
		n := 0
		for _, err := range c.Follow(t.Context(), "e-3", "") {
			if n++; err == nil {
				t.Error("a line without end is an event")
			}
		}
		if n != 1 {
			t.Errorf("what trying again does not cure was tried %d times", n)
		}
	})
}
