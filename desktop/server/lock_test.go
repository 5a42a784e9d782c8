package server

import (
	"net/http"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/node"
)

const passphrase = "a long passphrase"

// runLockable is a server in front of a gate, as the app has it.
func runLockable(t *testing.T) *running {
	t.Helper()
	g := gate.New(gate.Config{Node: node.Config{Dir: t.TempDir(), Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoMDNS: true}})
	if err := g.Unlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return serve(t, Config{Gate: g}, g.Close)
}

// protect sets the passphrase.
func (r *running) protect() {
	r.t.Helper()
	with := api.ProtectionPassphrase
	l := get[api.Lock](r, 200, "PATCH", "/api/v1/lock", api.LockChange{Protection: &with, Passphrase: passphrase, Decoy: "in emergencies"})
	if l.Protection != api.ProtectionPassphrase || l.Locked {
		r.t.Errorf("%+v", l)
	}
}

func TestLock(t *testing.T) {
	r := runLockable(t)
	if l := get[api.Lock](r, 200, "GET", "/api/v1/lock", nil); l.Protection != api.ProtectionNone || l.Locked || l.AutoLock != 0 {
		t.Errorf("%+v", l)
	}
	r.refused(api.CodeNotProtected, "POST", "/api/v1/lock", nil)
	r.protect()
	me := get[api.Me](r, 200, "GET", "/api/v1/me", nil)
	topic := r.topic(api.KindOpen)
	live := r.events()
	defer live.close()
	if l := get[api.Lock](r, 200, "POST", "/api/v1/lock", nil); !l.Locked || l.Protection != api.ProtectionPassphrase {
		t.Errorf("%+v", l)
	}
	path := "/api/v1/topics/" + topic.ID
	for _, c := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/api/v1/node", nil}, {"GET", "/api/v1/me", nil}, {"GET", "/api/v1/me/recovery", nil}, {"GET", "/api/v1/topics", nil}, {"GET", path + "/messages", nil}, {"GET", "/api/v1/events", nil},
		{"POST", path + "/messages", api.MessageDraft{Text: "x"}}, {"PATCH", "/api/v1/lock", api.LockChange{}}, {"POST", "/api/v1/backup", api.BackupOrder{Passphrase: "x"}},
		{"GET", "/api/v1/contacts", nil}, {"GET", "/api/v1/nonsense", nil},
	} {
		r.refused(api.CodeLocked, c.method, c.path, c.body)
	}
	if status, _, _ := r.ask("GET", "/", nil, "Authorization", ""); status != 200 {
		t.Errorf("the page is not served: %d", status)
	}
	get[api.Health](r, 200, "GET", "/api/v1/health", nil, "Authorization", "")
	if status, _, _ := r.ask("GET", "/api/v1/openapi.json", nil); status != 200 {
		t.Errorf("the document: %d", status)
	}
	code := get[api.NewCode](r, 201, "POST", "/api/v1/session/codes", nil)
	page := get[api.Session](r, 200, "POST", "/api/v1/session", api.SessionCode{Code: code.Code}, "Authorization", "").Token
	r.refused(api.CodeUnauthorized, "POST", "/api/v1/unlock", api.Unlock{Passphrase: passphrase}, "Authorization", "")
	r.refused(api.CodeLocked, "POST", "/api/v1/unlock", api.Unlock{})
	r.refused(api.CodePassphrase, "POST", "/api/v1/unlock", api.Unlock{Passphrase: "guess"})
	if l := get[api.Lock](r, 200, "POST", "/api/v1/unlock", api.Unlock{Passphrase: passphrase}, "Authorization", "Bearer "+page); l.Locked {
		t.Errorf("%+v", l)
	}
	if again := get[api.Me](r, 200, "GET", "/api/v1/me", nil); again != me {
		t.Errorf("%+v, want %+v", again, me)
	}
	if again := get[api.TopicList](r, 200, "GET", "/api/v1/topics", nil); len(again.Items) != 1 {
		t.Errorf("%+v", again)
	}
}

