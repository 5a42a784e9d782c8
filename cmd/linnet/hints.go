package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) hints() *cobra.Command {
	return &cobra.Command{
		Use:   "hints [receipts|typing|presence on|off]",
		Short: "Show or set what the other one of a conversation sees of you",
		Long: `Show or set what the other one of a conversation of two sees of you while you are
connected: up to where you have read, that you are typing, that you are here. All
are off until you switch them on, and you see of others only what you show.`,
		Example: "  linnet hints receipts on",
		Args:    words(0, 2, "give nothing, or one of receipts, typing and presence with on or off"),
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := hintsOf(args)
			if err != nil {
				return err
			}
			client, err := p.connect()
			if err != nil {
				return err
			}
			h, err := client.Hints(cmd.Context())
			if err == nil && len(args) > 0 {
				h, err = client.SetHints(cmd.Context(), change)
			}
			if err != nil {
				return err
			}
			p.print(h, func() {
				for _, x := range []struct {
					name string
					on   *bool
				}{{"receipts", h.Receipts}, {"typing", h.Typing}, {"presence", h.Presence}} {
					fmt.Fprintf(p.out, "%-9s %s\n", x.name, map[bool]string{true: "on", false: "off"}[x.on != nil && *x.on])
				}
			})
			return nil
		},
	}
}

// hintsOf reads what a person wants to change.
func hintsOf(args []string) (h api.Hints, err error) {
	if len(args) == 0 {
		return h, nil
	}
	on := len(args) == 2 && args[1] == "on"
	if !on && (len(args) != 2 || args[1] != "off") {
		return h, misuse("say on or off: linnet hints %s on", args[0])
	}
	switch args[0] {
	case "receipts":
		h.Receipts = &on
	case "typing":
		h.Typing = &on
	case "presence":
		h.Presence = &on
	default:
		return h, misuse("there is no %q; there are receipts, typing and presence", args[0])
	}
	return h, nil
}
