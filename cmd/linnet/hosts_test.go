//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
)

// TestHosts runs the built program on three hosts: network namespaces on one
// bridge, with no loopback to each other and nothing shared. A topic goes by
// link, everybody writes, one is cut off with nftables, the others go on, and
// it heals. ./check runs it by itself, with LINNET_HOSTS=1; it needs root.
func TestHosts(t *testing.T) {
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip and nft")
	}
	program := buildProgram(t)
	net := newLAN(t, 3)
	var hosts []*realHost
	for i := range 3 {
		hosts = append(hosts, net.start(t, program, i))
	}
	a, b, c := hosts[0], hosts[1], hosts[2]

	a.run("topic", "create", "Village", "--kind", "open")
	link := strings.TrimSpace(a.run("link", "Village"))
	b.run("topic", "join", link)
	c.run("topic", "join", strings.TrimSpace(b.run("link", "Village"))) // the link of a follower is as good
	want := []string{}
	say := func(h *realHost, text string) {
		h.run("post", "Village", text)
		want = append(want, text)
	}
	for _, h := range hosts {
		h.until("all three know each other", func() bool { return h.topic("Village").Followers == 2 })
	}
	say(a, "from a")
	say(b, "from b")
	say(c, "from c")
	for _, h := range hosts {
		h.until("three posts", func() bool { return h.has("Village", want) })
	}

	net.cut(t, 2)
	say(a, "while c is away, by a")
	say(b, "while c is away, by b")
	for _, h := range []*realHost{a, b} {
		h.until("the talk goes on without c", func() bool { return h.has("Village", want) })
	}
	if c.has("Village", want) {
		t.Error("c, which is cut off, has it all")
	}
	c.run("post", "Village", "alone, by c")
	want = append(want, "alone, by c")
	if m := c.last("Village"); m.State != api.StateQueued && m.State != api.StateHanded {
		t.Errorf("c is cut off and says that its post is %s", m.State)
	}
	// The cut is noticed, and said.
	a.until("a notices", func() bool { return a.topic("Village").Followers == 1 })
	c.until("c notices", func() bool { return c.node().Reachability.State == api.ReachSearching })

	net.heal(t, 2)
	for _, h := range hosts {
		h.until("all three are together again", func() bool { return h.topic("Village").Followers == 2 })
	}
	say(a, "together again, by a")
	say(c, "together again, by c")
	for _, h := range hosts {
		h.until("all that was said meanwhile", func() bool { return h.has("Village", want) })
	}
	c.until("nothing is missing", func() bool { return c.topic("Village").Completeness.Missing == 0 })
	c.until("c's post is stored by both", func() bool {
		m := c.messages("Village")
		i := slices.IndexFunc(m, func(m api.Message) bool { return m.Text == "alone, by c" })
		return i >= 0 && m[i].State == api.StateStored && m[i].StoredBy == 2
	})

	// It is all there after a restart, and the way to the others is found again.
	before := c.texts("Village")
	c.stop()
	c = net.start(t, program, 2)
	if after := c.texts("Village"); !slices.Equal(before, after) {
		t.Errorf("after the restart c has %q, had %q", after, before)
	}
	c.until("c is back", func() bool { return c.topic("Village").Followers == 2 })
}

