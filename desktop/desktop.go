package desktop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/desktop/server"
	"github.com/linnet-im/linnet/desktop/shell"
	"github.com/linnet-im/linnet/desktop/ui"
	"github.com/linnet-im/linnet/node"
)

// How long the parts may take to stop, and how long pages that lead to Linnet
// are kept for the browser: as long as the code in them lives.
const (
	serverStop = 5 * time.Second
	nodeStop   = 20 * time.Second
	pageAge    = time.Minute
)

// slow is after how long a person is told what takes so long.
const slow = time.Second

// Options say how the app is to run. The zero value is a good default.
type Options struct {
	Data      string   // data folder; empty: the usual one of the system
	UI        string   // address of the page, loopback only; empty: 127.0.0.1 with a port that stays the same
	Listen    []string // multiaddrs for other nodes; empty: the node chooses
	LANOnly   bool     // nothing goes outside the local network
	NoMDNS    bool     // do not announce the node on the local network, nor look there
	NoBrowser bool     // do not open the page
	Tor       string   // host:port of Tor's SOCKS proxy: everything goes through it; overrides the stored settings of reach
	Onion     string   // name.onion:port at which an onion service leads to this node; with Tor only
	Covert    bool     // bridges only; overrides them too
	Bridge    *Bridge  // nil: this node is no bridge
	Programs  []string // for pluggable transports, as lines of the kind "obfs4 exec /usr/bin/obfs4proxy"
	Mirror    []string // links of topics to follow, keep and serve, without a page; nil: an ordinary run
	JSON      bool     // write to Out for programs: one [Running]
	// Passphrase is asked for a passphrase where the folder needs one; what it returns is
	// cleared. nil: an ordinary run starts locked and the page asks, a mirror fails.
	Passphrase func() ([]byte, error)
	Version    string
	Out        io.Writer    // what a person is told, from one goroutine at a time; nil: nothing
	Logger     *slog.Logger // nil: silent
}

// Running is what Run writes to Out, as one line of JSON, if Options.JSON is set.
type Running struct {
	URL  string `json:"url"`
	Data string `json:"data"`
	PID  int    `json:"pid"`

	Locked bool `json:"locked,omitempty"` // it waits for a passphrase, see api.PathUnlock
}

// Run runs the app until ctx ends, then stops it in order and returns nil. Where
// a Linnet runs on that data folder already, it opens the page of that one and
// returns nil, unless the options ask for something else than what runs there.
// When it returns nothing is left running. An error is an [*Error], or the
// *api.Problem that the running one answered with.
func Run(ctx context.Context, o Options) error {
	a, err := newApp(o)
	if err != nil {
		return err
	}
	a.lock, err = shell.Acquire(a.dir)
	if errors.Is(err, shell.ErrLocked) {
		return a.visit(ctx)
	}
	if err != nil {
		return folderError(a.dir, err)
	}
	err = a.start(ctx)
	if err == nil {
		err = a.wait(ctx)
	}
	err = errors.Join(err, a.stop())
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // stopped while it started, as asked
	}
	return err
}

