package server

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// until asks a path again until what comes fits, within half a minute.
func until[T any](r *running, what, path string, fits func(T) bool) (v T) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if v = get[T](r, 200, "GET", path, nil); fits(v) {
			return v
		}
		select {
		case <-ctx.Done():
			r.t.Fatalf("%s: still not: %+v", what, v)
		case <-tick.C:
		}
	}
}

// TestPrivate walks a private topic through the contract: three nodes, of which
// one only keeps it.
func TestPrivate(t *testing.T) {
	anna, boris, mirror := run(t), run(t), run(t)
	get[api.Me](anna, 200, "PATCH", "/api/v1/me", api.MePatch{Name: "Anna"})
	get[api.Me](boris, 200, "PATCH", "/api/v1/me", api.MePatch{Name: "Boris"})
	topic := get[api.Topic](anna, 201, "POST", "/api/v1/topics",
		api.TopicDraft{Kind: api.KindPrivate, Name: "Choir", Description: "Tuesdays", NewcomersRead: 2})
	at := "/api/v1/topics/" + topic.ID
	if s := topic.Sealing; topic.Kind != api.KindPrivate || topic.Name != "Choir" || s == nil || !s.Member || s.Members != 1 || s.NewcomersRead != 2 ||
		!strings.HasPrefix(s.Summary, "Only you can read this") {
		t.Fatalf("%+v, %+v", topic, topic.Sealing)
	}
	for _, text := range []string{"one", "two", private} {
		get[api.Message](anna, 201, "POST", at+"/messages", api.MessageDraft{Text: text})
	}

	// The topic's own link makes nobody a member, an invitation does.
	kept := get[api.LinkPreview](mirror, 200, "POST", "/api/v1/links/preview", api.LinkBody{Link: topic.Link})
	if kept.Invite || kept.Kind != api.KindPrivate || kept.Name != "" || !kept.Verified {
		t.Errorf("%+v", kept)
	}
	get[api.Topic](mirror, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: topic.Link})
	invite := get[api.Invite](anna, 201, "POST", at+"/invites", nil)
	expires, err := time.Parse(time.RFC3339, invite.Expires)
	if left := time.Until(expires); err != nil || left < 29*24*time.Hour || left > 30*24*time.Hour {
		t.Errorf("expires %s, %v", invite.Expires, err)
	}
	if l := get[api.MemberList](anna, 200, "GET", at+"/members", nil); len(l.Items) != 1 || l.Invited != 1 || !l.Items[0].Author.Me || l.Items[0].Role != api.RoleOwner {
		t.Errorf("%+v", l)
	}
	if p := get[api.LinkPreview](boris, 200, "POST", "/api/v1/links/preview", api.LinkBody{Link: invite.Link}); !p.Invite || p.Name != "Choir" || p.Joined {
		t.Errorf("%+v", p)
	}
	get[api.Topic](boris, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: invite.Link})

	until(boris, "to be let in", at, func(b api.Topic) bool { return b.CanPost && b.Sealing.Member && b.Sealing.Members == 2 })
	get[api.Message](boris, 201, "POST", at+"/messages", api.MessageDraft{Text: "hello"})
	texts := func(p api.MessagePage) (list []string) {
		for _, m := range p.Items {
			list = append(list, m.Text+m.Closed)
		}
		return list
	}
	until(anna, "what Boris wrote", at+"/messages", func(p api.MessagePage) bool {
		return slices.Equal(texts(p), []string{"one", "two", private, "hello"})
	})
	until(boris, "the last two from before", at+"/messages", func(p api.MessagePage) bool {
		return slices.Equal(texts(p), []string{api.ClosedBefore, "two", private, "hello"})
	})
	list := until(anna, "both names", at+"/members", func(l api.MemberList) bool {
		return len(l.Items) == 2 && l.Invited == 0 && !slices.ContainsFunc(l.Items, func(m api.Member) bool { return m.Author.Name == "" })
	})
	i := slices.IndexFunc(list.Items, func(m api.Member) bool { return m.Author.Name == "Boris" })
	me := get[api.Me](boris, 200, "GET", "/api/v1/me", nil)
	if m := list.Items[i]; m.Role != api.RoleWriter || m.Author.Account != me.Account {
		t.Errorf("%+v, whose account is %s", m, me.Account)
	}
	member := at + "/members/" + list.Items[i].Author.ID

	// The mirror has all and knows nothing.
	page := until(mirror, "everything", at+"/messages", func(p api.MessagePage) bool { return len(p.Items) == 4 })
	for _, m := range page.Items {
		if m.Text != "" || m.Closed != api.ClosedPending || m.Author.Name != "" || m.Author.Account != "" {
			t.Errorf("the mirror shows %+v", m)
		}
	}
	if m := get[api.Topic](mirror, 200, "GET", at, nil); m.Name != "" || m.Description != "" || m.CanPost || m.Sealing.Member || !strings.Contains(m.Sealing.Summary, "cannot read") {
		t.Errorf("%+v, %+v", m, m.Sealing)
	}

	// Who may not is refused, and so is what makes no sense.
	mirror.refused(api.CodeMayNotPost, "POST", at+"/messages", api.MessageDraft{Text: "x"})
	mirror.refused(api.CodeMayNotChange, "POST", at+"/invites", nil)
	boris.refused(api.CodeMayNotChange, "POST", at+"/invites", nil)
	boris.refused(api.CodeMayNotChange, "DELETE", member, nil)
	all := -1
	boris.refused(api.CodeMayNotChange, "PATCH", at, api.TopicPatch{NewcomersRead: &all})
	anna.refused(api.CodeNotFound, "DELETE", at+"/members/nobody", nil)
	anna.refused(api.CodeNotFound, "DELETE", at+"/members/"+strings.Repeat("ab", 32), nil)
	anna.refused(api.CodeInvalid, "PATCH", at, rawBody(`{"newcomers_read":4097}`))
	anna.refused(api.CodeInvalid, "POST", "/api/v1/topics", rawBody(`{"kind":"private","name":"n","newcomers_read":-2}`))
	anna.refused(api.CodeInvalid, "POST", "/api/v1/topics", rawBody(`{"kind":"direct","name":"n"}`))
	anna.refused(api.CodeInvalid, "POST", "/api/v1/topics", rawBody(`{"kind":"open","name":"n","fade_seconds":60}`))
	anna.refused(api.CodeInvalid, "POST", "/api/v1/topics", rawBody(`{"kind":"private","name":"n","fade_seconds":60,"newcomers_read":2}`))
	fading := get[api.Topic](anna, 201, "POST", "/api/v1/topics", api.TopicDraft{Kind: api.KindPrivate, Name: "Gone by noon", FadeSeconds: 3600})
	if fading.Sealing.FadeSeconds != 3600 || fading.Sealing.NewcomersRead != 0 {
		t.Errorf("%+v", fading.Sealing)
	}

	if changed := get[api.Topic](anna, 200, "PATCH", at, api.TopicPatch{NewcomersRead: &all}); changed.Sealing.NewcomersRead != -1 || changed.Name != "Choir" {
		t.Errorf("%+v", changed.Sealing)
	}
	until(boris, "the setting", at, func(b api.Topic) bool { return b.Sealing.NewcomersRead == -1 })

	get[struct{}](anna, 204, "DELETE", member, nil)
	anna.refused(api.CodeNotFound, "DELETE", member, nil)
	get[api.Message](anna, 201, "POST", at+"/messages", api.MessageDraft{Text: "without Boris"})
	until(boris, "the removal", at, func(b api.Topic) bool {
		return !b.CanPost && !b.Sealing.Member && b.Sealing.Removed && strings.HasPrefix(b.Sealing.Summary, "You were removed")
	})
	if m := get[api.Topic](mirror, 200, "GET", at, nil); m.Sealing.Removed {
		t.Error("the mirror, which was never a member, was removed")
	}
	until(boris, "what is not for him", at+"/messages", func(p api.MessagePage) bool {
		last := p.Items[len(p.Items)-1]
		return len(p.Items) == 5 && last.Text == "" && last.Closed == api.ClosedBefore
	})
	boris.refused(api.CodeMayNotPost, "POST", at+"/messages", api.MessageDraft{Text: "x"})
	if l := get[api.MemberList](anna, 200, "GET", at+"/members", nil); len(l.Items) != 1 {
		t.Errorf("%+v", l)
	}
}