func TestRecovery(t *testing.T) {
	r := run(t)
	phrase := get[api.Recovery](r, 200, "GET", "/api/v1/me/recovery", nil)
	if len(phrase.Words) != 24 || len(phrase.Ask) != 3 || phrase.Checked {
		t.Fatalf("%d words, %v", len(phrase.Words), phrase.Ask)
	}
	c := api.RecoveryCheck{Ask: phrase.Ask}
	for _, at := range phrase.Ask {
		c.Words = append(c.Words, phrase.Words[at-1])
	}
	c.Words[1] = "nonsense"
	if got := get[api.RecoveryChecked](r, 200, "POST", "/api/v1/me/recovery", c); got.Checked || !got.Right[0] || got.Right[1] || !got.Right[2] {
		t.Errorf("%+v", got)
	}
	if me := get[api.Me](r, 200, "GET", "/api/v1/me", nil); me.Phrase != "unchecked" {
		t.Errorf("%+v", me)
	}
	c.Words[1] = " " + strings.ToUpper(phrase.Words[phrase.Ask[1]-1])
	if got := get[api.RecoveryChecked](r, 200, "POST", "/api/v1/me/recovery", c); !got.Checked {
		t.Errorf("%+v", got)
	}
	if me := get[api.Me](r, 200, "GET", "/api/v1/me", nil); me.Phrase != "checked" {
		t.Errorf("%+v", me)
	}
}

func TestChangeLock(t *testing.T) {
	r := runLockable(t)
	none, with, five := api.ProtectionNone, api.ProtectionPassphrase, 5
	r.refused(api.CodeInvalid, "PATCH", "/api/v1/lock", api.LockChange{Protection: &with})
	r.refused(api.CodeInvalid, "PATCH", "/api/v1/lock", api.LockChange{Protection: &with, Passphrase: "same", Decoy: "same"})
	r.refused(api.CodeInvalid, "PATCH", "/api/v1/lock", api.LockChange{Passphrase: "but which protection?"})
	r.protect()
	r.refused(api.CodePassphrase, "PATCH", "/api/v1/lock", api.LockChange{Protection: &none})
	r.refused(api.CodePassphrase, "PATCH", "/api/v1/lock", api.LockChange{Protection: &none, Current: "in emergencies"})
	if l := get[api.Lock](r, 200, "PATCH", "/api/v1/lock", api.LockChange{AutoLock: &five}); l.AutoLock != 5 || l.Protection != with {
		t.Errorf("%+v", l)
	}
	if l := get[api.Lock](r, 200, "PATCH", "/api/v1/lock", api.LockChange{Protection: &none, Current: passphrase}); l.Protection != none {
		t.Errorf("%+v", l)
	}
}

func TestWipe(t *testing.T) {
	for _, how := range []string{"open", "locked", "decoy"} {
		r := runLockable(t)
		r.protect()
		get[api.Me](r, 200, "PATCH", "/api/v1/me", api.MePatch{Name: "Anna"})
		me, topic := get[api.Me](r, 200, "GET", "/api/v1/me", nil), r.topic(api.KindOpen)
		if how != "open" {
			get[api.Lock](r, 200, "POST", "/api/v1/lock", nil)
		}
		if how == "decoy" {
			get[api.Lock](r, 200, "POST", "/api/v1/unlock", api.Unlock{Passphrase: "in emergencies"})
		} else {
			r.refused(api.CodeInvalid, "POST", "/api/v1/wipe", api.Wipe{Confirm: "yes"})
			get[struct{}](r, 204, "POST", "/api/v1/wipe", api.Wipe{Confirm: "wipe"})
		}
		now := get[api.Me](r, 200, "GET", "/api/v1/me", nil)
		if now.Account == me.Account || now.Name != "" {
			t.Errorf("%s: %+v", how, now)
		}
		r.refused(api.CodeNotFound, "GET", "/api/v1/topics/"+topic.ID, nil)
		r.stop()
	}
}

// TestWhatCounts: which requests show that the person is there.
func TestWhatCounts(t *testing.T) {
	r := runLockable(t)
	page := "Bearer of the page"
	for _, c := range []struct {
		method, path, auth string
		want               bool
	}{
		{"GET", "/topics/x/messages", page, true},
		{"GET", "/search", page, true},
		{"POST", "/topics/x/messages", page, true},
		{"PUT", "/topics/x/draft", page, true},
		{"PATCH", "/lock", page, true},
		{"PUT", "/topics/x/read", page, false},
		{"GET", "/events", page, false},
		{"GET", "/node", page, false},
		{"GET", "/topics", page, false},
		{"HEAD", "/topics/x/messages", page, false},
		{"POST", "/topics/x/messages", "Bearer " + r.Token(), false},
	} {
		req, err := http.NewRequest(c.method, "http://x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", c.auth)
		if got := r.counts(req, c.path); got != c.want {
			t.Errorf("%s %s with %s: %v", c.method, c.path, strings.Fields(c.auth)[1], got)
		}
	}
}
