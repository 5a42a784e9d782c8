package shell

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrLocked says that another program holds the folder.
var ErrLocked = errors.New("shell: the folder is in use")

// lockFile is the file in the data folder whose lock means "in use". It stays
// there for ever: removing it would let two programs lock two different files.
const lockFile = "lock"

// patience is how long Acquire goes on trying. [Held] takes the lock for a
// moment, and somebody who starts right then must not be turned away.
const patience = 100 * time.Millisecond

// Lock is the sign that this program, and no other, uses a folder. The system
// lets go of it when the process dies, however it dies.
type Lock struct{ file *os.File }

// Acquire locks dir, which must exist, and leaves this process's id in the lock
// file for people who wonder. It blocks for 100 ms at most. The error matches
// ErrLocked if another program, or another Lock of this one, has it.
func Acquire(dir string) (*Lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("shell: open the lock of %s: %w", dir, err)
	}
	deadline := time.Now().Add(patience)
	err = tryLock(f)
	for errors.Is(err, ErrLocked) && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
		err = tryLock(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("shell: lock %s: %w", dir, err), f.Close())
	}
	// The id is for people only: a lock without it is a lock all the same.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &Lock{file: f}, nil
}

// Release gives the folder free. Calling it again does nothing, nor does it on nil.
func (l *Lock) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return errors.Join(f.Truncate(0), f.Close())
}

// Held tells whether a program uses dir right now, and its process id, 0 when
// it left none. A folder that does not exist is not held.
func Held(dir string) (pid int, held bool, err error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("shell: look at the lock of %s: %w", dir, err)
	}
	defer f.Close() // lets go of the lock too
	text := make([]byte, 20)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = tryLock(f)
		if err == nil {
			return 0, false, nil
		}
		if !errors.Is(err, ErrLocked) {
			return 0, false, fmt.Errorf("shell: look at the lock of %s: %w", dir, err)
		}
		n, _ := f.ReadAt(text, 0) // a file that is shorter is no error
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text[:n])))
		// Without an id it may be another Held that has the lock for a moment.
		if pid > 0 || time.Now().After(deadline) {
			return pid, true, nil
		}
	}
}
