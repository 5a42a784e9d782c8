package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"
)

// inside is set in the run that has a network of its own.
const inside = "LINNET_LAB_INSIDE"

// ownNetwork runs the program again in a fresh network namespace, where the
// loopback interface carries nothing else, and reports that this was done.
// Without the right to do so it measures where it is; where says which it was.
func ownNetwork(ctx context.Context) (done bool, where string, err error) {
	if os.Getenv(inside) != "" {
		return false, "a network namespace of its own", loopbackUp()
	}
	const shared = "this computer's loopback, where wire bytes include those of others: "
	if os.Geteuid() != 0 {
		return false, shared + "a network namespace needs root", nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, "", err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it removes its folders
	cmd.WaitDelay = 20 * time.Second
	if err := cmd.Start(); err != nil {
		return false, shared + err.Error(), nil
	}
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return true, "", &insideError{exit}
	}
	return true, "", err
}

// loopbackUp switches the loopback interface on, which a new namespace has off (netdevice(7)).
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	defer syscall.Close(fd)
	request := struct { // struct ifreq, 40 bytes
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("bring loopback up: %w", errno)
	}
	return nil
}

// tie ends cmd with this process, should it be killed before it can do so itself.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
