package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/cmd/linnet-lab/scenes"
)

func reachCommand() *cobra.Command {
	o := scenes.Options{}
	var roam, keep bool
	c := &cobra.Command{
		Use:   "reach",
		Short: "Put the real program on both sides of a router that blocks things, and see what arrives",
		Long: `Builds linnet and runs it in network namespaces with a router between them that
drops, freezes, polices or slows down packets, as censors are known to. For each
scenario: the time to the first post from a cold start that knows only a link, how
many of 60 posts arrived within a minute, which way carried them, and what the page
says. Then each way alone, where settings can force one. Exit code 1 when something
was missed.

Needs root and the commands ip, nft, iptables, tc and tcpdump; the scenario tornet
also Debian's tor, and fails where that is not there.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if roam {
				o.Scenarios = append(o.Scenarios, "roam")
			}
			o.Ways = !o.Short && len(o.Scenarios) == 0 || o.Ways
			if o.Folder, err = os.MkdirTemp("", "linnet-lab-"); err != nil {
				return err
			}
			if !keep {
				defer os.RemoveAll(o.Folder)
			} else {
				fmt.Fprintln(os.Stderr, "data and logs are in", o.Folder)
			}
			if o.Program == "" {
				o.Program = filepath.Join(o.Folder, "linnet")
				build := exec.CommandContext(cmd.Context(), "go", "build", "-o", o.Program, "./cmd/linnet")
				build.Stderr = os.Stderr
				if err := build.Run(); err != nil {
					return fmt.Errorf("build linnet: %w", err)
				}
			}
			o.Progress = func(s string) { fmt.Fprintln(os.Stderr, s) }
			report, err := scenes.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			fmt.Println(report)
			if !report.Met() {
				return errors.New("reach: something was missed, see above")
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.Scenarios, "scenario", nil, "only this scenario; may be repeated")
	f.BoolVar(&o.Short, "short", false, "the short form: fewer scenarios, and no table of ways")
	f.BoolVar(&o.Ways, "ways", false, "the table of ways too, where only some scenarios are asked for")
	f.BoolVar(&roam, "roam", false, "only the change of network in the middle of a talk and of a transfer")
	f.BoolVar(&keep, "keep", false, "keep data and logs, and say where")
	f.StringVar(&o.Program, "program", "", "a linnet that is built already")
	f.IntVar(&o.Parallel, "parallel", 0, "scenarios at once (default 4)")
	return c
}
