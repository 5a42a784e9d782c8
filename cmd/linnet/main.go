// Command linnet is the program: it runs the desktop node, and its commands talk
// to the node that runs. Flags, signals and exit codes live here, and nothing
// else: the app is the package desktop, the commands are clients of the local
// HTTP contract in desktop/api.
//
//	linnet                        # start the node, open the page
//	linnet topic create News      # from another terminal
//	echo hello | linnet post News
//
// Exit codes: 0 done, 1 failed, 2 wrong use, 3 no node running.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, release := untilSignal()
	code := execute(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	release()
	os.Exit(code)
}

// untilSignal returns a context that the first request to stop ends; a second
// one ends the program at once.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	released := make(chan struct{})
	go func() { // ends with release, or ends the program
		for n := 0; ; n++ {
			select {
			case <-signals:
				if n > 0 {
					os.Exit(exitFailed)
				}
				cancel()
			case <-released:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(released); cancel() }
}

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	p := &program{in: in, out: out, errs: errs}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if !p.started { // cobra's own: an unknown command or flag, a wrong number of words
		err = misuse("%s", err.Error())
	}
	return p.report(err, cmd, asksJSON(args))
}
