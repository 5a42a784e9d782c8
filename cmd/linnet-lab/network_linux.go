package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// inside is set in the run that has a network of its own.
const inside = "LINNET_LAB_INSIDE"

// ownNetwork runs the program again in a fresh network namespace, where the
// loopback interface carries nothing else, and reports that this was done.
// Without root it measures where it is, and says so.
func ownNetwork(ctx context.Context) (done bool, err error) {
	if os.Getenv(inside) != "" {
		if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			return false, fmt.Errorf("bring loopback up: %w: %s", err, out)
		}
		return false, nil
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "not root: wire bytes are those of this computer's loopback, others' traffic included")
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return true, cmd.Run()
}
