package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

func freeBytes(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}

func allocated(info fs.FileInfo) int64 { return info.Size() }

func isDiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// alone calls f if no other process has the folder open. Badger lets nobody else open its lock file meanwhile.
func alone(dir string, f func() error) error {
	lock, err := os.Open(filepath.Join(dir, "LOCK"))
	if errors.Is(err, fs.ErrNotExist) {
		return f()
	}
	if err != nil {
		return nil
	}
	defer lock.Close()
	return f()
}

// syncDir does nothing: Windows has no such call, and its rename is written through.
func syncDir(string) error { return nil }
