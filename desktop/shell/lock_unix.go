//go:build unix

package shell

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the exclusive lock of f or returns ErrLocked at once. flock
// belongs to the open file, so that it also tells two Locks of one process apart.
func tryLock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}
