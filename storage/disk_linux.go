package storage

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncsMappedFiles: on Linux all views of a file are one page cache.
const syncsMappedFiles = true

func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
