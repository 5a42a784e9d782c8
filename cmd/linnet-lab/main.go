// Command linnet-lab measures Linnet, beside a floor and in one run, so that the
// ratio counts and not the machine.
//
//	go run ./cmd/linnet-lab live
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(rootContext(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "linnet-lab",
		Short:         "Measure Linnet beside raw gossipsub, in one run",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(liveCommand(), workerCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "linnet-lab:", err)
		os.Exit(1)
	}
}