// TestInviteOnce: the second to use an invitation is told, and so is one who
// came before the inviter was there.
func TestInviteOnce(t *testing.T) {
	anna, boris, carla := run(t), run(t), run(t)
	topic := anna.topic(api.KindPrivate)
	at := "/api/v1/topics/" + topic.ID
	invite := get[api.Invite](anna, 201, "POST", at+"/invites", nil)
	get[api.Topic](boris, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: invite.Link})
	until(boris, "to be let in", at, func(b api.Topic) bool { return b.CanPost })
	get[api.Topic](carla, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: invite.Link})
	late := until(carla, "to be told", at, func(c api.Topic) bool { return c.Sealing != nil && c.Sealing.Refused })
	if late.CanPost || late.Sealing.Member || late.Sealing.Joining || !strings.Contains(late.Sealing.Summary, "Ask for another one") {
		t.Errorf("%+v", late.Sealing)
	}
	carla.refused(api.CodeMayNotPost, "POST", at+"/messages", api.MessageDraft{Text: "x"})
	if l := get[api.MemberList](anna, 200, "GET", at+"/members", nil); len(l.Items) != 2 {
		t.Errorf("%+v", l)
	}

	second := get[api.Invite](anna, 201, "POST", at+"/invites", nil)
	get[api.Topic](carla, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: second.Link})
	until(carla, "to be let in", at, func(c api.Topic) bool { return c.CanPost && !c.Sealing.Refused })
}

