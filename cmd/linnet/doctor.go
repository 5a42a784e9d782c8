package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
	"github.com/linnet-im/linnet/desktop/shell"
)

// What a check found.
const (
	stateOK    = "ok"
	stateNote  = "note"  // worth knowing, nothing is broken
	stateWrong = "wrong" // something to mend
)

// Below lowDisk bytes free, a person should make room soon; below noDisk the
// next post may fail.
const (
	lowDisk = 1 << 30
	noDisk  = 64 << 20
)

// clockSlack is how far a clock may be off: what is further ahead is parked by
// other nodes (DESIGN §5).
const clockSlack = 10 * time.Minute

// check is one thing that doctor looked at.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Text  string `json:"text"`
}

// checkup is the answer of "linnet doctor --json". Node, Peers and Topics are
// there while a node runs.
type checkup struct {
	OK      bool        `json:"ok"`
	Version string      `json:"version"`
	Data    string      `json:"data"`
	Running bool        `json:"running"`
	Checks  []check     `json:"checks"`
	Node    *api.Node   `json:"node,omitempty"`
	Peers   []api.Peer  `json:"peers,omitempty"`
	Topics  []api.Topic `json:"topics,omitempty"`
	Reach   *api.Reach  `json:"reach,omitempty"`
}

func (p *program) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look whether everything is in order",
		Long: `Look at the data folder, the disk, the clock, the node and whom it reaches.
With no node running it looks at the folder only. It changes nothing. Exit code 1
means that something is wrong; the line says what, and what to do.`,
		Example: "  linnet doctor",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.folder()
			if err != nil {
				return err
			}
			done := p.slowly("Looking …")
			c := p.examine(cmd.Context(), dir)
			done()
			p.print(c, func() { p.tell(c) })
			if !c.OK {
				return p.unhealthy(c)
			}
			return nil
		},
	}
}

// unhealthy is the error after a checkup that found something wrong.
func (p *program) unhealthy(c checkup) error {
	var wrong []string
	for _, k := range c.Checks {
		if k.State == stateWrong {
			wrong = append(wrong, k.Name)
		}
	}
	return &failure{Code: codeUnhealthy, Title: "something is wrong", Detail: strings.Join(wrong, ", ")}
}

