package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) reach() *cobra.Command {
	c := &cobra.Command{
		Use:   "reach",
		Short: "Show how this node gets to others, and who can see that",
		Long: `Show in a sentence whom this node reaches and how, then each way: whether it works
on this network, since when, and why not. Below that: who can see that you use
Linnet, with the settings that hold now. Change them with: linnet reach set`,
		Example: "  linnet reach",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			r, err := client.Reach(cmd.Context())
			if err != nil {
				return err
			}
			p.print(r, func() { p.tellReach(r) })
			return nil
		},
	}
	c.AddCommand(p.reachSet())
	return c
}

// ways says in words what each way is.
var ways = map[string]string{
	api.WayLAN: "on this network", api.WayQUIC: "directly (QUIC)", api.WayTCP: "directly (TCP)", api.WayPunch: "directly, through both routers",
	api.WayRelay: "through a volunteer", api.WayVeil: "through a web site (bridge)", api.WayDrip: "through a web site, in small pieces (bridge)",
	api.WayPT: "through another program", api.WayTor: "through Tor", api.WayBundle: "by hand, as a file",
}

func wayInWords(way string) string {
	if words, ok := ways[way]; ok {
		return words
	}
	return line(way) // of a newer node
}

var wayStates = map[string]string{api.WayWorks: "works", api.WayFails: "does not work", api.WayUntried: "not tried", api.WayOff: "off"}

func (p *program) tellReach(r api.Reach) {
	fmt.Fprintf(p.out, "%s\n\n", line(r.Summary))
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "WAY\tHOW IT STANDS\tSINCE\tCONNECTED\tTRIES\tWHY")
	for _, x := range r.Ways {
		state, known := wayStates[x.State]
		if !known {
			state = line(x.State)
		}
		tries, connected := "", ""
		if x.Tried > 0 {
			tries = fmt.Sprintf("%d of %d", x.Worked, x.Tried)
		}
		if x.Peers > 0 {
			connected = fmt.Sprint(x.Peers)
		}
		fmt.Fprintln(w, strings.Join([]string{wayInWords(x.Name), state, day(x.Since), connected, tries, line(x.Why)}, "\t"))
	}
	_ = w.Flush() // to a terminal or a pipe that is gone
	fmt.Fprintf(p.out, "\nSettings: %s\n\nWho can see that you use Linnet:\n", settingsInWords(r))
	for _, s := range r.SeenBy {
		mark := "no"
		switch {
		case s.Sees:
			mark = "yes"
		case s.Hard:
			mark = "hard"
		}
		fmt.Fprintf(p.out, "  %-4s  %s\n", mark, line(s.Text))
	}
}

var modesInWords = map[string]string{
	api.ModeOpen: "every way", api.ModeLAN: "this network only", api.ModeTor: "Tor only", api.ModeCovert: "bridges only",
}

// settingsInWords says what is set, as far as it is not as it comes.
func settingsInWords(r api.Reach) string {
	s := r.Settings
	words := []string{modesInWords[s.Mode]}
	if words[0] == "" {
		words[0] = line(s.Mode) // of a newer node
	}
	for _, x := range []struct {
		on   bool
		text string
	}{
		{s.NoMDNS, "not announced on the local network"}, {s.NoDHT, "no public meeting places"}, {s.DataSaver, "data saver"},
		{s.SOCKS != "", "Tor at " + line(s.SOCKS)}, {s.Onion != "", "reached at " + line(s.Onion)}, {s.Look != "", "looks like " + line(s.Look)},
		{r.IsBridge, "this node is a bridge"},
	} {
		if x.on {
			words = append(words, x.text)
		}
	}
	text := strings.Join(words, ", ") + "."
	if len(r.Fixed) > 0 {
		text += " Given at the start: " + strings.Join(r.Fixed, ", ") + "."
	}
	return text
}

func (p *program) reachSet() *cobra.Command {
	var mode, tor, onion, look string
	var noMDNS, noDHT, dataSaver bool
	c := &cobra.Command{
		Use:   "set",
		Short: "Choose which ways this node may use",
		Long: `Choose which ways this node may use. It closes and opens again with that, which
takes a moment; nothing is lost. What is set stays until it is changed.

  open    every way, whichever works
  lan     this network only: nothing leaves it
  tor     Tor only: nothing leaves by another way, name look-ups included
  covert  bridges only: to whoever watches the line it looks like visits to a web site

Switch a thing off again with, for example, --no-dht=false.`,
		Example: `  linnet reach set --mode tor --tor 127.0.0.1:9050
  linnet reach set --no-dht --no-mdns
  linnet reach set --mode open`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var patch api.ReachPatch
			for _, x := range []struct {
				flag string
				from *string
				to   **string
			}{{"mode", &mode, &patch.Mode}, {"tor", &tor, &patch.SOCKS}, {"onion", &onion, &patch.Onion}, {"look", &look, &patch.Look}} {
				if cmd.Flags().Changed(x.flag) {
					*x.to = x.from
				}
			}
			for _, x := range []struct {
				flag string
				from *bool
				to   **bool
			}{{"no-mdns", &noMDNS, &patch.NoMDNS}, {"no-dht", &noDHT, &patch.NoDHT}, {"data-saver", &dataSaver, &patch.DataSaver}} {
				if cmd.Flags().Changed(x.flag) {
					*x.to = x.from
				}
			}
			if patch == (api.ReachPatch{}) {
				return misuse("say what to change: --mode, --no-mdns, --no-dht, --data-saver, --tor, --onion or --look")
			}
			if _, known := modesInWords[mode]; patch.Mode != nil && !known {
				return misuse("there is no mode %s; there are open, lan, tor and covert", quoted(mode))
			}
			client, err := p.connect()
			if err != nil {
				return err
			}
			done := p.slowly("Opening again with these settings …")
			r, err := client.SetReach(cmd.Context(), patch)
			done()
			if err != nil {
				return err
			}
			p.print(r, func() { fmt.Fprintf(p.out, "Set: %s\n%s\n", settingsInWords(r), line(r.Summary)) })
			return nil
		},
	}
	c.Flags().StringVar(&mode, "mode", "", "open, lan, tor or covert")
	c.Flags().BoolVar(&noMDNS, "no-mdns", false, "do not announce this node on the local network, nor look for others there")
	c.Flags().BoolVar(&noDHT, "no-dht", false, "do not use public meeting places")
	c.Flags().BoolVar(&dataSaver, "data-saver", false, "fewer connections, small pieces, seldom comparisons")
	c.Flags().StringVar(&tor, "tor", "", "host:port of Tor's SOCKS proxy; empty for none")
	c.Flags().StringVar(&onion, "onion", "", "name.onion:port at which an onion service leads to this node (with Tor only: to 127.0.0.1 and the same port, or to that of linnet run --listen); empty for none")
	c.Flags().StringVar(&look, "look", "", "which browser the connections to bridges look like, such as firefox; empty lets Linnet choose")
	return c
}