// TestNotYet: who took up an invitation while only a mirror was there waits for
// the inviter, and what it writes meanwhile is refused in words that say so.
func TestNotYet(t *testing.T) {
	dir := t.TempDir()
	anna, mirror, boris := runIn(t, dir), run(t), run(t)
	topic := anna.topic(api.KindPrivate)
	at := "/api/v1/topics/" + topic.ID
	invite := get[api.Invite](anna, 201, "POST", at+"/invites", nil)
	kept := get[api.Topic](mirror, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: topic.Link})
	have := get[api.Topic](anna, 200, "GET", at, nil).Completeness.Have
	until(mirror, "everything", at, func(m api.Topic) bool { return m.Completeness.Have == have })
	anna.stop()

	for _, link := range []string{kept.Link, invite.Link} { // the first for its address
		get[api.Topic](boris, 200, "POST", "/api/v1/links/accept", api.LinkBody{Link: link})
	}
	waiting := until(boris, "the seat to be taken", at, func(b api.Topic) bool { return b.Sealing != nil && b.Sealing.Members == 2 })
	if waiting.CanPost || waiting.Sealing.Member || !waiting.Sealing.Joining || !strings.HasPrefix(waiting.Sealing.Summary, "Waiting to be let in") {
		t.Errorf("%+v", waiting.Sealing)
	}
	boris.refused(api.CodeNotYet, "POST", at+"/messages", api.MessageDraft{Text: "x"})

	anna = runIn(t, dir)
	get[api.PeerAdded](boris, 200, "POST", "/api/v1/peers", api.PeerAdd{Address: get[api.Node](anna, 200, "GET", "/api/v1/node", nil).Addresses[0]})
	until(boris, "to be let in", at, func(b api.Topic) bool { return b.CanPost })
	get[api.Message](boris, 201, "POST", at+"/messages", api.MessageDraft{Text: private})
}

// TestNotSealed: only a private topic has members who read it.
func TestNotSealed(t *testing.T) {
	r := run(t)
	for _, kind := range []string{api.KindOpen, api.KindBroadcast} {
		topic := r.topic(kind)
		at := "/api/v1/topics/" + topic.ID
		if topic.Sealing != nil {
			t.Errorf("%s: %+v", kind, topic.Sealing)
		}
		if kind == api.KindOpen {
			r.refused(api.CodeNotSealed, "POST", at+"/invites", nil)
		} else {
			r.refused(api.CodeNotFound, "DELETE", at+"/members/"+strings.Repeat("ab", 32), nil)
			r.refused(api.CodeNotFound, "PATCH", at+"/members/"+strings.Repeat("ab", 32), api.MemberPatch{Role: api.RoleAdmin})
		}
		fade := 60
		r.refused(api.CodeNotSealed, "PATCH", at, api.TopicPatch{FadeSeconds: &fade})
		all := -1
		r.refused(api.CodeNotSealed, "PATCH", at, api.TopicPatch{NewcomersRead: &all})
		r.refused(api.CodeInvalid, "POST", "/api/v1/topics", api.TopicDraft{Kind: kind, Name: "n", NewcomersRead: 3})
		if l := get[api.MemberList](r, 200, "GET", at+"/members", nil); len(l.Items) != 1 || l.Items[0].Role != api.RoleOwner {
			t.Errorf("%s: %+v", kind, l)
		}
	}
	r.refused(api.CodeNotFound, "POST", "/api/v1/topics/nothing/invites", nil)
	r.refused(api.CodeNotFound, "GET", "/api/v1/topics/nothing/members", nil)
}
