package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
	"github.com/linnet-im/linnet/desktop/server"
	"github.com/linnet-im/linnet/node"
)

// start runs a node with its server, and writes api.json as the program does.
func start(t *testing.T, dir string) (stop func()) {
	t.Helper()
	n, err := node.Open(t.Context(), node.Config{Dir: dir, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{Node: n, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	b, err := json.Marshal(api.Discovery{URL: "http://" + ln.Addr().String(), Token: s.Token()})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, api.DiscoveryFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.Close(ctx), <-served, n.Close()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// must returns v, and ends the test at an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// code is what the node refused a call with.
func code(err error) api.Code {
	p, _ := errors.AsType[*api.Problem](err)
	if p == nil {
		return ""
	}
	return p.Code
}

// TestServer asks a real node everything that there is to ask.
func TestServer(t *testing.T) {
	dir := t.TempDir()
	stop := start(t, dir)
	c := must(client.Discover(dir))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	if me := must(c.SetMe(ctx, api.MePatch{Name: "Anna"})); me != must(c.Me(ctx)) || me.Name != "Anna" {
		t.Errorf("%+v", me)
	}
	if n := must(c.Node(ctx)); n.Version != "test" || n.Name != "Anna" || n.PeerID == "" {
		t.Errorf("%+v", n)
	}
	if p := must(c.Peers(ctx)); len(p.Items) != 0 {
		t.Errorf("%+v", p)
	}
	if _, err := c.Connect(ctx, "nowhere"); code(err) != api.CodeBadAddress {
		t.Errorf("connect: %v", err)
	}
	topic := must(c.CreateTopic(ctx, api.TopicDraft{Kind: api.KindOpen, Name: "Allotments"}))
	head := must(c.Topics(ctx)).Head
	first := must(c.Post(ctx, topic.ID, api.MessageDraft{Text: "hello"}, "key"))
	if again := must(c.Post(ctx, topic.ID, api.MessageDraft{Text: "hello"}, "key")); again.ID != first.ID {
		t.Error("one key, two messages")
	}
	if _, err := c.Post(ctx, topic.ID, api.MessageDraft{Text: "other"}, "key"); code(err) != api.CodeConflict {
		t.Errorf("the key again: %v", err)
	}
	second := must(c.Post(ctx, topic.ID, api.MessageDraft{Text: "and again", ReplyTo: first.ID}, ""))
	page := must(c.Messages(ctx, topic.ID, client.Page{Limit: 1}))
	if len(page.Items) != 1 || page.Items[0].ID != second.ID || page.Prev == nil {
		t.Fatalf("%+v", page)
	}
	if page = must(c.Messages(ctx, topic.ID, client.Page{Before: *page.Prev})); len(page.Items) != 1 || page.Items[0].ID != first.ID {
		t.Errorf("%+v", page)
	}
	if m := must(c.Message(ctx, topic.ID, second.ID)); m.Text != "and again" || m.ReplyTo != first.ID {
		t.Errorf("%+v", m)
	}
	if found := must(c.Search(ctx, "AGAIN", topic.ID)); len(found.Items) != 1 || !found.Whole {
		t.Errorf("%+v", found)
	}
	name := "Allotments 2027"
	must(c.ChangeTopic(ctx, topic.ID, api.TopicPatch{Name: &name}))
	if err := errors.Join(c.MarkRead(ctx, topic.ID, second.ID), c.KeepDraft(ctx, topic.ID, "half a thou")); err != nil {
		t.Error(err)
	}
	if now := must(c.Topic(ctx, topic.ID)); now.Name != name || now.Draft != "half a thou" || now.Last.ID != second.ID {
		t.Errorf("%+v", now)
	}
	if p := must(c.Preview(ctx, topic.Link)); !p.Joined || p.Topic != topic.ID {
		t.Errorf("%+v", p)
	}
	if a := must(c.Accept(ctx, topic.Link)); a.ID != topic.ID {
		t.Errorf("%+v", a)
	}
	if code := must(c.NewCode(ctx)); code.Code == "" || code.URL != c.URL()+"/#code="+code.Code {
		t.Errorf("%+v", code)
	}
	texts := follow(t, c, head, "and again")
	if texts != "hello, and again" {
		t.Errorf("followed: %s", texts)
	}
	if err := c.LeaveTopic(ctx, topic.ID); err != nil {
		t.Error(err)
	}
	if _, err := c.Topic(ctx, topic.ID); code(err) != api.CodeNotFound {
		t.Errorf("a topic that was left: %v", err)
	}

	ended := make(chan error, 1)
	go func() {
		var last error
		for _, err := range c.Follow(ctx, head, "") {
			if last = err; err == nil {
				stop()
			}
		}
		ended <- last
	}()
	if err := <-ended; !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("the node stops: %v", err)
	}
	start(t, dir)
	if _, err := must(client.Discover(dir)).Node(ctx); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// TestMembers shares a private topic between two nodes by the client alone.
func TestMembers(t *testing.T) {
	annasDir, borisDir := t.TempDir(), t.TempDir()
	start(t, annasDir)
	start(t, borisDir)
	anna, boris := must(client.Discover(annasDir)), must(client.Discover(borisDir))
	defer anna.Close()
	defer boris.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	must(boris.SetMe(ctx, api.MePatch{Name: "Boris"}))
	topic := must(anna.CreateTopic(ctx, api.TopicDraft{Kind: api.KindPrivate, Name: "Choir", NewcomersRead: -1}))
	head := must(boris.Topics(ctx)).Head
	must(anna.Post(ctx, topic.ID, api.MessageDraft{Text: "before Boris"}, ""))
	invite := must(anna.Invite(ctx, topic.ID, ""))
	if p := must(boris.Preview(ctx, invite.Link)); !p.Invite || p.Kind != api.KindPrivate || p.Topic != topic.ID {
		t.Errorf("%+v", p)
	}
	must(boris.Accept(ctx, invite.Link))
	must(anna.Post(ctx, topic.ID, api.MessageDraft{Text: "hello Boris"}, ""))
	if got := follow(t, boris, head, "hello Boris"); !strings.Contains(got, "hello Boris") {
		t.Errorf("followed: %s", got)
	}
	var list api.MemberList
	for list = must(anna.Members(ctx, topic.ID)); len(list.Items) < 2 || list.Items[0].Author.Name == list.Items[1].Author.Name; list = must(anna.Members(ctx, topic.ID)) {
		time.Sleep(20 * time.Millisecond)
	}
	for _, m := range list.Items {
		err := boris.RemoveMember(ctx, topic.ID, m.Author.ID)
		if code(err) != api.CodeMayNotChange {
			t.Errorf("a member removes %s: %v", m.Author.Name, err)
		}
		if !m.Author.Me {
			if err := anna.RemoveMember(ctx, topic.ID, m.Author.ID); err != nil {
				t.Error(err)
			}
			if err := anna.RemoveMember(ctx, topic.ID, m.Author.ID); code(err) != api.CodeNotFound {
				t.Errorf("removed twice: %v", err)
			}
		}
	}
	if list = must(anna.Members(ctx, topic.ID)); len(list.Items) != 1 || list.Invited != 0 {
		t.Errorf("%+v", list)
	}
	if _, err := boris.Invite(ctx, topic.ID, ""); code(err) != api.CodeMayNotChange {
		t.Errorf("one who was removed invites: %v", err)
	}
	open := must(anna.CreateTopic(ctx, api.TopicDraft{Kind: api.KindOpen, Name: "Street"}))
	if _, err := anna.Invite(ctx, open.ID, ""); code(err) != api.CodeNotSealed {
		t.Errorf("an invitation to an open topic: %v", err)
	}
}

// follow returns the texts of messages until last.
func follow(t *testing.T, c *client.Client, after, last string) (texts string) {
	t.Helper()
	for ev, err := range c.Follow(t.Context(), after, "") {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Name != api.EventMessageCreated {
			continue
		}
		var m api.MessageEvent
		if err := json.Unmarshal(ev.Data, &m); err != nil {
			t.Fatal(err)
		}
		if texts != "" {
			texts += ", "
		}
		if texts += m.Message.Text; m.Message.Text == last {
			return texts
		}
	}
	return texts
}

// A bot that answers every greeting.
func ExampleClient_Follow() {
	ctx := context.Background()
	c, err := client.Discover("/home/anna/.local/share/linnet")
	if err != nil {
		fmt.Println(err) // no node is running
		return
	}
	for ev, err := range c.Follow(ctx, "", "") {
		if err != nil {
			fmt.Println(err)
			return
		}
		var m api.MessageEvent
		if ev.Name != api.EventMessageCreated || json.Unmarshal(ev.Data, &m) != nil || m.Message.Author.Me || m.Message.Text != "hello" {
			continue
		}
		answer := api.MessageDraft{Text: "hello yourself", ReplyTo: m.Message.ID}
		if _, err := c.Post(ctx, m.Topic, answer, "answer to "+m.Message.ID); err != nil {
			fmt.Println(err)
		}
	}
}
