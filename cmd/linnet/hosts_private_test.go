//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/node/bundle"
	"github.com/linnet-im/linnet/storage"
)

// TestHostsPrivate: two people talk in a private topic on two hosts, a mirror on
// a third keeps it and serves it to the one who was away. Then everything that
// went over the wire, and everything that the mirror has, is searched for what
// only members may know. Each search is shown to find what is there to be found.
func TestHostsPrivate(t *testing.T) {
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip, nft and tcpdump")
	}
	program := buildProgram(t)
	lan := newLAN(t, 3)
	wire := lan.capture(t)
	a, b := lan.start(t, program, 0), lan.start(t, program, 1)
	anna, boris := a.introduce("Anastasia Lindqvist"), b.introduce("Bartholomew Ngata")
	secrets := needles{
		"the topic's name": "Orchard committee", "its description": "Who prunes which tree",
		"Anna's name": anna.Name, "Boris's name": boris.Name,
	}
	secrets.key(t, "Anna's account", anna.Account)
	secrets.key(t, "Anna's device", anna.Device)
	secrets.key(t, "Boris's account", boris.Account)
	secrets.key(t, "Boris's device", boris.Device)

	a.run("topic", "create", "Orchard committee", "--kind", "private", "--description", "Who prunes which tree", "--newcomers-read", "all")
	id := a.topic("Orchard committee").ID
	var said []string
	say := func(h *realHost, text string) {
		h.run("post", id, text)
		said = append(said, text)
		secrets["text "+fmt.Sprint(len(said))] = text
	}
	say(a, "the pear by the well is sick")
	mirror := lan.start(t, program, 2, "mirror", strings.TrimSpace(a.run("link", id)))
	b.run("topic", "join", strings.TrimSpace(a.run("topic", "invite", id)))
	b.until("Boris is let in", func() bool { return b.topic(id).CanPost })
	say(b, "we should cut it back in March")
	say(a, "and the quince as well")
	for _, h := range []*realHost{a, b} {
		h.until("both read everything", func() bool { return h.has(id, said) })
	}

	// The mirror serves who was away what it cannot read.
	b.until("Boris knows the mirror", func() bool { return b.topic(id).Followers == 2 })
	b.stop()
	say(a, "bring the long ladder on Sunday")
	all := a.topic(id).Completeness.Have
	mirror.until("the mirror has everything", func() bool {
		c := mirror.topic(id).Completeness
		return c.Have >= all && c.Missing == 0 && c.Posts == uint64(len(said))
	})
	of := map[string]*bytes.Buffer{"a": a.unpacked(t, id)}
	a.stop()
	b = lan.start(t, program, 1)
	b.until("Boris has it from the mirror", func() bool { return b.has(id, said) })
	b.until("by name", func() bool { return b.messages(id)[0].Author.Name == anna.Name })

	// What the mirror tells, and a topic of its own, in which the search must find what it looks for.
	for _, words := range [][]string{{"topic", "show", id}, {"topic", "list"}, {"topic", "members", id}, {"read", id}} {
		for _, more := range [][]string{nil, {"--json"}} {
			out := mirror.run(append(slices.Clone(words), more...)...)
			secrets.missing(t, "the mirror's linnet "+strings.Join(words, " "), []byte(out))
		}
	}
	control := needles{"a topic's name": "Harbour watch", "a text": "fog until noon", "a name": mirror.introduce("Marguerite Okafor").Name}
	mirror.run("topic", "create", "Harbour watch", "--kind", "open")
	mirror.run("post", "Harbour watch", "fog until noon")
	of["mirror"], of["open"] = mirror.unpacked(t, id), mirror.unpacked(t, "Harbour watch")
	peer := mirror.node().PeerID
	mirror.stop()
	b.stop()

	packets := wire()
	secrets.missing(t, "the wire", packets)
	needles{"the service's name in mDNS": "_linnet", "the mirror's peer id in mDNS": peer,
		"a packet from a to b": "\x0a\x5b\x07\x01\x0a\x5b\x07\x02", "a packet from b to the mirror": "\x0a\x5b\x07\x02\x0a\x5b\x07\x03",
		"a packet from the mirror to a": "\x0a\x5b\x07\x03\x0a\x5b\x07\x01"}.found(t, "the wire", packets)
	t.Logf("%d bytes on the wire", len(packets))

	secrets.missing(t, "the bundle of a member", of["a"].Bytes())
	secrets.missing(t, "the bundle of the mirror", of["mirror"].Bytes())
	control.found(t, "the bundle of an open topic", of["open"].Bytes())

	// The mirror's folder, as it is on disk, then all of its store without the seal
	// under which any store lies, which the mirror can undo.
	secrets.missing(t, "the mirror's folder", files(t, mirror.dir))
	rows := rowsOf(t, mirror.dir)
	secrets.missing(t, "the mirror's store", rows)
	control.found(t, "the mirror's store", rows)
	secrets.found(t, "a member's store", rowsOf(t, b.dir))
}