// TestHostsMirror: an author posts and leaves for good, a mirror on another host
// serves, and a newcomer on a third gets everything and sees that it is all.
func TestHostsMirror(t *testing.T) {
	if os.Getenv("LINNET_HOSTS") == "" {
		t.Skip("./check runs this one by itself: it needs root, ip and nft")
	}
	const posts = 150
	program := buildProgram(t)
	net := newLAN(t, 3)
	author := net.start(t, program, 0)
	author.run("topic", "create", "Chronicle", "--kind", "broadcast")
	link := strings.TrimSpace(author.run("link", "Chronicle"))
	want := []string{}
	for i := range posts {
		want = append(want, fmt.Sprint("entry ", i))
		author.run("post", "Chronicle", want[i])
	}
	author.until("it vouches", func() bool {
		c := author.topic("Chronicle").Completeness
		return c.Checkpoint != nil && c.Checkpoint.Met
	})
	mirror := net.start(t, program, 1, "mirror", link)
	mirror.until("the mirror has all and knows it", func() bool {
		c := mirror.topic("Chronicle").Completeness
		return c.State == api.CompleteAll && c.Posts == posts
	})
	author.stop()

	newcomer := net.start(t, program, 2)
	newcomer.run("topic", "join", strings.TrimSpace(mirror.run("link", "Chronicle")))
	newcomer.until("the newcomer has all and knows it", func() bool {
		c := newcomer.topic("Chronicle").Completeness
		return c.State == api.CompleteAll && c.Posts == posts && c.Missing == 0
	})
	got := []string{}
	for _, m := range decode[api.MessagePage](newcomer, "read", "Chronicle", "--limit", "200").Items {
		got = append(got, m.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the newcomer reads %q", got)
	}
	t.Log(newcomer.run("topic", "show", "Chronicle"))

	// With no network between them: the newcomer is cut off, what the mirror hears
	// meanwhile comes on a stick, and what the newcomer lacks alone is on it.
	net.cut(t, 2)
	author = net.start(t, program, 0)
	author.run("post", "Chronicle", "an epilogue")
	mirror.until("the epilogue", func() bool { return mirror.has("Chronicle", []string{"an epilogue"}) })
	stick := t.TempDir()
	note, file := filepath.Join(stick, "newcomer.note"), filepath.Join(stick, "rest.bundle")
	newcomer.run("export", "--note", note)
	mirror.run("export", "Chronicle", file, "--for", note)
	report := decode[api.ImportReport](newcomer, "import", file)
	if report.New == 0 || report.New > 5 || report.Known != 0 || !report.Complete {
		t.Errorf("%+v", report)
	}
	if !newcomer.has("Chronicle", []string{"an epilogue"}) || newcomer.topic("Chronicle").Completeness.Missing != 0 {
		t.Errorf("after the stick: %+v", newcomer.topic("Chronicle").Completeness)
	}
	t.Log(mirror.out.String())
}

// lan is a bridge in a namespace of its own, with hosts on it.
type lan struct {
	prefix string
	dirs   []string
}

func newLAN(t *testing.T, hosts int) *lan {
	t.Helper()
	l := &lan{prefix: fmt.Sprintf("lnt%d", os.Getpid())}
	t.Cleanup(func() {
		for _, ns := range append([]string{l.ns(-1)}, l.all(hosts)...) {
			_ = exec.Command("ip", "netns", "del", ns).Run() // it may not have come to be
		}
	})
	bridge := l.ns(-1)
	must(t, "ip", "netns", "add", bridge)
	must(t, "ip", "-n", bridge, "link", "add", "br0", "type", "bridge")
	must(t, "ip", "-n", bridge, "link", "set", "br0", "up")
	for i := range hosts {
		ns, port := l.ns(i), fmt.Sprintf("p%d", i)
		must(t, "ip", "netns", "add", ns)
		must(t, "ip", "link", "add", "eth0", "netns", ns, "type", "veth", "peer", "name", port, "netns", bridge)
		must(t, "ip", "-n", bridge, "link", "set", port, "master", "br0", "up")
		must(t, "ip", "-n", ns, "addr", "add", fmt.Sprintf("10.91.7.%d/24", i+1), "dev", "eth0")
		must(t, "ip", "-n", ns, "link", "set", "lo", "up")
		must(t, "ip", "-n", ns, "link", "set", "eth0", "up")
		l.dirs = append(l.dirs, filepath.Join(t.TempDir(), "data"))
	}
	return l
}

func (l *lan) ns(i int) string {
	if i < 0 {
		return l.prefix + "br"
	}
	return fmt.Sprintf("%sh%d", l.prefix, i)
}

func (l *lan) all(n int) (names []string) {
	for i := range n {
		names = append(names, l.ns(i))
	}
	return names
}

func (l *lan) cut(t *testing.T, i int) {
	t.Helper()
	rules := "table inet cut { chain in { type filter hook input priority 0; iifname \"eth0\" drop; }; chain out { type filter hook output priority 0; oifname \"eth0\" drop; }; }"
	must(t, "ip", "netns", "exec", l.ns(i), "nft", rules)
}

func (l *lan) heal(t *testing.T, i int) {
	t.Helper()
	must(t, "ip", "netns", "exec", l.ns(i), "nft", "delete table inet cut")
}

func must(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// realHost is the program, running on one host.
type realHost struct {
	t       *testing.T
	ns, dir string
	program string
	cmd     *exec.Cmd
	out     bytes.Buffer
}

// start runs the program on a host: as an ordinary node, or with the words given.
func (l *lan) start(t *testing.T, program string, i int, words ...string) *realHost {
	t.Helper()
	h := &realHost{t: t, ns: l.ns(i), dir: l.dirs[i], program: program}
	// mDNS stays on: these hosts are on one local network.
	if len(words) == 0 {
		words = []string{"run", "--no-browser"}
	}
	h.cmd = exec.Command("ip", append([]string{"netns", "exec", h.ns, program, "--data", h.dir}, words...)...)
	h.cmd.Stdout, h.cmd.Stderr = &h.out, &h.out
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.stop)
	h.until("it runs", func() bool {
		_, err := os.Stat(filepath.Join(h.dir, api.DiscoveryFile))
		return err == nil && exec.Command("ip", "netns", "exec", h.ns, program, "topic", "list", "--data", h.dir).Run() == nil
	})
	return h
}

func (h *realHost) stop() {
	if h.cmd.ProcessState != nil {
		return
	}
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- h.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			h.t.Errorf("%s ended with %v\n%s", h.ns, err, h.out.String())
		}
	case <-time.After(15 * time.Second):
		_ = h.cmd.Process.Kill()
		<-done
		h.t.Errorf("%s did not stop\n%s", h.ns, h.out.String())
	}
}