func (p *program) examine(ctx context.Context, dir string) checkup {
	c := checkup{Version: versionOf(), Data: dir}
	c.add("version", stateOK, fmt.Sprintf("%s (%s, %s/%s)", c.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	if c.folder(dir) {
		c.disk(dir)
		c.modes(dir)
		c.key(dir)
	}
	c.clock(dir, time.Now())
	p.examineNode(ctx, dir, &c)
	c.OK = true
	for _, k := range c.Checks {
		c.OK = c.OK && k.State != stateWrong
	}
	return c
}

func (c *checkup) add(name, state, text string) {
	c.Checks = append(c.Checks, check{Name: name, State: state, Text: text})
}

// folder looks whether the data folder is there and reports whether there is
// more to look at in it.
func (c *checkup) folder(dir string) bool {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		c.add("data folder", stateNote, dir+" does not exist yet; Linnet makes it when it starts")
		return false
	case err != nil:
		c.add("data folder", stateWrong, fmt.Sprintf("%s cannot be looked at: %v", dir, err))
		return false
	case !info.IsDir():
		c.add("data folder", stateWrong, dir+" is a file, not a folder; choose another one with --data")
		return false
	}
	size, err := shell.FolderBytes(dir)
	if err != nil {
		c.add("data folder", stateWrong, err.Error())
		return true
	}
	c.add("data folder", stateOK, fmt.Sprintf("%s, %s", dir, bytesInWords(size)))
	return true
}

func (c *checkup) disk(dir string) {
	free, err := shell.FreeBytes(dir)
	switch {
	case err != nil:
		c.add("free disk", stateNote, fmt.Sprintf("unknown: %v", err))
	case free < noDisk:
		c.add("free disk", stateWrong, bytesInWords(free)+" left, too little to go on writing; free some space")
	case free < lowDisk:
		c.add("free disk", stateNote, bytesInWords(free)+" left, that is little; free some space soon")
	default:
		c.add("free disk", stateOK, bytesInWords(free))
	}
}

func (c *checkup) modes(dir string) {
	open, err := shell.OpenToOthers(dir)
	switch {
	case err != nil:
		c.add("file modes", stateWrong, err.Error())
	case len(open) > 0:
		c.add("file modes", stateWrong, fmt.Sprintf("other people on this computer may read %s; close it with: chmod -R go= %s",
			strings.Join(open, ", "), desktop.Quote(dir)))
	default:
		c.add("file modes", stateOK, "only you can read what is stored")
	}
}

// key looks whether what is stored can be opened at all.
func (c *checkup) key(dir string) {
	_, store := os.Stat(filepath.Join(dir, "store"))
	_, key := os.Stat(filepath.Join(dir, "key"))
	how, damaged := desktop.KeptBy(dir)
	switch {
	case store != nil:
		c.add("stored data", stateNote, "nothing is stored yet")
	case key != nil:
		c.add("stored data", stateWrong, "the file \"key\" is gone, without it nothing can be read; put it back from a copy")
	case damaged != nil:
		c.add("stored data", stateWrong, "the file \"key\" is damaged, without it nothing can be read; put it back from a copy")
	default:
		c.add("stored data", stateOK, "there, with its key, which "+map[string]string{
			api.ProtectionNone: "lies open beside it", api.ProtectionPassphrase: "a passphrase opens", api.ProtectionKeyring: "the keyring of your system opens",
		}[how])
	}
}

// clock compares the time with the newest file in the data folder: a clock that
// went back behind what it wrote itself is wrong.
func (c *checkup) clock(dir string, now time.Time) {
	newest := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) // older than every Linnet
	entries, _ := os.ReadDir(dir)                         // none where there is no folder
	stored, _ := os.ReadDir(filepath.Join(dir, "store"))
	for _, e := range append(entries, stored...) {
		if info, err := e.Info(); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	text := now.Format("Monday 2006-01-02 15:04 MST")
	if now.Add(clockSlack).Before(newest) {
		c.add("clock", stateWrong, fmt.Sprintf("%s, but files were written at %s; set the clock of this computer", text, newest.Format("2006-01-02 15:04")))
		return
	}
	c.add("clock", stateOK, text)
}

// examineNode asks the node that runs, if one does.
func (p *program) examineNode(ctx context.Context, dir string, c *checkup) {
	pid, held, err := shell.Held(dir)
	if err != nil {
		c.add("node", stateWrong, err.Error())
		return
	}
	conn, err := client.Discover(dir)
	if err == nil {
		var n api.Node
		if n, err = conn.Node(ctx); err == nil {
			c.Running, c.Node = true, &n
			p.examineRunning(ctx, conn, pid, c)
			return
		}
		if f := failureOf(err); f.Code == api.CodeLocked {
			c.Running = true
			c.add("node", stateNote, fmt.Sprintf("process %d is locked; open it on its page, or with: %s", pid, desktop.Command("unlock", p.data)))
			return
		}
	}
	switch {
	case held:
		c.add("node", stateWrong, fmt.Sprintf("process %d uses the folder and does not answer; wait a moment, or end it and start Linnet again", pid))
	case errors.Is(err, client.ErrNotRunning):
		c.add("node", stateNote, "does not run; start it with: "+desktop.Command("", p.data))
	default:
		c.add("node", stateWrong, fmt.Sprintf("cannot be asked: %v", err))
	}
}

func (p *program) examineRunning(ctx context.Context, conn *client.Client, pid int, c *checkup) {
	n := c.Node
	c.add("node", stateOK, fmt.Sprintf("runs as process %d, version %s", pid, n.Version))
	if n.Version != c.Version {
		c.add("node version", stateNote, "this program is version "+c.Version+"; start Linnet again to use it")
	}
	if d := n.Damage; d != nil {
		how := stateNote
		if d.State == api.DamageFound {
			how = stateWrong
		}
		c.add("damage", how, d.Summary+" ("+line(d.Detail)+")")
	}
	p.examineReach(ctx, conn, c)
	for _, a := range n.Addresses {
		c.add("address", stateOK, a)
	}
	peers, err := conn.Peers(ctx)
	if err != nil {
		c.add("peers", stateWrong, err.Error())
		return
	}
	c.Peers = peers.Items
	c.add("peers", stateOK, fmt.Sprintf("%d connected", len(c.Peers)))
	for _, peer := range c.Peers {
		c.add("peer", stateOK, peer.Address+" "+peer.PeerID)
	}
	topics, err := conn.Topics(ctx)
	if err != nil {
		c.add("topics", stateWrong, err.Error())
		return
	}
	c.Topics = topics.Items
	c.add("topics", stateOK, fmt.Sprintf("%d followed", len(c.Topics)))
	for _, t := range c.Topics {
		state := stateOK
		if t.Completeness.State != api.CompleteUnknown {
			state = stateNote
		}
		c.add("topic", state, named(t)+": "+t.Completeness.Summary)
	}
}

// examineReach says whom the node reaches, which ways do not work, and whether the
// clock is that of others.
func (p *program) examineReach(ctx context.Context, conn *client.Client, c *checkup) {
	r, err := conn.Reach(ctx)
	if err != nil {
		c.add("reach", stateWrong, err.Error())
		return
	}
	c.Reach = &r
	state := stateOK
	if r.State != api.ReachConnected {
		state = stateNote
	}
	c.add("reach", state, r.Summary)
	for _, w := range r.Ways {
		if w.State == api.WayFails {
			c.add("way", stateNote, strings.TrimSuffix(wayInWords(w.Name)+" does not work here: "+w.Why, ": "))
		}
	}
	if r.Settings.Mode != api.ModeOpen {
		c.add("ways", stateNote, settingsInWords(r)+" Change that with: "+desktop.Command("reach set --mode open", p.data))
	}
	if r.Skew != nil {
		c.skew(time.Duration(*r.Skew) * time.Millisecond)
	}
}

// smallSkew is up to what difference the clock counts as that of others.
const smallSkew = time.Minute

// skew compares the clock with those of others.
func (c *checkup) skew(ahead time.Duration) {
	off, where := ahead.Abs().Round(time.Second), "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	switch {
	case off < smallSkew:
		c.add("clock skew", stateOK, "this computer's clock is that of others")
	case off < clockSlack:
		c.add("clock skew", stateNote, fmt.Sprintf("this computer's clock is %s %s that of others; set it right", off, where))
	default:
		c.add("clock skew", stateWrong, fmt.Sprintf("this computer's clock is %s %s that of others, so that messages are put aside; set it right", off, where))
	}
}

// tell writes a checkup for people.
func (p *program) tell(c checkup) {
	for _, k := range c.Checks {
		fmt.Fprintf(p.out, "%-5s  %-12s  %s\n", k.State, k.Name, line(k.Text))
	}
	if c.OK {
		fmt.Fprintln(p.out, "Everything that was looked at is in order.")
	}
}

// bytesInWords writes n as people write sizes, in powers of 1024.
func bytesInWords(n int64) string {
	const units = "KMGTP"
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	size, unit := float64(n)/1024, 0
	for size >= 1023.95 && unit < len(units)-1 {
		size, unit = size/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", size, units[unit])
}
