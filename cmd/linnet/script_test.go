package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"linnet": main})
}

// TestScript runs testdata/script: the real program with real nodes on the
// loopback interface. Each command of the scripts that waits for something asks
// again and again until it is so, within patience.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=10") // under -race each command would take a second to end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":  ready,
			"exits":  exits,
			"until":  until,
			"await":  await,
			"keep":   keep,
			"busy":   busy,
			"gone":   gone,
			"mode":   mode,
			"isjson": isJSON,
			"call":   call,
		},
	})
}

const patience = 30 * time.Second

// eventually calls f until it returns nil, or fails the script with its last error.
func eventually(ts *testscript.TestScript, f func() error) {
	deadline := time.Now().Add(patience)
	err := f()
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
		err = f()
	}
	ts.Check(err)
}

// ready DIR waits until the node on DIR answers, and sets URL to where.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready DIR")
	}
	eventually(ts, func() error {
		b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), api.DiscoveryFile))
		if err != nil {
			return err
		}
		var d api.Discovery
		if err := json.Unmarshal(b, &d); err != nil {
			return err
		}
		ts.Setenv("URL", d.URL)
		resp, err := http.Get(d.URL + api.Prefix + api.PathHealth)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

// call DIR NAME says what the person of the node on DIR is called.
func call(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: call DIR NAME")
	}
	c, err := client.Discover(ts.MkAbs(args[0]))
	ts.Check(err)
	defer c.Close()
	_, err = c.SetMe(context.Background(), api.MePatch{Name: args[1]})
	ts.Check(err)
}

// exits CODE COMMAND… runs a command that must end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := run(ts, args[1:]); got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func run(ts *testscript.TestScript, args []string) (code int) {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// until PATTERN COMMAND… runs a command until it succeeds and what it prints
// matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND…")
	}
	pattern := regexp.MustCompile(args[0])
	eventually(ts, func() error {
		if code := run(ts, args[1:]); code != 0 {
			return errors.New("exit code " + strconv.Itoa(code) + ": " + ts.ReadFile("stderr"))
		}
		if out := ts.ReadFile("stdout"); !pattern.MatchString(out) {
			return errors.New("no match for " + args[0] + " in " + out)
		}
		return nil
	})
}

// await FILE PATTERN waits until the file matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	pattern := regexp.MustCompile(args[1])
	eventually(ts, func() error {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && !pattern.Match(b) {
			err = errors.New("no match for " + args[1] + " in " + string(b))
		}
		return err
	})
}

// keep NAME [PATTERN] sets a variable to what the last command printed, or to
// the first group of the pattern in it.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: keep NAME [PATTERN]")
	}
	value := strings.TrimSpace(ts.ReadFile("stdout"))
	if len(args) == 2 {
		found := regexp.MustCompile(args[1]).FindStringSubmatch(value)
		if len(found) < 2 {
			ts.Fatalf("no match for %s in %s", args[1], value)
		}
		value = found[1]
	}
	ts.Setenv(args[0], value)
}

// busy NAME takes a port of the loopback interface until the script ends.
func busy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: busy NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() }) // nobody uses it
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}

// gone PATTERN waits until no file matches.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: gone PATTERN")
	}
	eventually(ts, func() error {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		if err == nil && len(found) > 0 {
			err = errors.New("still there: " + strings.Join(found, " "))
		}
		return err
	})
}

// mode PERM FILE… looks at the permission bits, where the system has some.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: mode PERM FILE…")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if os.PathSeparator == '/' && info.Mode().Perm() != os.FileMode(want) {
			ts.Fatalf("%s has mode %o, want %o", name, info.Mode().Perm(), want)
		}
	}
}

// isjson stdout|stderr checks that every line is a JSON object.
func isJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: isjson stdout|stderr")
	}
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	if text == "" {
		ts.Fatalf("%s is empty", args[0])
	}
	for l := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			ts.Fatalf("%s is no JSON: %v", l, err)
		}
	}
}