// run runs a command on the host.
func (h *realHost) run(args ...string) string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.ns, h.program}, append(args, "--data", h.dir)...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("%s: linnet %s: %v\n%s\n%s", h.ns, strings.Join(args, " "), err, stderr.String(), h.out.String())
	}
	return string(out)
}

func decode[T any](h *realHost, args ...string) (v T) {
	h.t.Helper()
	out := h.run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		h.t.Fatalf("%s: %v in %s", h.ns, err, out)
	}
	return v
}

func (h *realHost) topic(name string) api.Topic {
	h.t.Helper()
	return decode[api.Topic](h, "topic", "show", name)
}

func (h *realHost) node() (n api.Node) {
	h.t.Helper()
	return decode[struct{ Node api.Node }](h, "doctor").Node
}

func (h *realHost) messages(name string) []api.Message {
	h.t.Helper()
	return decode[api.MessagePage](h, "read", name, "--limit", "100").Items
}

func (h *realHost) last(name string) api.Message {
	h.t.Helper()
	all := h.messages(name)
	if len(all) == 0 {
		h.t.Fatalf("%s: no messages", h.ns)
	}
	return all[len(all)-1]
}

func (h *realHost) texts(name string) (out []string) {
	h.t.Helper()
	for _, m := range h.messages(name) {
		out = append(out, m.Text)
	}
	return out
}

func (h *realHost) has(name string, want []string) bool {
	h.t.Helper()
	got := h.texts(name)
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(got, w) })
}

// until waits for a condition, a minute and a half at most.
func (h *realHost) until(what string, done func() bool) {
	h.t.Helper()
	start := time.Now()
	for !done() {
		if time.Since(start) > 90*time.Second {
			h.t.Fatalf("%s: %s: still not after %v\n%s", h.ns, what, time.Since(start).Round(time.Second), h.out.String())
		}
		select {
		case <-h.t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	h.t.Logf("%s: %s after %v", h.ns, what, time.Since(start).Round(10*time.Millisecond))
}
