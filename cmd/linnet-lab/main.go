// Command linnet-lab measures Linnet, beside a floor and in one run, so that the
// ratio counts and not the machine.
//
//	go run ./cmd/linnet-lab live
//	go run ./cmd/linnet-lab live --n 8 --rounds 5 --only live --verbose
//	go run ./cmd/linnet-lab history
//	go run ./cmd/linnet-lab seal
//	go run ./cmd/linnet-lab reach --short
//
// For live and history it is a coordinator that runs itself again as worker
// processes, one for each node, and talks to them in lines of JSON; those measure on
// Linux only. What seal measures needs one process and no network.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx)
	stop()
	os.Exit(code)
}

// execute runs the command line of the process and returns its exit code.
func execute(ctx context.Context) int {
	root := &cobra.Command{
		Use:           "linnet-lab",
		Short:         "Measure Linnet beside a floor, in one run",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(liveCommand(), historyCommand(), sealCommand(), reachCommand(), workerCommand(), keeperCommand(), liarCommand())
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if inner := (*insideError)(nil); !errors.As(err, &inner) { // that one has spoken already
		fmt.Fprintln(os.Stderr, "linnet-lab:", err)
	}
	return 1
}

// insideError is the failure of the run in the network namespace, which told why itself.
type insideError struct{ err *exec.ExitError }

func (e *insideError) Error() string { return e.err.Error() }
