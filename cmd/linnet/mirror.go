package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
)

func (p *program) mirror() *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:   "mirror LINK…",
		Short: "Keep and serve topics, without a page",
		Long: `Follow the topics of these links, keep all of each, and serve them to whoever
follows them, until it is stopped. Topics of earlier runs on the same data folder
are kept and served too, so that a restart needs no link.

The link of a private topic that "linnet link" prints does for it: a mirror needs
no key, and cannot read what it keeps.

A follower who finds the author gone gets everything from mirrors and other
followers, and checks it without trusting them.`,
		Example: `  linnet mirror linnet:AbCdEf… --data /srv/linnet
  linnet mirror --data /srv/linnet --listen /ip4/0.0.0.0/tcp/4040 --listen /ip4/0.0.0.0/udp/4040/quic-v1`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			logger, err := newLogger(f.logLevel, p.errs)
			if err != nil {
				return err
			}
			links := []string{}
			for _, a := range args {
				links = append(links, strings.TrimSpace(a))
			}
			return desktop.Run(cmd.Context(), desktop.Options{
				Data: p.data, UI: f.ui, Listen: f.listen, LANOnly: f.lanOnly, NoMDNS: f.noMDNS, NoBrowser: true, Mirror: links,
				Passphrase: p.opener(f.secret, true), JSON: p.json, Version: versionOf(), Out: p.out, Logger: logger,
			})
		},
	}
	f.add(c)
	if err := c.Flags().MarkHidden("no-browser"); err != nil {
		panic(err) // it is one of ours
	}
	return c
}
