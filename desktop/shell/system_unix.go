//go:build unix

package shell

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// FreeBytes returns how much this person can still write to the disk that holds dir.
func FreeBytes(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// PortInUse tells whether err means that a port is taken.
func PortInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// DiskFull tells whether err means that there is no room left.
func DiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
