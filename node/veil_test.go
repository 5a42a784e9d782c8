package node_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnet-im/linnet/node"
	"github.com/linnet-im/linnet/node/reach"
	"github.com/linnet-im/linnet/node/topic"
)

// These tests have real bridges on loopback. A node in covert mode stands for one
// whose network lets nothing else through: it has no other transport.

var covert = &node.ReachSettings{Mode: reach.ModeCovert}

// book keeps what nodes log.
type book struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *book) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// count returns how often something was logged.
func (b *book) count(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.all.String(), what)
}

// wire is a piece of the network that leads to an address and can be stopped: what
// is under way then stays there, and no end of the line is told.
type wire struct {
	net.Listener
	to string
	wg sync.WaitGroup

	mu      sync.Mutex
	stopped chan struct{} // closed while it is stopped; nil: it is not
	conns   []net.Conn
	bytes   int
}

// wireRate is how many bytes a second go through a wire, in each direction of each connection.
const wireRate = 400 << 10

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: to, stopped: make(chan struct{})}
	w.wg.Go(w.serve)
	t.Cleanup(w.end)
	return w
}

func (w *wire) serve() {
	for {
		c, err := w.Accept()
		if err != nil {
			return
		}
		d, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = c.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, c, d)
		w.mu.Unlock()
		w.wg.Go(func() { w.carry(c, d) })
		w.wg.Go(func() { w.carry(d, c) })
	}
}

func (w *wire) carry(from, to net.Conn) {
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		select {
		case <-w.stopped:
			return // neither is closed
		default:
		}
		w.mu.Lock()
		w.bytes += n
		w.mu.Unlock()
		time.Sleep(time.Duration(n) * time.Second / wireRate) // a line has a rate
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			_, _ = from.Close(), to.Close()
			return
		}
	}
}

// stop lets nothing through any more.
func (w *wire) stop() { close(w.stopped) }

// carried returns how many bytes went through.
func (w *wire) carried() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bytes
}

func (w *wire) end() {
	_ = w.Close()
	w.mu.Lock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

// freeAddr is an address on loopback that nobody has.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// behindDoors is a link without plain addresses.
func behindDoors(t *testing.T, link string) string {
	t.Helper()
	l, err := topic.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	for i := range l.Peers {
		l.Peers[i].Addrs = slices.DeleteFunc(l.Peers[i].Addrs, func(a []byte) bool { return !reach.IsSecret(a) })
	}
	return l.String()
}

// TestBehindTheVeil: somebody who knows nothing but a link by a bridge gets the posts,
// until the pass is taken back.
func TestBehindTheVeil(t *testing.T) {
	t.Parallel() // it waits for clocks, most of the time
	anna := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0"}})
	news := create(t, anna, node.OpenTopic)
	post(t, news, "first")
	link, err := news.LinkByBridge(t.Context(), "Carla")
	if err != nil {
		t.Fatal(err)
	}
	var log book
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert, Logger: log.logger()})
	tc := follow(t, carla, behindDoors(t, link))
	until(t, carla, "the first post", func() bool { return slices.Contains(texts(t, tc), "first") })
	peers := carla.Peers()
	if len(peers) != 1 || peers[0].Way != reach.WayVeil && peers[0].Way != reach.WayDrip {
		t.Errorf("Carla is connected as %+v", peers)
	}
	post(t, tc, "by Carla")
	until(t, anna, "Carla's post", func() bool { return slices.Contains(texts(t, news), "by Carla") })
	until(t, anna, "the use of the pass", func() bool { p := anna.Passes(); return len(p) == 1 && !p[0].Used.IsZero() })

	if err := anna.RevokePass(t.Context(), anna.Passes()[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := anna.Peers(); len(got) != 0 {
		until(t, anna, "Carla to be cut off", func() bool { return len(anna.Peers()) == 0 })
	}
	post(t, news, "without Carla")
	tried := log.count("dial failed")
	until(t, carla, "other tries", func() bool { return log.count("dial failed") > tried+1 })
	if slices.Contains(texts(t, tc), "without Carla") || len(carla.Peers()) != 0 {
		t.Error("a pass that was taken back lets in")
	}

	// With another one she is back, and has missed nothing.
	again, err := news.LinkByBridge(t.Context(), "Carla, again")
	if err != nil {
		t.Fatal(err)
	}
	follow(t, carla, behindDoors(t, again))
	until(t, carla, "what was missed", func() bool { return slices.Contains(texts(t, tc), "without Carla") })
}

// TestBridgeLinkOpensAll: a bridge link alone is enough to get to topics whose links
// name somebody who cannot be reached.
func TestBridgeLinkOpensAll(t *testing.T) {
	anna := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0"}})
	news := create(t, anna, node.OpenTopic)
	post(t, news, "first")
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert})
	b, err := carla.AddBridge(t.Context(), newPass(t, anna, "Carla").Link)
	if err != nil {
		t.Fatal(err)
	}
	until(t, carla, "the bridge", func() bool { return carla.Bridges()[0].Connected })
	if got := carla.Bridges()[0]; got.ID != b.ID || got.Way != reach.WayVeil && got.Way != reach.WayDrip {
		t.Errorf("%+v", got)
	}
	tc := follow(t, carla, news.Link())
	until(t, carla, "the first post", func() bool { return slices.Contains(texts(t, tc), "first") })
	if err := carla.ForgetBridge(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	until(t, carla, "the line to end", func() bool { return len(carla.Peers()) == 0 })
}