// app is what runs. The fields are filled from top to bottom and stopped from
// bottom to top; nil where the start did not get so far.
type app struct {
	o      Options
	dir    string
	log    *slog.Logger
	lock   *shell.Lock
	door   net.Listener
	gate   *gate.Gate
	server *server.Server
	served chan error // what Serve returned
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newApp(o Options) (*app, error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	o.Out = &turns{w: o.Out}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.UI != "" { // refused before a folder is made
		if _, err := parseUI(o.UI); err != nil {
			return nil, err
		}
	}
	if _, _, err := o.reach(); err != nil {
		return nil, err
	}
	dir, err := folder(o.Data)
	if err != nil {
		return nil, err
	}
	a := &app{o: o, dir: dir, log: o.Logger, served: make(chan error, 1)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

// folder makes sure of the data folder and returns where it is.
func folder(data string) (string, error) {
	dir, err := data, error(nil)
	if dir == "" {
		dir, err = shell.DataFolder()
	}
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err == nil {
		err = shell.MakeFolder(dir)
	}
	if err != nil {
		return "", folderError(dir, err)
	}
	return dir, nil
}

// start opens everything. The page's port comes first: whoever comes early waits
// there for an answer and is not refused.
func (a *app) start(ctx context.Context) (err error) {
	if a.door, err = listenUI(a.o.UI, a.dir); err != nil {
		return err
	}
	settings, fixed, err := a.o.reach()
	if err != nil {
		return err
	}
	a.gate = gate.New(gate.Config{
		Node: node.Config{
			Dir: a.dir, Listen: a.o.Listen, LANOnly: a.o.LANOnly, NoMDNS: a.o.NoMDNS, Logger: a.log,
			Reach: settings, Bridge: a.o.Bridge.node(a.o.Mirror != nil), Transports: a.o.Programs, Erase: ownFiles(), Volunteer: a.o.Mirror != nil,
		},
		Opened: func(*node.Node) error { return a.rewrite() },
	})
	if err := a.unlock(ctx); err != nil {
		return err
	}
	assets := ui.Assets()
	if a.o.Mirror != nil {
		assets = nil
	}
	a.server, err = server.New(server.Config{Gate: a.gate, Assets: assets, Version: a.o.Version, Logger: a.log, ReachFixed: fixed})
	if err != nil {
		return &Error{Code: api.CodeInternal, Title: "Linnet could not start its page", Detail: cause(err), Err: err}
	}
	a.wg.Go(func() { a.served <- a.server.Serve(a.door) }) // ends with Server.Close
	if err := a.announce(); err != nil {
		return folderError(a.dir, err)
	}
	if a.o.Mirror != nil {
		a.wg.Go(a.mirror)
	} else {
		a.wg.Go(a.openPage)
	}
	a.wg.Go(a.giveBack)
	return nil
}

// giveBack returns memory to the system that opening, and putting the store in
// order after it, has left unused: by itself Go takes minutes for that. It ends
// with a.ctx.
func (a *app) giveBack() {
	for _, wait := range []time.Duration{3 * time.Second, 5 * time.Second, 30 * time.Second} {
		select {
		case <-time.After(wait):
			debug.FreeOSMemory()
		case <-a.ctx.Done():
			return
		}
	}
}

// announce tells programs, by api.json, and people where the page is.
func (a *app) announce() error {
	if err := a.writeDiscovery(); err != nil {
		return err
	}
	locked := !a.gate.IsOpen()
	if a.o.JSON {
		return writeLine(a.o.Out, Running{URL: a.url(), Data: a.dir, PID: os.Getpid(), Locked: locked})
	}
	if locked {
		_, err := fmt.Fprintf(a.o.Out, "Linnet is locked. Open %s and type your passphrase, or run: %s\n", a.url(), Command("unlock", a.o.Data))
		return err
	}
	var err error
	if a.o.Mirror != nil {
		_, err = fmt.Fprintf(a.o.Out, "Linnet keeps and serves topics. Stop it with Ctrl-C. See them with: %s\n", Command("topic list", a.o.Data))
		return err
	}
	_, err = fmt.Fprintf(a.o.Out, "Linnet is running. Open %s or run: %s\n", a.url(), Command("open", a.o.Data))
	return err
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

func (a *app) url() string       { return "http://" + a.door.Addr().String() }
func (a *app) discovery() string { return filepath.Join(a.dir, api.DiscoveryFile) }

// openPage shows the page, then removes the files that led to it once their
// codes are dead. It ends with a.ctx.
func (a *app) openPage() {
	shell.RemovePages(a.dir, pageAge)
	if !a.o.NoBrowser {
		a.show()
	}
	tick := time.NewTicker(pageAge / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			shell.RemovePages(a.dir, pageAge)
		case <-a.ctx.Done():
			return
		}
	}
}

func (a *app) show() {
	err := shell.OpenPage(a.ctx, a.dir, a.url()+"/#code="+a.server.NewCode())
	if err == nil || a.ctx.Err() != nil {
		return
	}
	a.log.Info("desktop: the page was not opened", "err", err)
	if !a.o.JSON {
		fmt.Fprint(a.o.Out, pairing(err, a.url(), a.server.NewPairingCode()))
	}
}

// pairing says how to reach the page where no browser could be opened.
func pairing(err error, url, code string) string {
	return fmt.Sprintf("No browser was opened: %s.\nIn a browser on this computer, open %s and type the code %s within 5 minutes.\n", cause(err), url, code)
}

// wait returns when the person or the system wants an end, or when the page
// cannot be served any more.
func (a *app) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.served:
		return &Error{Code: api.CodeInternal, Title: "the page stopped", Detail: fmt.Sprint(err, "; start Linnet again"), Err: err}
	}
}

// stop takes everything down in reverse order, each part within its bound.
func (a *app) stop() error {
	done := a.slowly("Stopping …")
	defer done()
	a.cancel()
	var errs []error
	if a.server != nil {
		if err := os.Remove(a.discovery()); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		shell.RemovePages(a.dir, 0)
		errs = append(errs, a.stopServer())
	}
	if a.door != nil {
		_ = a.door.Close() // Serve has closed it where it ran
	}
	a.wg.Wait()
	if a.gate != nil {
		errs = append(errs, within(nodeStop, "the node", a.gate.Close))
	}
	return errors.Join(append(errs, a.lock.Release())...)
}

func (a *app) stopServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), serverStop)
	defer cancel()
	if err := a.server.Close(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("desktop: stop the page: %w", err)
	}
	return nil
}

// within calls f and waits for it at most d: a person who wants to quit quits.
func within(d time.Duration, what string, f func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- f() }() // ends with f, or with the program that is about to end
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
		return &Error{Code: CodeSlowStop, Title: "Linnet did not stop in order",
			Detail: fmt.Sprintf("%s took longer than %s; nothing that you wrote is lost", what, d)}
	}
}

// turns lets one goroutine at a time write.
type turns struct {
	mu sync.Mutex
	w  io.Writer
}

func (t *turns) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.w.Write(p)
}

// slowly tells the person what takes so long, if it takes longer than slow,
// until the returned function is called.
func (a *app) slowly(text string) (done func()) {
	if a.o.JSON {
		return func() {}
	}
	var mu sync.Mutex
	over := false
	timer := time.AfterFunc(slow, func() {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			fmt.Fprintln(a.o.Out, text)
		}
	})
	return func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
	}
}
