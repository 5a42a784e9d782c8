package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linnet-im/linnet/desktop"
)

func (p *program) open() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Open the page of the node that runs",
		Long: `Open the page in the browser. Where no browser can be opened, it says where the
page is and gives a code to type there.`,
		Example: "  linnet open",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect()
			if err != nil {
				return err
			}
			dir, err := p.folder()
			if err != nil {
				return err
			}
			shown, err := desktop.Show(cmd.Context(), c, dir)
			if err != nil {
				return err
			}
			p.print(shown, func() { fmt.Fprint(p.out, shown) })
			return nil
		},
	}
}
