package desktop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/shell"
	"github.com/linnet-im/linnet/node"
)

func TestParseUI(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:4747":  "127.0.0.1:4747",
		"127.0.0.2:0":     "",
		"localhost:80":    "127.0.0.1:80",
		"[::1]:4747":      "",
		"0.0.0.0:4747":    "",
		"[::]:4747":       "",
		":4747":           "",
		"192.0.2.1:4747":  "",
		"example.org:80":  "",
		"127.0.0.1":       "",
		"127.0.0.1:http":  "",
		"127.0.0.1:-1":    "",
		"127.0.0.1:70000": "",
		"4747":            "",
		"":                "",
	} {
		got, err := parseUI(in)
		if want == "" {
			var e *Error
			if !errors.As(err, &e) || e.Code != CodeUIAddress || !strings.Contains(e.Detail, "--ui 127.0.0.1:4747") {
				t.Errorf("%q: %v, %v, want a refusal that says what to use", in, got, err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q: %v, %v, want %s", in, got, err, want)
		}
	}
}

// TestListenStable shows that the page's port stays, and moves for good when
// somebody else has it.
func TestListenStable(t *testing.T) {
	dir := t.TempDir()
	port := func() (net.Listener, int) {
		t.Helper()
		l, err := listenUI("", dir)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(l.Addr().String(), "127.0.0.1:") {
			t.Errorf("listens on %s", l.Addr())
		}
		return l, l.Addr().(*net.TCPAddr).Port
	}
	// Another program may have the usual port here: begin with one of our own.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mine := free.Addr().(*net.TCPAddr).Port
	free.Close()
	if err := os.WriteFile(filepath.Join(dir, portFile), []byte(strconv.Itoa(mine)), 0o600); err != nil {
		t.Fatal(err)
	}
	first, got := port()
	if got != mine {
		t.Errorf("port %d, want the remembered %d", got, mine)
	}
	second, other := port() // the remembered one is taken
	if other == mine || readPort(dir) != other {
		t.Errorf("port %d, remembered %d", other, readPort(dir))
	}
	second.Close()
	first.Close()
	third, got := port()
	if got != other {
		t.Errorf("port %d, want %d as last time", got, other)
	}
	third.Close()
	for _, nonsense := range []string{"", "x", "0", "-1", "70000"} {
		if err := os.WriteFile(filepath.Join(dir, portFile), []byte(nonsense), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readPort(dir); got != -1 {
			t.Errorf("%q is read as %d", nonsense, got)
		}
	}
}

func TestListenBusy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = listenUI(l.Addr().String(), t.TempDir())
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeUIBusy || !strings.Contains(e.Detail, l.Addr().String()) {
		t.Errorf("%v, want ui_port_busy", err)
	}
}

// TestExplainOpen shows that every way in which a node fails to open has its own
// code, a reason and a next step.
func TestExplainOpen(t *testing.T) {
	tests := []struct {
		err  error
		code api.Code
		do   string
	}{
		{node.ErrInUse, CodeInUse, "--data"},
		{node.ErrNewerFormat, CodeNewerFormat, "update"},
		{node.ErrDiskFull, api.CodeDiskFull, "free some space"},
		{syscall.ENOSPC, api.CodeDiskFull, "free some space"},
		{node.ErrWrongKey, CodeWrongKey, "put the right one back"},
		{node.ErrLocked, api.CodeLocked, "--passphrase-file"},
		{node.ErrPassphrase, api.CodePassphrase, "try again"},
		{node.ErrKeyring, CodeSecret, "use a passphrase"},
		{node.ErrNoSecret, CodeSecret, "restore from a backup"},
		{node.ErrUnfinished, CodeFolder, "start Linnet again"},
		{node.ErrDamaged, CodeDamaged, "keep a copy"},
		{node.ErrBadAddress, api.CodeBadAddress, "correct --listen"},
		{syscall.EADDRINUSE, CodeListen, "--listen"},
		{errors.New("reach: cannot listen on x: failed to listen on any addresses"), CodeListen, "--listen"},
		{&fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}, CodeFolder, "--data"},
		{errors.New("anything else"), api.CodeInternal, "anything else"},
	}
	for _, tt := range tests {
		err := explainOpen("/data", fmt.Errorf("node: open: %w", tt.err))
		var e *Error
		if !errors.As(err, &e) || e.Code != tt.code || e.Title == "" || !strings.Contains(e.Detail, tt.do) || !errors.Is(err, tt.err) {
			t.Errorf("%v: %#v, want %s that says %q", tt.err, e, tt.code, tt.do)
		}
	}
	if err := explainOpen("/data", context.Canceled); err != context.Canceled {
		t.Errorf("stopped while opening: %v", err)
	}
}

