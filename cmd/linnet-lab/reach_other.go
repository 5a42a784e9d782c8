//go:build !linux

package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func reachCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reach",
		Short: "Put the real program on both sides of a router that blocks things (on Linux only)",
		RunE: func(*cobra.Command, []string) error {
			return errors.New("reach: network namespaces are of Linux only")
		},
	}
}
