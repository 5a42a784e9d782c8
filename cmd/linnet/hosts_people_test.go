//go:build linux

package main

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node/identity"
	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// TestHostsNeverTogether: Anna and Boris are never up at the same time, Carla, whom
// both know, always is. They begin to talk with a link, write 50 messages each, and
// both learn that the other has all of them.
func TestHostsNeverTogether(t *testing.T) {
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip and nft")
	}
	const messages = 50
	program := buildProgram(t)
	lan := newLAN(t, 3)
	carla := lan.start(t, program, 2)
	carla.introduce("Carla")
	meet := func(i int, name string) *realHost {
		h := lan.start(t, program, i)
		h.introduce(name)
		h.run("contact", "add", strings.TrimSpace(carla.run("contact", "link")))
		h.run("send", "Carla", "it is me, "+name)
		carla.until(name+" asks", func() bool { return carla.contact(name).Request })
		carla.run("contact", "accept", name)
		h.until("Carla keeps mail for "+name, func() bool { return keepers(t, h) > 0 })
		return h
	}
	anna := meet(0, "Anna")
	link := strings.TrimSpace(anna.run("contact", "link"))
	anna.stop()
	boris := meet(1, "Boris")

	boris.run("contact", "add", link)
	send := func(h *realHost, to, who string) (said []string) {
		for i := range messages {
			said = append(said, fmt.Sprintf("number %d by %s", i, who))
			h.run("send", to, said[i])
		}
		h.until("all of it is with Carla", func() bool {
			return !slices.ContainsFunc(own(h.messages(to)), func(m api.Message) bool { return m.State == api.StateQueued || m.State == api.StateHanded })
		})
		return said
	}
	byBoris := send(boris, "Anna", "Boris")
	boris.stop()

	anna = lan.start(t, program, 0)
	anna.until("Boris asks", func() bool { return anna.contact("Boris").Request })
	anna.run("contact", "accept", "Boris")
	anna.until("all that Boris wrote, in order", func() bool { return slices.Equal(anna.texts("Boris"), byBoris) })
	anna.until("she may write", func() bool { return anna.topic("Boris").CanPost })
	byAnna := send(anna, "Boris", "Anna")
	anna.stop()

	all := slices.Concat(byBoris, byAnna)
	acknowledged := func(h *realHost, who string) {
		h.t.Helper()
		h.until("all is acknowledged", func() bool {
			mine := own(h.messages(who))
			return len(mine) == messages && !slices.ContainsFunc(mine, func(m api.Message) bool { return m.State != api.StateAcknowledged })
		})
	}
	boris = lan.start(t, program, 1)
	boris.until("all that was said, in order", func() bool { return slices.Equal(boris.texts("Anna"), all) })
	acknowledged(boris, "Anna")
	boris.stop()
	anna = lan.start(t, program, 0)
	acknowledged(anna, "Boris")
	if got := anna.texts("Boris"); !slices.Equal(got, all) {
		t.Errorf("Anna has %q", got)
	}
	anna.stop()

	// Carla has kept what she cannot read.
	carla.stop()
	said := needles{}
	for _, text := range all {
		said[text] = text
	}
	said.missing(t, "Carla's store", rowsOf(t, carla.dir))
	said.found(t, "Anna's store", rowsOf(t, anna.dir))
}

// own returns what this node's person wrote.
func own(all []api.Message) []api.Message {
	return slices.DeleteFunc(all, func(m api.Message) bool { return !m.Author.Me })
}

// contact returns a contact by name, an empty one where there is none.
func (h *realHost) contact(name string) api.Contact {
	h.t.Helper()
	list := decode[api.ContactList](h, "contact", "list").Items
	if i := slices.IndexFunc(list, func(c api.Contact) bool { return c.Name == name }); i >= 0 {
		return list[i]
	}
	return api.Contact{}
}

