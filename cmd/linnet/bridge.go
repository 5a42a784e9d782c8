package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/client"
)

// bridgeFlags make a node a bridge.
type bridgeFlags struct {
	listen    string
	addresses []string
	site      string
	name      string
	cert, key string
	looks     string
	title     string
	contacts  bool
}

func (f *bridgeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.listen, "bridge", "", "be a bridge on this host:port, such as 0.0.0.0:443, for people whose network is blocked")
	c.Flags().StringArrayVar(&f.addresses, "bridge-address", nil, "IP:port at which others reach the bridge; may be repeated (default: what this computer finds out)")
	c.Flags().StringVar(&f.site, "bridge-site", "", "http:// or https:// URL of a web site that the bridge shows to everybody else (default: a page of its own)")
	c.Flags().StringVar(&f.name, "bridge-name", "", "name of that web site, as its certificate has it (default: made up)")
	c.Flags().StringVar(&f.cert, "bridge-cert", "", "file with the web site's own certificate, PEM (default: self-signed)")
	c.Flags().StringVar(&f.key, "bridge-key", "", "file with the key of that certificate, PEM")
	c.Flags().StringVar(&f.looks, "bridge-looks", "", "JSON file with the browsers that those who come through are to look like, see linnet mirror --help (default: those in their programs)")
	c.Flags().StringVar(&f.title, "bridge-title", "", "what links of the bridge call it, for those who get one (default: nothing)")
	c.Flags().BoolVar(&f.contacts, "bridge-contacts", false, "let your contacts in without a link: each is sent one of its own")
}

// options is the bridge that the flags ask for, nil for none.
func (f *bridgeFlags) options() (*desktop.Bridge, error) {
	switch {
	case f.listen == "" && (len(f.addresses) > 0 || f.site != "" || f.name != "" || f.cert != "" || f.key != "" || f.looks != "" || f.title != "" || f.contacts):
		return nil, misuse("say where the bridge listens: --bridge HOST:PORT")
	case (f.cert == "") != (f.key == ""):
		return nil, misuse("--bridge-cert and --bridge-key come together")
	case f.listen == "":
		return nil, nil
	}
	looks, err := readLooks(f.looks)
	if err != nil {
		return nil, err
	}
	return &desktop.Bridge{Listen: f.listen, Public: f.addresses, Name: f.name, Site: f.site, CertFile: f.cert, KeyFile: f.key, Looks: looks, Title: f.title, Contacts: f.contacts}, nil
}

// looksMost is more than a file of looks may have; what is in it the node checks.
const looksMost = 64 << 10

// readLooks reads the file that --bridge-looks names.
func readLooks(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, misuse("--bridge-looks: %v", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, looksMost))
	if err != nil {
		return nil, misuse("--bridge-looks: %v", err)
	}
	if len(b) == 0 {
		return nil, misuse("--bridge-looks: %s is empty", name)
	}
	return b, nil
}

func (p *program) bridge() *cobra.Command {
	c := &cobra.Command{
		Use:   "bridge",
		Short: "Use somebody's bridge; hand out links of your own",
		Long: `A bridge is somebody's node that looks like a web site. Where everything else is
blocked, who has a link of it gets through; who has none sees the site.

Of others: add, list, forget. Of a node that is a bridge itself, because it was
started with --bridge: link makes a link for somebody, links lists them, revoke
takes one back. A bridge link is a secret between you and one person.`,
		Example: "  linnet bridge list",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return misuse("say what to do: add, list or forget; or, of this bridge: link, links or revoke")
		},
	}
	c.AddCommand(p.bridgeAdd(), p.bridgeList(), p.bridgeForget(), p.bridgeLink(), p.bridgeLinks(), p.bridgeRevoke())
	return c
}

func (p *program) bridgeAdd() *cobra.Command {
	return &cobra.Command{
		Use:     "add LINK",
		Short:   "Let this node use a bridge, where other ways fail",
		Example: "  linnet bridge add linnet:Qw…",
		Args:    words(1, 1, "give one bridge link, all of it, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			b, err := client.AddBridge(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p.print(b, func() { fmt.Fprint(p.out, bridgeAdded(b, false)) })
			return nil
		},
	}
}

// describeBridge says what a bridge link leads to.
func describeBridge(l api.LinkPreview) string {
	name := "A bridge"
	if l.Name != "" {
		name = "The bridge " + quoted(l.Name)
	}
	return name + ": somebody's node that looks like a web site.\n"
}

// bridgeAdded says that a bridge may be used now.
func bridgeAdded(b api.Bridge, known bool) string {
	if known {
		return fmt.Sprintf("You have it already, as %s.\n", bridgeName(b))
	}
	return fmt.Sprintf("Added %s. Linnet uses it where other ways fail; whoever runs it sees your address.\nTo use nothing else: linnet reach set --mode covert\n", bridgeName(b))
}

// bridgeName is what a bridge is called, or the beginning of its id.
func bridgeName(b api.Bridge) string {
	if b.Name == "" {
		return lastOf(b.ID)
	}
	return quoted(b.Name)
}

// lastOf is the end of a peer id, which all begin alike.
func lastOf(id string) string {
	id = line(id)
	return id[max(0, len(id)-shortID):]
}

