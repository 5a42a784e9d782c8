package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop/api"
)

func (p *program) name() *cobra.Command {
	return &cobra.Command{
		Use:     "name [NAME]",
		Short:   "Show or set the name under which others see you",
		Long:    "Show or set the name under which others see you. They hear of it with the next message that you write.",
		Example: `  linnet name "Anna B."`,
		Args:    words(0, 1, "give one name, in quotes if it has spaces"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			var me api.Me
			if len(args) == 0 {
				me, err = client.Me(cmd.Context())
			} else {
				me, err = client.SetMe(cmd.Context(), api.MePatch{Name: args[0]})
			}
			if err != nil {
				return err
			}
			p.print(me, func() {
				if me.Name == "" {
					fmt.Fprintln(p.out, "You have no name yet. Set one with: linnet name NAME")
					return
				}
				fmt.Fprintln(p.out, line(me.Name))
			})
			return nil
		},
	}
}