// keepers counts the nodes that keep mail for a host, as its contact link says (PROTOCOL.md §13.1).
func keepers(t *testing.T, h *realHost) (n int) {
	t.Helper()
	l, err := identity.ParseLink(h.run("contact", "link"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range l.Addresses {
		if len(a) > 0 && a[0] == 2 {
			n++
		}
	}
	return n
}

// TestHostsLocked: two people talk, alone and in a group, while all that goes over the
// wire is captured. One of them has a passphrase. What is on the disk of that one while
// it is locked, and once it has stopped, is searched for every name, text, id and key that
// is in its store; so is the wire. Whoever keeps mail for them has none of what they said. The same
// search on the other one's store, which nothing protects, finds it.
func TestHostsLocked(t *testing.T) {
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip, nft and tcpdump")
	}
	program := buildProgram(t)
	lan := newLAN(t, 3)
	wire := lan.capture(t)
	secret := filepath.Join(t.TempDir(), "secret")
	const passphrase = "correct horse battery staple"
	if err := os.WriteFile(secret, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b, c := lan.start(t, program, 0), lan.start(t, program, 1), lan.start(t, program, 2)
	a.run("passphrase", "set", "--passphrase-file", secret)
	anna, boris := a.introduce("Anastasia Lindqvist"), b.introduce("Bartholomew Ngata")
	c.introduce("Marguerite Okafor")
	names := needles{"Anna's name": anna.Name, "Boris's name": boris.Name, "the group's name": "Orchard committee", "the group's description": "Who prunes which tree"}
	names.key(t, "Anna's account", anna.Account)
	names.key(t, "Anna's device", anna.Device)
	names.key(t, "Boris's account", boris.Account)
	texts := needles{}
	say := func(h *realHost, text string, words ...string) {
		h.run(append(words, text)...)
		texts["text "+fmt.Sprint(len(texts))] = text
	}
	friends := func(h *realHost, other *realHost, who, name string) {
		h.run("contact", "add", strings.TrimSpace(other.run("contact", "link")))
		say(h, "greetings to "+name+", says "+who, "send", name)
		other.until("the request", func() bool { return other.contact(who).Request })
		other.run("contact", "accept", who)
		other.until("the greeting", func() bool { return other.has(who, []string{"greetings to " + name + ", says " + who}) })
	}
	friends(a, b, anna.Name, boris.Name)
	friends(c, a, "Marguerite Okafor", anna.Name)
	friends(c, b, "Marguerite Okafor", boris.Name)
	b.until("Boris may write", func() bool { return b.topic(anna.Name).CanPost })
	say(b, "the pear by the well is sick", "send", anna.Name)
	a.until("what Boris says", func() bool { return a.has(boris.Name, []string{"the pear by the well is sick"}) })
	a.run("topic", "create", "Orchard committee", "--kind", "private", "--description", "Who prunes which tree")
	group := a.topic("Orchard committee").ID
	b.run("topic", "join", strings.TrimSpace(a.run("topic", "invite", group)))
	b.until("Boris is let in", func() bool { return b.topic(group).CanPost })
	say(b, "we should cut it back in March", "post", group)
	a.until("what Boris says there", func() bool { return a.has(group, []string{"we should cut it back in March"}) })

	// Mail for somebody who is locked waits at Marguerite's.
	b.until("Boris knows who keeps Anna's mail", func() bool { return b.contact(anna.Name).Keepers > 0 })
	a.run("lock")
	say(b, "bring the long ladder on Sunday", "send", anna.Name)
	b.until("it is kept", func() bool { return b.last(anna.Name).State == api.StateStored })
	locked := files(t, a.dir)
	a.run("unlock", "--passphrase-file", secret)
	a.until("the mail", func() bool { return a.has(boris.Name, []string{"bring the long ladder on Sunday"}) })
	a.run("lock")
	again := files(t, a.dir)
	a.stop()
	b.stop()
	c.stop()

	packets := wire()
	stopped := files(t, a.dir)
	v, err := vault.Open(t.Context(), vault.Config{Dir: a.dir, Passphrase: []byte(passphrase), Sealed: []string{"store"}})
	if err != nil {
		t.Fatal(err)
	}
	key := v.Key()
	secrets := valuesOf(t, a.dir, key)
	all := rowsUnder(t, a.dir, key)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d names and texts, %d values of the store, %d bytes locked, %d on the wire", len(names)+len(texts), len(secrets), len(again), len(packets))
	for where, b := range map[string][]byte{"the locked disk": locked, "the disk locked again": again, "the disk at rest": stopped, "the wire": packets} {
		names.missing(t, where, b)
		texts.missing(t, where, b)
		secrets.missing(t, where, b)
	}
	names.found(t, "the store under its passphrase", all)
	texts.found(t, "the store under its passphrase", forget(texts, "greetings to "+boris.Name+", says Marguerite Okafor", all))
	names.found(t, "the store without protection", rowsOf(t, b.dir))
	kept := rowsOf(t, c.dir)
	for what, text := range texts {
		if strings.Contains(text, "Marguerite") == bytes.Contains(kept, []byte(text)) {
			continue
		}
		t.Errorf("Marguerite's store, and %s %q", what, text)
	}
}

// forget adds a text that a store does not have, so that found looks for the others.
func forget(texts needles, but string, b []byte) []byte { return append(bytes.Clone(b), but...) }

// valuesOf returns what looks like a key or an id in the rows of a store, by the row's
// name: the values and each of their parts of 32 bytes, as they are and in the ways in which people write such things.
func valuesOf(t *testing.T, dir string, key []byte) needles {
	t.Helper()
	s, err := storage.Open(t.Context(), storage.Options{Dir: filepath.Join(dir, "store"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	rows, err := s.ListState("")
	if err != nil {
		t.Fatal(err)
	}
	found := needles{}
	for _, kv := range rows {
		for at := 0; at+32 <= len(kv.Value); at++ {
			if at > 0 && (at < 2 || kv.Value[at-2] != 0x58 || kv.Value[at-1] != 0x20) {
				continue // it begins no CBOR byte string of 32 bytes
			}
			part := kv.Value[at : at+32]
			what := fmt.Sprintf("%s at %d", kv.Key, at)
			found[what] = string(part)
			found[what+" in hex"] = hex.EncodeToString(part)
			found[what+" in base64"] = base64.RawStdEncoding.EncodeToString(part)[:42]
			found[what+" in base32"] = strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(part))
		}
	}
	return found
}