func (p *program) bridgeList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the bridges of others that this node may use",
		Example: "  linnet bridge list --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Bridges(cmd.Context())
			if err != nil {
				return err
			}
			p.print(list, func() {
				if len(list.Items) == 0 {
					fmt.Fprintln(p.out, "You have no bridges. Ask somebody you trust for a bridge link, then: linnet bridge add LINK")
					return
				}
				w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tADDED\tHOW IT STANDS")
				for _, b := range list.Items {
					how := "not connected"
					if b.Connected {
						how = "connected " + wayInWords(b.Way)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", lastOf(b.ID), line(b.Name), day(b.Added), how)
				}
				_ = w.Flush() // to a terminal or a pipe that is gone
			})
			return nil
		},
	}
}

func (p *program) bridgeForget() *cobra.Command {
	return &cobra.Command{
		Use:     "forget BRIDGE",
		Short:   "Give a bridge up",
		Long:    "Give a bridge up, by its name, its id or the end of its id.",
		Example: "  linnet bridge forget 'A friend'",
		Args:    words(1, 1, "name one bridge"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			b, err := findBridge(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			if err := client.ForgetBridge(cmd.Context(), b.ID); err != nil {
				return err
			}
			p.print(b, func() { fmt.Fprintf(p.out, "Forgot %s.\n", bridgeName(b)) })
			return nil
		},
	}
}

func findBridge(ctx context.Context, c *client.Client, word string) (api.Bridge, error) {
	list, err := c.Bridges(ctx)
	if err != nil {
		return api.Bridge{}, err
	}
	return pick("bridge", word, list.Items, func(b api.Bridge) (string, string) { return b.ID, b.Name })
}

// pick returns the one of a list that a word names: by its id, the end of that, or its name.
func pick[T any](what, word string, list []T, names func(T) (id, name string)) (found T, err error) {
	var fits []T
	f := &failure{Code: codeAmbiguous, Title: fmt.Sprintf("several fit %s", quoted(word)), Detail: "give the end of the id"}
	for _, x := range list {
		id, name := names(x)
		if id == word {
			return x, nil
		}
		if word != "" && name == word || len(word) >= shortestPrefix && strings.HasSuffix(id, word) {
			fits = append(fits, x)
			f.Candidates = append(f.Candidates, candidate{ID: id, Name: name})
		}
	}
	switch len(fits) {
	case 0:
		return found, &failure{Code: api.CodeNotFound, Title: fmt.Sprintf("there is no %s %s", what, quoted(word))}
	case 1:
		return fits[0], nil
	}
	return found, f
}

func (p *program) bridgeLink() *cobra.Command {
	return &cobra.Command{
		Use:   "link NAME",
		Short: "Make a link of this bridge for somebody",
		Long: `Make a link of this bridge for somebody, and print it. The name says for whom it
is; only this node sees it. Give each person a link of their own, by a way that
others do not read: so you can take one back without the others.`,
		Example: "  linnet bridge link Anna",
		Args:    words(1, 1, "say for whom it is, in one name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			pass, err := client.NewPass(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			p.print(pass, func() { fmt.Fprintln(p.out, line(pass.Link)) })
			return nil
		},
	}
}

func (p *program) bridgeLinks() *cobra.Command {
	return &cobra.Command{
		Use:     "links",
		Short:   "List the links of this bridge that were handed out",
		Example: "  linnet bridge links\n  linnet bridge links --json   # with the links themselves",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Passes(cmd.Context())
			if err != nil {
				return err
			}
			p.print(list, func() { p.tellPasses(list) })
			return nil
		},
	}
}

func (p *program) tellPasses(list api.PassList) {
	if !list.IsBridge {
		fmt.Fprintln(p.out, "This node is no bridge. On a computer that others can reach, start one with: linnet mirror --bridge 0.0.0.0:443")
	}
	if len(list.Items) == 0 {
		if list.IsBridge {
			fmt.Fprintln(p.out, "No links were handed out. Make one with: linnet bridge link NAME")
		}
		return
	}
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOR\tMADE\tLAST USED")
	for _, x := range list.Items {
		used := "never"
		if x.Used != "" {
			used = day(x.Used)
		}
		if x.Revoked {
			used = "taken back"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", lastOf(x.ID), line(x.Name), day(x.Created), used)
	}
	_ = w.Flush() // to a terminal or a pipe that is gone
}

func (p *program) bridgeRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke LINK",
		Short: "Take a link of this bridge back",
		Long: `Take a link of this bridge back, by its name, its id or the end of its id. Who
comes with it sees the web site from then on, and who is there with it is cut off.`,
		Example: "  linnet bridge revoke Anna",
		Args:    words(1, 1, "name one link of this bridge"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			list, err := client.Passes(cmd.Context())
			if err != nil {
				return err
			}
			var live []api.Pass
			for _, x := range list.Items {
				if !x.Revoked {
					live = append(live, x)
				}
			}
			pass, err := pick("bridge link", args[0], live, func(x api.Pass) (string, string) { return x.ID, x.Name })
			if err != nil {
				return err
			}
			if err := client.RevokePass(cmd.Context(), pass.ID); err != nil {
				return err
			}
			pass.Revoked, pass.Link = true, ""
			p.print(pass, func() { fmt.Fprintf(p.out, "Took back the link of %s.\n", quoted(pass.Name)) })
			return nil
		},
	}
}

// day is a time as lists show it, in the person's own zone.
func day(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}