// TestContactIsBridge: two contacts have met on an open network. Then every address
// of one of them is dead but its bridge, and the other gets through without having
// been told of it, or having touched a setting.
func TestContactIsBridge(t *testing.T) {
	t.Parallel() // it waits for clocks, most of the time
	dirs := []string{t.TempDir(), t.TempDir()}
	at := freeAddr(t)
	bridge := &node.BridgeConfig{Listen: at, Contacts: true}
	anna := openConfig(t, node.Config{Dir: dirs[0], Bridge: bridge})
	if err := anna.SetName(t.Context(), "Anna"); err != nil {
		t.Fatal(err)
	}
	boris := named(t, dirs[1], "Boris")
	c, err := anna.AddContact(t.Context(), contactLink(t, boris), "")
	if err != nil {
		t.Fatal(err)
	}
	ta, err := anna.Topic(c.Topic)
	if err != nil {
		t.Fatal(err)
	}
	post(t, ta, "hello Boris")
	tb := accept(t, boris, "Anna")
	until(t, boris, "to be let in", canPost(t, tb))
	post(t, tb, "hello Anna")
	until(t, anna, "the answer", func() bool { return slices.Contains(texts(t, ta), "hello Anna") })
	until(t, boris, "Anna's bridge", func() bool { return len(boris.Bridges()) == 1 })
	if len(boris.Passes()) != 0 {
		t.Error("Boris is a bridge")
	}
	for _, n := range []*node.Node{anna, boris} {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}

	anna = openConfig(t, node.Config{Dir: dirs[0], Bridge: bridge}) // at other addresses, but for the bridge
	boris = openConfig(t, node.Config{Dir: dirs[1]})
	var way reach.WayName
	until(t, boris, "a line to Anna", func() bool { b := boris.Bridges(); way = b[0].Way; return b[0].Connected })
	if way != reach.WayVeil && way != reach.WayDrip {
		t.Errorf("Boris came by %s", way)
	}
	ta, tb = topicIn(t, anna, ta), topicIn(t, boris, tb)
	post(t, ta, "behind the wall?")
	until(t, boris, "Anna's post", func() bool { return slices.Contains(texts(t, tb), "behind the wall?") })
}

// forms are the ways in which bytes may turn up in text or binary.
func forms(secret []byte) (out []string) {
	out = []string{string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), strings.Trim(fmt.Sprint(secret), "[]"), fmt.Sprintf("%q", secret)}
	for skip := range 3 { // base64 of something longer: as it begins at each place
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			out = append(out, e.EncodeToString(secret[skip:skip+12]))
		}
	}
	return out
}

func finds(text string, secret []byte) bool {
	return slices.ContainsFunc(forms(secret), func(f string) bool { return strings.Contains(text, f) })
}

// TestSecretsStay: what a link gave of a bridge is told to nobody, by the bridge's own
// node or by one that uses it: in links, answers, libp2p's identify, and logs.
func TestSecretsStay(t *testing.T) {
	var log book
	anna := openConfig(t, node.Config{Dir: t.TempDir(), Logger: log.logger(), Bridge: &node.BridgeConfig{Listen: "127.0.0.1:0"}})
	news := create(t, anna, node.OpenTopic)
	link, err := news.LinkByBridge(t.Context(), "Carla")
	if err != nil {
		t.Fatal(err)
	}
	pass := passIn(t, anna.Passes()[0].Link)
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Logger: log.logger()}) // an open network: she has other lines too
	tc := follow(t, carla, behindDoors(t, link))
	until(t, carla, "the topic", func() bool { i, _ := tc.Info(t.Context()); return !i.Completeness.Waiting })
	if _, err := carla.AddBridge(t.Context(), anna.Passes()[0].Link); err != nil {
		t.Fatal(err)
	}
	dora := openConfig(t, node.Config{Dir: t.TempDir(), Logger: log.logger()})
	td := follow(t, dora, tc.Link())
	connect(t, dora, anna)
	post(t, tc, "hello")
	until(t, dora, "Carla's post", func() bool { return slices.Contains(texts(t, td), "hello") })
	until(t, anna, "Carla's post", func() bool { return slices.Contains(texts(t, news), "hello") })
	until(t, dora, "both", func() bool { return len(dora.Peers()) == 2 })
	if err := anna.RevokePass(t.Context(), anna.Passes()[0].ID); err != nil { // what fails is logged most
		t.Fatal(err)
	}
	if err := carla.SetReachSettings(t.Context(), *covert); err != nil { // so that she tries nothing else
		t.Fatal(err)
	}
	carla = reopen(t, carla)
	before := log.count("linnet-way")
	until(t, carla, "tries with the pass that was taken back", func() bool { return log.count("linnet-way") > before+1 })
	told := map[string]string{}
	for name, n := range map[string]*node.Node{"Anna": anna, "Dora": dora} {
		told[name+"'s answers"] = string(n.Told(news.ID()))
		told[name+"'s status"] = fmt.Sprint(n.Status(), n.Peers(), n.Outlook())
		told[name+"'s contact link"] = decoded(t, contactLink(t, n))
		told["what libp2p told "+name] = strings.Join(n.Libp2pBook(), "\n")
	}
	told["Anna's link"], told["Dora's link"] = decoded(t, news.Link()), decoded(t, td.Link())
	log.mu.Lock()
	told["the log"] = log.all.String()
	log.mu.Unlock()
	for what, text := range told {
		if finds(text, pass[:]) {
			t.Errorf("%s has the pass in it", what)
		}
		if text == "" {
			t.Errorf("%s is empty: nothing was searched", what)
		}
	}
	if strings.Count(told["the log"], "level=DEBUG") < 20 {
		t.Errorf("the log has %d lines", strings.Count(told["the log"], "\n"))
	}

	// The search finds what is there.
	for what, text := range map[string]string{"the link": decoded(t, link), "the link's text": link, "a log": fmt.Sprint("pass ", pass), "hex": fmt.Sprintf("%x", pass)} {
		if !finds(text, pass[:]) {
			t.Errorf("the search does not find the pass in %s", what)
		}
	}
}

