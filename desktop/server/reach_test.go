package server

import (
	"bufio"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

// behindGate is a server in front of a gate that is open; fixed are settings given at the start.
func behindGate(t *testing.T, fixed ...string) *running {
	t.Helper()
	g := gate.New(gate.Config{Node: node.Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, LANOnly: slices.Contains(fixed, "mode"), NoMDNS: true}})
	if err := g.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return serve(t, Config{Gate: g, ReachFixed: fixed}, g.Close)
}

const reachPath = "/api/v1/reach"

func TestReach(t *testing.T) {
	r := behindGate(t)
	got := get[api.Reach](r, 200, "GET", reachPath, nil)
	if got.State == "" || got.Summary == "" || len(got.Ways) != len(ladder) || len(got.SeenBy) == 0 || got.IsBridge || got.Skew != nil || len(got.Fixed) != 0 {
		t.Errorf("%+v", got)
	}
	if got.Settings.Mode != api.ModeOpen {
		t.Errorf("%+v", got.Settings)
	}
	if n := get[api.Node](r, 200, "GET", "/api/v1/node", nil); n.Reachability.Summary != got.Summary || n.Reachability.Mode != api.ModeOpen {
		t.Errorf("the node says %+v", n.Reachability)
	}
	tor := api.ModeTor
	r.refused(api.CodeInvalid, "PATCH", reachPath, api.ReachPatch{Mode: &tor})
	r.refused(api.CodeInvalid, "PATCH", reachPath, rawBody(`{"mode":"loud"}`))
	r.refused(api.CodeInvalid, "PATCH", reachPath, rawBody(`{"socks":"nonsense"}`))
	if now := get[api.Reach](r, 200, "GET", reachPath, nil); now.Settings != got.Settings {
		t.Errorf("after what was refused: %+v", now.Settings)
	}
}

// TestReachFixed: what was given at the start is not changed behind the back of who gave it.
func TestReachFixed(t *testing.T) {
	r := behindGate(t, "mode")
	mode := api.ModeOpen
	r.refused(api.CodeFixed, "PATCH", reachPath, api.ReachPatch{Mode: &mode})
	if got := get[api.Reach](r, 200, "GET", reachPath, nil); got.Settings.Mode != api.ModeLAN || !slices.Equal(got.Fixed, []string{"mode"}) {
		t.Errorf("%+v", got)
	}
}

// TestReachReopens: a change of settings closes the node and opens it again. Who asks
// meanwhile gets an answer, the event stream ends and goes on where it was, and
// nothing looks locked.
func TestReachReopens(t *testing.T) {
	r := behindGate(t)
	topic := r.topic(api.KindOpen)
	head := get[api.TopicList](r, 200, "GET", "/api/v1/topics", nil).Head
	ended := r.follow(t, head)
	stop := make(chan struct{})
	asked := make(chan int)
	go func() { // ends with stop
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				asked <- n
				return
			default:
			}
			if got := get[api.Topic](r, 200, "GET", "/api/v1/topics/"+topic.ID, nil); got.ID != topic.ID {
				t.Errorf("%+v", got)
			}
			if l := get[api.Lock](r, 200, "GET", "/api/v1/lock", nil); l.Locked {
				t.Error("it looks locked")
			}
		}
	}()
	on, lan := true, api.ModeLAN
	get[api.Reach](r, 200, "PATCH", reachPath, api.ReachPatch{NoDHT: &on, Mode: &lan})
	<-ended
	close(stop)
	if n := <-asked; n == 0 {
		t.Error("nobody asked meanwhile")
	}
	m := get[api.Message](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: "still here"})
	if page := get[api.MessagePage](r, 200, "GET", "/api/v1/topics/"+topic.ID+"/messages", nil); len(page.Items) != 1 || page.Items[0].ID != m.ID {
		t.Errorf("%+v", page)
	}
	if got := get[api.Reach](r, 200, "GET", reachPath, nil); got.Settings.Mode != api.ModeLAN || !got.Settings.NoDHT {
		t.Errorf("%+v", got.Settings)
	}
	again := r.follow(t, head)
	r.stop()
	if text := <-again; !strings.Contains(text, m.ID) {
		t.Errorf("the stream goes on with %q", text)
	}
}

// follow reads the event stream behind an event, and tells what it said once it has ended.
func (r *running) follow(t *testing.T, after string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+r.host+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.Token())
	req.Header.Set("Last-Event-ID", after)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v, %v", res, err)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Scan() // it has begun
	ended := make(chan string, 1)
	go func() { // ends with the stream
		defer res.Body.Close()
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
		}
		ended <- all.String()
	}()
	return ended
}

func TestBridgesRefused(t *testing.T) {
	r := behindGate(t)
	if list := get[api.BridgeList](r, 200, "GET", "/api/v1/bridges", nil); list.Items == nil || len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	if list := get[api.PassList](r, 200, "GET", "/api/v1/bridge-passes", nil); list.IsBridge || list.Items == nil || len(list.Items) != 0 {
		t.Errorf("%+v", list)
	}
	topic := r.topic(api.KindOpen)
	r.refused(api.CodeBadLink, "POST", "/api/v1/bridges", api.BridgeAdd{Link: "linnet:nonsense"})
	r.refused(api.CodeBadLink, "POST", "/api/v1/bridges", api.BridgeAdd{Link: topic.Link})
	r.refused(api.CodeInvalid, "POST", "/api/v1/bridges", api.BridgeAdd{})
	r.refused(api.CodeNotFound, "DELETE", "/api/v1/bridges/nobody", nil)
	r.refused(api.CodeNoBridge, "POST", "/api/v1/bridge-passes", api.PassDraft{Name: "Anna"})
	r.refused(api.CodeInvalid, "POST", "/api/v1/bridge-passes", api.PassDraft{})
	r.refused(api.CodeNotFound, "DELETE", "/api/v1/bridge-passes/0011223344556677", nil)
	if l := get[api.TopicLink](r, 201, "POST", "/api/v1/topics/"+topic.ID+"/links", api.LinkDraft{}); l.Link != topic.Link {
		t.Errorf("%+v, want %s", l, topic.Link)
	}
	r.refused(api.CodeNoBridge, "POST", "/api/v1/topics/"+topic.ID+"/links", api.LinkDraft{BridgePassName: "Anna"})
	r.refused(api.CodeNotFound, "POST", "/api/v1/topics/nonsense"+"/links", api.LinkDraft{})
}