// needles are what is looked for, by what it is.
type needles map[string]string

// key adds a public key, as it is and as hex.
func (w needles) key(t *testing.T, what, text string) {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%s is %q", what, text)
	}
	w[what] = string(raw)
	w[what+" in hex"] = text
}

// missing fails the test for each word that is in b.
func (w needles) missing(t *testing.T, where string, b []byte) {
	t.Helper()
	if len(b) == 0 {
		t.Errorf("%s is empty", where)
	}
	for what, word := range w {
		if bytes.Contains(b, []byte(word)) {
			t.Errorf("%s has %s", where, what)
		}
	}
}

// found fails the test for each word that is not in b. Keys are looked for in
// one of their forms.
func (w needles) found(t *testing.T, where string, b []byte) {
	t.Helper()
	for what, word := range w {
		if !strings.HasSuffix(what, " in hex") && !bytes.Contains(b, []byte(word)) {
			t.Errorf("%s has not %s: the search there shows nothing", where, what)
		}
	}
}

// capture records what goes over the bridge, until the function that it returns
// is called, which returns everything.
func (l *lan) capture(t *testing.T) (end func() []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wire.pcap")
	cmd := exec.Command("ip", "netns", "exec", l.ns(-1), "tcpdump", "-i", "any", "-n", "-U", "-B", "65536", "-Z", "root", "-w", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 512)
	n := 0
	for !bytes.Contains(first[:n], []byte("listening on")) {
		m, err := said.Read(first[n:])
		if n += m; err != nil {
			t.Fatalf("tcpdump: %v: %s", err, first[:n])
		}
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	})
	return func() []byte {
		t.Helper()
		ended = true
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(said)
		if err := errors.Join(err, cmd.Wait()); err != nil || !bytes.Contains(rest, []byte("\n0 packets dropped by kernel")) {
			t.Fatalf("tcpdump: %v: %s", err, rest)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// introduce says what the person of this host is called, through its API, which
// only the host itself reaches.
func (h *realHost) introduce(name string) (me api.Me) {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, api.DiscoveryFile))
	if err != nil {
		h.t.Fatal(err)
	}
	var d api.Discovery
	if err := json.Unmarshal(b, &d); err != nil {
		h.t.Fatal(err)
	}
	web := &http.Client{Transport: &http.Transport{DialContext: h.dial, DisableKeepAlives: true}}
	body, err := json.Marshal(api.MePatch{Name: name})
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPatch, d.URL+api.Prefix+api.PathMe, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.Token)
	r.Header.Set("Content-Type", "application/json")
	res, err := web.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&me); err != nil || me.Name != name {
		h.t.Fatalf("%s: %s, %v", h.ns, res.Status, err)
	}
	return me
}

// dial connects from inside the host. The thread comes back from there: it must
// not end, because children that it started would be killed with it.
func (h *realHost) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	defer home.Close()
	there, err := os.Open("/run/netns/" + h.ns)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	runtime.LockOSThread()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	conn, err = new(net.Dialer).DialContext(ctx, network, address)
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err) // every other test would run on the wrong host
	}
	runtime.UnlockOSThread()
	return conn, err
}

// unpacked exports a topic and returns what the bundle holds, without its compression.
func (h *realHost) unpacked(t *testing.T, topic string) *bytes.Buffer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "topic.bundle")
	h.run("export", topic, file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var plain bytes.Buffer
	r := bundle.NewReader(f)
	for {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		plain.Write(raw)
	}
	for _, of := range r.Manifest().Topics {
		plain.WriteString(of.Name)
	}
	return &plain
}

// files returns all files below a folder and their names, one behind the other.
func files(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		all.WriteString(path)
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

// rowsOf opens the store of a node that has stopped and returns all its records
// and rows as the node itself sees them.
func rowsOf(t *testing.T, dir string) []byte {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	return rowsUnder(t, dir, key)
}

// rowsUnder is rowsOf for a key that does not lie beside the store.
func rowsUnder(t *testing.T, dir string, key []byte) []byte {
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
	var all bytes.Buffer
	rows, err := s.ListState("")
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range rows {
		all.WriteString(kv.Key)
		all.Write(kv.Value)
	}
	spaces, err := s.Spaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, sp := range spaces {
		for lane := range storage.MaxLane + 1 {
			records, err := s.Range(sp, lane, storage.Query{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			if len(records) == 1000 {
				t.Fatal("there are more records than are searched")
			}
			for _, r := range records {
				all.Write(r.Data)
			}
		}
	}
	return all.Bytes()
}
