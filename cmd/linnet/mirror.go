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
followers, and checks it without trusting them.

With --bridge it is also a bridge: a web site to everybody, and for who has one of
its links the way to this node where everything else is blocked. At its first start
it makes a link and prints it; more are made with: linnet bridge link NAME
It then also keeps and serves, within quotas, what those who come through follow and
nobody else whom they reach has.

Those who come through a bridge look like one of the browsers that are in their
programs. Where that has become a way to find them, --bridge-looks names a file with
other ones, of which they are told when they next come through:

  {"profiles": [{"look": "firefox", "hello": "firefox-149", "agent": "Mozilla/5.0 …",
                 "header": [["Accept", "*/*"], ["Accept-Language", "en-US,en;q=0.5"]]}]}

In the place of "hello" there may be "capture", the TLS ClientHello of such a browser as
it was on the wire, in base64, and with it "shuffle": true where that browser changes the
order of its extensions each time, as Chrome does. PROTOCOL.md §20.3 has the rest.`,
		Example: `  linnet mirror linnet:AbCdEf… --data /srv/linnet
  linnet mirror --bridge 0.0.0.0:443 --bridge-address 192.0.2.1:443
  linnet mirror --bridge 0.0.0.0:443 --bridge-looks browsers.json
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
			o, err := f.options()
			if err != nil {
				return err
			}
			o.Data, o.JSON, o.Version, o.Out, o.Logger = p.data, p.json, versionOf(), p.out, logger
			o.NoBrowser, o.Mirror, o.Passphrase = true, links, p.opener(f.secret, true)
			return desktop.Run(cmd.Context(), o)
		},
	}
	f.add(c)
	if err := c.Flags().MarkHidden("no-browser"); err != nil {
		panic(err) // it is one of ours
	}
	return c
}