// decoded is what a link says.
func decoded(t *testing.T, link string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(link, "linnet:"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRoaming takes the line of a large transfer away: the transfer goes on by another
// address of the same bridge, from where it was, and what is written meanwhile arrives.
func TestRoaming(t *testing.T) {
	t.Parallel() // it waits for clocks, most of the time
	t.Run("the line is cut", func(t *testing.T) {
		t.Parallel()
		roam(t, trip{posts: 3000, at: 0.2, stop: (*wire).end, back: 5 * time.Second, within: 10 * time.Second})
	})
	// Nobody is told, so it must be noticed, which takes 8 s. What stalls once is taken to be
	// what a censor freezes, and the rest comes by drip, which is slow.
	t.Run("the line goes dead", func(t *testing.T) {
		t.Parallel()
		roam(t, trip{posts: 2000, at: 0.75, stop: (*wire).stop, back: 12 * time.Second, within: 20 * time.Second})
	})
}

// trip is what happens to a transfer.
type trip struct {
	posts  int
	at     float64 // part of the posts that are there when it happens
	stop   func(*wire)
	back   time.Duration // within which there must be another line
	within time.Duration // and on it more of the posts
}

func roam(t *testing.T, trip trip) {
	at := freeAddr(t)
	first, second := newWire(t, at), newWire(t, at)
	anna := openConfig(t, node.Config{Dir: t.TempDir(), Bridge: &node.BridgeConfig{Listen: at, Public: []string{first.Addr().String(), second.Addr().String()}}})
	news := create(t, anna, node.OpenTopic)
	for i := range trip.posts {
		if _, err := news.Post(t.Context(), node.Draft{Text: fmt.Sprintf("%d %0400d", i, i)}); err != nil {
			t.Fatal(err)
		}
	}
	link, err := news.LinkByBridge(t.Context(), "Carla")
	if err != nil {
		t.Fatal(err)
	}
	carla := openConfig(t, node.Config{Dir: t.TempDir(), Reach: covert})
	tc := follow(t, carla, behindDoors(t, link))
	have := func() int {
		i, err := tc.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return int(i.Completeness.Posts)
	}
	until(t, carla, "the transfer to be under way", func() bool { return float64(have()) > trip.at*float64(trip.posts) })
	cut, other := first, second
	if second.carried() > first.carried() {
		cut, other = second, first
	}
	before := other.carried()
	trip.stop(cut)
	stopped, was := time.Now(), have()
	if was == trip.posts {
		t.Fatal("all posts were there before the line could be taken away")
	}
	during := post(t, tc, "written while there was no line")
	until(t, carla, "a line by the other wire", func() bool { return other.carried() > before })
	if took := time.Since(stopped); took > trip.back {
		t.Errorf("there was another line after %v, must be %v", took, trip.back)
	}
	late := have()
	until(t, carla, "the transfer to go on", func() bool { return have() > late })
	took := time.Since(stopped)
	if took > trip.within {
		t.Errorf("it went on after %v, must be %v", took, trip.within)
	}
	until(t, carla, "all posts", func() bool { return have() == trip.posts+1 })
	until(t, carla, "to know that the post of meanwhile has arrived", func() bool { m, err := tc.Message(t.Context(), during); return err == nil && m.State == node.Stored })
	if m, err := news.Message(t.Context(), during); err != nil || m.Text != "written while there was no line" {
		t.Errorf("%+v, %v", m, err)
	}
	t.Logf("stopped at %d of %d posts, on again after %v, all there after %v; %d kB by the first wire, %d kB by the other",
		was, trip.posts, took.Round(10*time.Millisecond), time.Since(stopped).Round(10*time.Millisecond), cut.carried()>>10, other.carried()>>10)
}
