package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/client"
	"github.com/linnet-im/linnet/desktop/shell"
)

// program is one run of the command line: where it reads and writes, and the
// flags that every command has.
type program struct {
	in        io.Reader
	out, errs io.Writer
	json      bool
	data      string // as asked for; empty: the usual folder
	run       runFlags
	started   bool // the command line was understood, a command began
}

func (p *program) root() *cobra.Command {
	cobra.MousetrapHelpText = "" // on Windows too, a double click starts Linnet
	root := &cobra.Command{
		Use:   "linnet",
		Short: "A messenger that needs no server",
		Long: `Linnet is a messenger with no server to block, buy or compel.

Alone, it starts your node and opens its page in the browser; if it runs
already, it opens the page. The other commands talk to the node that runs.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no node running.`,
		Example: `  linnet
  linnet topic create "School news" --kind broadcast
  linnet post "School news" "No lessons on Friday."`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) {
			p.started = true
			if p.data == "" {
				p.data = os.Getenv("LINNET_DATA")
			}
		},
		RunE: p.runNode,
	}
	root.PersistentFlags().StringVar(&p.data, "data", "", "data folder (also LINNET_DATA; default: the usual one of your system)")
	root.PersistentFlags().BoolVar(&p.json, "json", false, "write JSON for programs, errors too (on stderr)")
	p.run.add(root)
	root.AddCommand(p.runCommand(), p.mirror(), p.topic(), p.link(), p.post(), p.name(), p.contact(), p.hints(), p.device(), p.send(), p.read(), p.export(), p.importing(), p.open(), p.lock(), p.unlock(), p.passphrase(), p.wipe(), p.phrase(), p.backup(), p.restore(), p.reach(), p.bridge(), p.doctor(), p.version())
	return root
}

// runFlags are the flags of "linnet" and "linnet run".
type runFlags struct {
	ui        string
	listen    []string
	noBrowser bool
	lanOnly   bool
	noMDNS    bool
	logLevel  string
	secret    string // file with the passphrase
	tor       string
	onion     string
	covert    bool
	bridge    bridgeFlags
	programs  []string
}

func (f *runFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.ui, "ui", "", "address of the page, on this computer only (default 127.0.0.1:4747, or the port of last time)")
	c.Flags().StringArrayVar(&f.listen, "listen", nil, "multiaddr to listen on for other nodes; may be repeated (default: chosen and kept)")
	c.Flags().BoolVar(&f.noBrowser, "no-browser", false, "do not open the page")
	c.Flags().BoolVar(&f.lanOnly, "lan-only", false, "stay within the local network")
	c.Flags().BoolVar(&f.noMDNS, "no-mdns", false, "do not announce this node on the local network, nor look for others there")
	c.Flags().StringVar(&f.tor, "tor", "", "send everything through Tor, whose SOCKS proxy is at this host:port, such as 127.0.0.1:9050")
	c.Flags().StringVar(&f.onion, "onion", "", "with --tor, name.onion:port at which an onion service leads to this node: to 127.0.0.1 and the same port, or to that of --listen")
	c.Flags().BoolVar(&f.covert, "covert", false, "use nothing but bridges, which look like web sites, from the first packet on")
	f.bridge.add(c)
	c.Flags().StringArrayVar(&f.programs, "transport", nil, "program for a pluggable transport, such as \"obfs4 exec /usr/bin/obfs4proxy\"; may be repeated, and is started when an address needs it")
	secretFlag(c, &f.secret, "passphrase-file", "read the passphrase of the data folder from this file (also "+passphraseVariable+"); - is standard input")
	c.Flags().StringVar(&f.logLevel, "log-level", "off", "write a log to stderr: off, error, warn, info or debug")
}

func (p *program) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Start the node and open its page (the same as linnet alone)",
		Example: `  linnet run --no-browser --data /srv/linnet
  linnet run --listen /ip4/0.0.0.0/tcp/4040 --listen /ip4/0.0.0.0/udp/4040/quic-v1
  linnet run --tor 127.0.0.1:9050 --onion NAME.onion:4001`,
		Args: cobra.NoArgs,
		RunE: p.runNode,
	}
	p.run.add(c)
	return c
}

func (p *program) runNode(cmd *cobra.Command, _ []string) error {
	logger, err := newLogger(p.run.logLevel, p.errs)
	if err != nil {
		return err
	}
	o, err := p.run.options()
	if err != nil {
		return err
	}
	o.Data, o.JSON, o.Version, o.Out, o.Logger = p.data, p.json, versionOf(), p.out, logger
	o.NoBrowser, o.Passphrase = p.run.noBrowser, p.opener(p.run.secret, false)
	return desktop.Run(cmd.Context(), o)
}

// options are what the flags ask for.
func (f *runFlags) options() (desktop.Options, error) {
	bridge, err := f.bridge.options()
	return desktop.Options{
		UI: f.ui, Listen: f.listen, LANOnly: f.lanOnly, NoMDNS: f.noMDNS, Tor: f.tor, Onion: f.onion, Covert: f.covert, Bridge: bridge, Programs: f.programs,
	}, err
}

func newLogger(level string, w io.Writer) (*slog.Logger, error) {
	if level == "off" {
		return slog.New(slog.DiscardHandler), nil
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, misuse("there is no log level %q; use off, error, warn, info or debug", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}

// folder returns the data folder as an absolute path.
func (p *program) folder() (string, error) {
	if p.data != "" {
		return filepath.Abs(p.data)
	}
	return shell.DataFolder()
}

// connect returns a client of the node that runs on the data folder.
func (p *program) connect() (*client.Client, error) {
	dir, err := p.folder()
	if err != nil {
		return nil, err
	}
	if _, held, err := shell.Held(dir); err == nil && !held {
		return nil, p.notRunning() // its api.json, if there is one, is of a run that crashed
	}
	c, err := client.Discover(dir)
	if errors.Is(err, client.ErrNotRunning) {
		return nil, p.notRunning()
	}
	return c, err
}

// notRunning says that there is no node to talk to, and how to start one.
func (p *program) notRunning() error {
	f := &failure{Code: codeNotRunning, Title: "Linnet is not running"}
	f.Detail = "start it in another terminal with: " + desktop.Command("", p.data)
	dir, err := p.folder()
	if err != nil {
		return f
	}
	if pid, held, err := shell.Held(dir); err == nil && held {
		f.Title = "Linnet does not answer"
		f.Detail = fmt.Sprintf("process %d has %s open; if it is just starting or stopping, try again in a moment", pid, dir)
	}
	return f
}

// print writes v for programs or calls text for people.
func (p *program) print(v any, text func()) {
	if p.json {
		writeJSON(p.out, v)
		return
	}
	text()
}

// slowly tells the person on stderr what takes so long, if it takes more than a
// second, until the returned function is called.
func (p *program) slowly(text string) (done func()) {
	if p.json {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with done
		defer close(ended)
		timer := time.NewTimer(time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			fmt.Fprintln(p.errs, text)
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-ended }
}
