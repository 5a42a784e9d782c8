package desktop

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
	"github.com/linnet-im/linnet/desktop/shell"
)

// patience is how long a program that holds the data folder may take to answer:
// it may be opening a large store, or be about to stop.
const patience = 5 * time.Second

// Shown says how the page of a node that runs was opened. Where Opened is false
// there is no browser here: Reason says why, and URL holds a code that lets one
// browser in, once, within Seconds.
type Shown struct {
	Opened  bool   `json:"opened"`
	URL     string `json:"url"`
	Reason  string `json:"reason,omitempty"`
	Seconds int    `json:"seconds,omitempty"`
}

// String is what a person is told, with a line break at its end.
func (s Shown) String() string {
	if s.Opened {
		return fmt.Sprintf("Opened %s in your browser.\n", s.URL)
	}
	return fmt.Sprintf("No browser was opened: %s.\nOpen this address in a browser on this computer within %d seconds:\n%s\n", s.Reason, s.Seconds, s.URL)
}

// Show opens the page of the node that c talks to, which runs on the data folder
// dir. It blocks for a few seconds at most. Errors are those of c.
func Show(ctx context.Context, c *client.Client, dir string) (Shown, error) {
	code, err := c.NewCode(ctx)
	if err != nil {
		return Shown{}, err
	}
	err = shell.OpenPage(ctx, dir, code.URL)
	if err != nil {
		return Shown{URL: code.URL, Reason: cause(err), Seconds: code.Seconds}, nil
	}
	page, _, _ := strings.Cut(code.URL, "#") // the code is for the browser alone
	return Shown{Opened: true, URL: page}, nil
}

// visit is what a second start does: the page of the Linnet that runs is what
// the person wants to see.
func (a *app) visit(ctx context.Context) error {
	defer a.cancel()
	done := a.slowly("Another program has " + a.dir + " open, waiting for its answer …")
	c, n, err := a.running(ctx)
	done()
	if err != nil {
		return err
	}
	if what := a.contradicts(c, n); what != "" {
		return &Error{Code: CodeInUse, Title: "Linnet runs already on " + a.dir,
			Detail: what + "; stop that one first (Ctrl-C in its terminal), or choose another folder with --data"}
	}
	shown, err := Show(ctx, c, a.dir)
	if err != nil {
		return err
	}
	if a.o.JSON {
		return writeLine(a.o.Out, shown)
	}
	_, err = fmt.Fprint(a.o.Out, "Linnet runs already. ", shown)
	return err
}

// running asks the program that holds the data folder until it answers.
func (a *app) running(ctx context.Context) (*client.Client, api.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := client.Discover(a.dir)
		if err == nil {
			var n api.Node
			if n, err = c.Node(ctx); err == nil || isLocked(err) {
				return c, n, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, api.Node{}, a.noAnswer(err)
		}
	}
}

// isLocked reports whether a node says that it is locked: its page is all that can be had.
func isLocked(err error) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Code == api.CodeLocked
}

func (a *app) noAnswer(err error) error {
	who := "another program"
	if pid, held, _ := shell.Held(a.dir); held && pid > 0 {
		who = fmt.Sprintf("process %d", pid)
	}
	return &Error{Code: CodeInUse, Title: "the data folder is in use", Err: err,
		Detail: fmt.Sprintf("%s has %s open and does not answer; wait a moment or end it, or choose another folder with --data", who, a.dir)}
}

// contradicts says what was asked for that the Linnet that runs is not, "" if
// its page is all that was asked for.
func (a *app) contradicts(c *client.Client, n api.Node) string {
	switch {
	case a.o.NoBrowser:
		return "--no-browser asks for a node, and that folder has one"
	case len(a.o.Listen) > 0:
		return "--listen cannot change what it listens on"
	case a.o.LANOnly && n.PeerID != "" && !n.Reachability.LANOnly: // a locked one does not say
		return "it is not limited to the local network"
	case a.o.Bridge != nil:
		return "--bridge cannot make it a bridge while it runs"
	case a.o.Onion != "":
		return "--onion cannot change where it is reached"
	case a.o.Tor != "" && n.PeerID != "" && n.Reachability.Mode != api.ModeTor:
		return "it is not limited to Tor"
	case a.o.Covert && n.PeerID != "" && n.Reachability.Mode != api.ModeCovert:
		return "it is not limited to bridges"
	case a.o.UI != "" && !sameUI(a.o.UI, c.URL()):
		return "its page is at " + c.URL()
	}
	return ""
}

// sameUI tells whether the address asked for is where the page is.
func sameUI(ui, url string) bool {
	at, err := parseUI(ui)
	return err == nil && (at.Port() == 0 || "http://"+at.String() == url)
}

// Command returns the words that call a command of Linnet for the data folder
// that was asked for, empty for the usual one; an empty name starts it.
func Command(name, data string) string {
	words := "linnet"
	if name != "" {
		words += " " + name
	}
	if data != "" {
		words += " --data " + Quote(data)
	}
	return words
}

// Quote returns s as one word of a command line that a person can copy.
func Quote(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\n'\"`$&|;<>()*?[]{}~#!%^") && (runtime.GOOS == "windows" || !strings.Contains(s, `\`)) {
		return s
	}
	if runtime.GOOS == "windows" {
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
