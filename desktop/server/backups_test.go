package server

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestBackup carries a person from one running Linnet to another that was just started.
func TestBackup(t *testing.T) {
	a, b := runLockable(t), runLockable(t)
	get[api.Me](a, 200, "PATCH", "/api/v1/me", api.MePatch{Name: "Anna"})
	topic := a.topic(api.KindOpen)
	get[api.Message](a, 201, "POST", "/api/v1/topics/"+topic.ID+"/messages", api.MessageDraft{Text: private})
	a.refused(api.CodeInvalid, "POST", "/api/v1/backup", api.BackupOrder{})
	status, h, file := a.ask("POST", "/api/v1/backup", api.BackupOrder{Passphrase: passphrase, History: true})
	if status != 200 || h.Get("Content-Type") != api.TypeBackup || !strings.Contains(h.Get("Content-Disposition"), ".backup") || strings.Contains(string(file), private) {
		t.Fatalf("%d %v", status, h)
	}
	secret := func(s string) []string {
		return []string{"Content-Type", api.TypeBackup, api.HeaderSecret, base64.StdEncoding.EncodeToString([]byte(s))}
	}
	b.refused(api.CodeInvalid, "POST", "/api/v1/restore", rawBody(file), "Content-Type", api.TypeBackup)
	b.refused(api.CodePassphrase, "POST", "/api/v1/restore", rawBody(file), secret("guess")...)
	b.refused(api.CodeInvalid, "POST", "/api/v1/restore", rawBody(file[:len(file)/2]), secret(passphrase)...)
	b.refused(api.CodeInvalid, "POST", "/api/v1/restore", rawBody("hello"), secret(passphrase)...)
	if me := get[api.Me](b, 200, "GET", "/api/v1/me", nil); me.Name != "" {
		t.Errorf("%+v", me)
	}
	status, _, out := b.ask("POST", "/api/v1/restore", rawBody(file), secret(passphrase)...)
	var r api.RestoreReport
	if err := json.Unmarshal(out, &r); err != nil || status != 200 || r.Name != "Anna" || r.Topics != 1 || r.Records < 2 || r.Summary == "" {
		t.Fatalf("%d %s", status, out)
	}
	was, is := get[api.Me](a, 200, "GET", "/api/v1/me", nil), get[api.Me](b, 200, "GET", "/api/v1/me", nil)
	if is.Name != "Anna" || is.Account != was.Account || is.Device == was.Device {
		t.Errorf("%+v, was %+v", is, was)
	}
	page := get[api.MessagePage](b, 200, "GET", "/api/v1/topics/"+topic.ID+"/messages", nil)
	if len(page.Items) != 1 || page.Items[0].Text != private || !page.Items[0].Author.Me {
		t.Errorf("%+v", page)
	}
	b.refused(api.CodeNotEmpty, "POST", "/api/v1/restore", rawBody(file), secret(passphrase)...)
	b.protect()
	get[api.Lock](b, 200, "POST", "/api/v1/lock", nil)
	b.refused(api.CodeLocked, "POST", "/api/v1/restore", rawBody(file), secret(passphrase)...)
}
