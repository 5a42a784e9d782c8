package shell

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDataFolder(t *testing.T) {
	tests := []struct {
		system, home string
		env          map[string]string
		want         string
	}{
		{"linux", "/home/ada", nil, "/home/ada/.local/share/linnet"},
		{"linux", "/home/ada", map[string]string{"XDG_DATA_HOME": "/data"}, "/data/linnet"},
		{"linux", "/home/ada", map[string]string{"XDG_DATA_HOME": "data"}, "/home/ada/.local/share/linnet"},
		{"linux", "", nil, ""},
		{"freebsd", "/home/ada", nil, "/home/ada/.local/share/linnet"},
		{"darwin", "/Users/ada", map[string]string{"XDG_DATA_HOME": "/data"}, "/Users/ada/Library/Application Support/Linnet"},
		{"windows", "/Users/ada", map[string]string{"LocalAppData": "/Local"}, "/Local/Linnet"},
		{"windows", "/Users/ada", nil, "/Users/ada/AppData/Local/Linnet"},
	}
	for _, tt := range tests {
		got := dataFolder(tt.system, tt.home, func(k string) string { return tt.env[k] })
		if got != filepath.FromSlash(tt.want) {
			t.Errorf("%s, home %q, %v: %q, want %q", tt.system, tt.home, tt.env, got, tt.want)
		}
	}
}

func TestMakeFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := MakeFolder(dir); err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := MakeFolder(file); err == nil {
		t.Error("a file passes for a folder")
	}
}

func TestFolderBytes(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int{"a": 10, "sub/b": 32} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := FolderBytes(dir); err != nil || got != 42 {
		t.Errorf("FolderBytes = %d, %v, want 42", got, err)
	}
	if got, err := FolderBytes(filepath.Join(dir, "none")); err != nil || got != 0 {
		t.Errorf("of no folder: %d, %v", got, err)
	}
	if free, err := FreeBytes(dir); err != nil || free <= 0 {
		t.Errorf("FreeBytes = %d, %v", free, err)
	}
}

func TestOpenToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(dir, "loose")
	for name, mode := range map[string]os.FileMode{"closed": 0o600, "loose": 0o640} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(loose, 0o640); err != nil {
		t.Fatal(err)
	}
	got, err := OpenToOthers(dir)
	if err != nil || len(got) != 1 || got[0] != loose {
		t.Errorf("%v, %v, want only %s", got, err, loose)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, _ := OpenToOthers(dir); len(got) != 2 {
		t.Errorf("%v, want the folder too", got)
	}
}

func TestWritePrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "api.json")
	if err := os.WriteFile(path, []byte("old and far longer than the new one"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WritePrivate(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	wantMode(t, path, 0o600)
	if got, _ := os.ReadFile(path); string(got) != "new" {
		t.Errorf("content %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	if err := WritePrivate(filepath.Join(dir, "none", "x"), nil); err == nil {
		t.Error("no error for a folder that does not exist")
	}
	// A folder stands in the way: nothing may be left of the try.
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WritePrivate(filepath.Join(dir, "folder"), nil); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	if _, held, err := Held(dir); held || err != nil {
		t.Fatalf("fresh folder: held %v, %v", held, err)
	}
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, lockFile), 0o600)
	if pid, held, err := Held(dir); pid != os.Getpid() || !held || err != nil {
		t.Errorf("held by %d, %v, %v; want %d", pid, held, err, os.Getpid())
	}
	if _, err := Acquire(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v, want ErrLocked", err)
	}
	if err := errors.Join(lock.Release(), lock.Release(), (*Lock)(nil).Release()); err != nil {
		t.Errorf("release: %v", err)
	}
	if _, held, err := Held(dir); held || err != nil {
		t.Errorf("after release: held %v, %v", held, err)
	}
	again, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
}

// TestLockDies kills a process that holds the lock.
func TestLockDies(t *testing.T) {
	if dir := os.Getenv("SHELL_TEST_HOLD"); dir != "" {
		if _, err := Acquire(dir); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		select {} // until killed
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockDies$")
	cmd.Env = append(os.Environ(), "SHELL_TEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder said %q, %v", line, err)
	}
	if pid, held, err := Held(dir); pid != cmd.Process.Pid || !held || err != nil {
		t.Errorf("held by %d, %v, %v; want %d", pid, held, err, cmd.Process.Pid)
	}
	if _, err := Acquire(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("lock of another process: %v, want ErrLocked", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatalf("after the crash: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Error(err)
	}
}

func TestPage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), runFolder)
	const url = `http://127.0.0.1:4747/#code=a"b<c>&d`
	path, err := writePage(dir, url)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, dir, 0o700)
	wantMode(t, path, 0o600)
	if strings.Contains(path, "code") {
		t.Errorf("the path %s tells the code", path)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<meta name="referrer" content="no-referrer">`,
		`content="0;url=http://127.0.0.1:4747/#code=a&#34;b&lt;c&gt;&amp;d"`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if strings.Contains(string(got), "<script") {
		t.Error("there is a script in it")
	}
	other, err := writePage(dir, url)
	if err != nil || other == path {
		t.Errorf("second page: %s, %v", other, err)
	}
}

func TestRemovePages(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	data := t.TempDir()
	dir := filepath.Join(data, runFolder)
	path, err := writePage(dir, "http://127.0.0.1/")
	if err != nil {
		t.Fatal(err)
	}
	keep := filepath.Join(dir, "notes.html")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	RemovePages(data, time.Hour)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a young page went: %v", err)
	}
	RemovePages(data, 0)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the page stayed: %v", err)
	}
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("another file went: %v", err)
	}
	RemovePages(filepath.Join(data, "none"), 0) // nothing to do
}

func TestNoScreen(t *testing.T) {
	tests := []struct {
		system string
		env    map[string]string
		opens  bool
	}{
		{"linux", nil, false},
		{"linux", map[string]string{"DISPLAY": ":0"}, true},
		{"linux", map[string]string{"WAYLAND_DISPLAY": "wayland-0"}, true},
		{"linux", map[string]string{"DISPLAY": ":0", "WSL_DISTRO_NAME": "Ubuntu"}, false},
		{"linux", map[string]string{"DISPLAY": ":10", "SSH_CONNECTION": "x"}, true},
		{"darwin", nil, true},
		{"darwin", map[string]string{"SSH_CONNECTION": "x"}, false},
		{"windows", nil, true},
	}
	for _, tt := range tests {
		why := noScreen(tt.system, func(k string) string { return tt.env[k] })
		if (why == "") != tt.opens {
			t.Errorf("%s %v: %q", tt.system, tt.env, why)
		}
	}
}

func TestSnapFolder(t *testing.T) {
	for entry, want := range map[string]string{
		"firefox_firefox.desktop":     "/h/snap/firefox/common/linnet",
		"org.mozilla.firefox.desktop": "",
		"google-chrome.desktop":       "",
		"../x_y.desktop":              "",
		"":                            "",
	} {
		if got := snapFolder("/h", entry); got != filepath.FromSlash(want) {
			t.Errorf("%q: %q, want %q", entry, got, want)
		}
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != want {
		t.Errorf("%s has mode %o, want %o", path, info.Mode().Perm(), want)
	}
}
