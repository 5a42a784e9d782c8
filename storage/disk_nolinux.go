//go:build !linux

package storage

import "os"

const syncsMappedFiles = false

func syncData(f *os.File) error { return f.Sync() }