func TestCause(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{errors.New("node: reach: no such thing: x"), "no such thing: x"},
		{&fs.PathError{Op: "mkdir", Path: "/x", Err: syscall.EACCES}, syscall.EACCES.Error()},
		{errors.New("plain"), "plain"},
		{fmt.Errorf("%w: there is no screen", shell.ErrNoBrowser), "there is no screen"},
	} {
		if got := cause(tt.err); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"", "", "linnet"},
		{"open", "", "linnet open"},
		{"open", "/srv/linnet", "linnet open --data /srv/linnet"},
		{"", "d", "linnet --data d"},
	} {
		if got := Command(tt.name, tt.data); got != tt.want {
			t.Errorf("%q %q: %s, want %s", tt.name, tt.data, got, tt.want)
		}
	}
	if got := Quote("it's here"); got != `'it'\''s here'` && got != `"it's here"` {
		t.Errorf("quoted: %s", got)
	}
}

// heard is an Out that tells when the first line is there.
type heard struct {
	mu    sync.Mutex
	text  bytes.Buffer
	first chan struct{}
	once  sync.Once
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.once.Do(func() { close(h.first) })
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// start runs the app in the background and returns what it says and how to end it.
func start(t *testing.T, o Options) (out *heard, stop func() error) {
	t.Helper()
	out = &heard{first: make(chan struct{})}
	o.Out, o.Listen, o.NoBrowser, o.LANOnly = out, []string{"/ip4/127.0.0.1/tcp/0"}, true, true
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	select {
	case <-out.first:
	case err := <-ended:
		t.Fatalf("it ended at the start: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is said after 30 s")
	}
	return out, sync.OnceValue(func() error { cancel(); return <-ended })
}

func TestRun(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := filepath.Join(t.TempDir(), "data")
	began := time.Now()
	out, stop := start(t, Options{Data: dir, UI: "127.0.0.1:0", Version: "test"})
	defer stop()
	t.Logf("ready after %s", time.Since(began))

	file := filepath.Join(dir, api.DiscoveryFile)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); os.PathSeparator == '/' && mode != 0o600 {
		t.Errorf("%s has mode %o", file, mode)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d api.Discovery
	if err := json.Unmarshal(b, &d); err != nil || d.Token == "" {
		t.Fatalf("%s: %v", b, err)
	}
	if want := fmt.Sprintf("Linnet is running. Open %s or run: linnet open --data %s\n", d.URL, Quote(dir)); out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
	if page := get(t, d.URL+"/"); !strings.Contains(page, "<html") {
		t.Errorf("the page: %.200s", page)
	}

	var e *Error
	if err := Run(t.Context(), Options{Data: dir, NoBrowser: true}); !errors.As(err, &e) || e.Code != CodeInUse {
		t.Errorf("a second start: %v, want data_in_use", err)
	}

	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there", file)
	}
	http.DefaultClient.CloseIdleConnections()
	if _, err := http.Get(d.URL); err == nil {
		t.Error("the page still answers")
	}

	_, stop = start(t, Options{Data: dir, UI: "127.0.0.1:0"})
	if err := stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

// TestRunStopsEarly ends the app while it starts.
func TestRunStopsEarly(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	err := Run(ctx, Options{Data: dir, UI: "127.0.0.1:0", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, NoBrowser: true, LANOnly: true})
	if err != nil {
		t.Errorf("%v, want nil", err)
	}
	if _, err := os.Stat(filepath.Join(dir, api.DiscoveryFile)); err == nil {
		t.Error("api.json is left")
	}
}

// TestRunFails shows that a failed start leaves nothing: the next one works.
func TestRunFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	for _, o := range []Options{
		{Data: dir, UI: "0.0.0.0:0", NoBrowser: true},
		{Data: dir, UI: "127.0.0.1:0", Listen: []string{"nonsense"}, NoBrowser: true},
	} {
		var e *Error
		if err := Run(t.Context(), o); !errors.As(err, &e) || e.Title == "" || e.Detail == "" {
			t.Errorf("%+v: %v, want an error that says what to do", o, err)
		}
	}
	_, stop := start(t, Options{Data: dir, UI: "127.0.0.1:0", JSON: true})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
