package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// lastFile says, while a store is open and after a crash, up to which transaction the log was synced: version (8) and
// CRC-32C of that (4). Badger reads a log up to what it cannot read, and takes that for its end, as it is after a crash;
// only with this it is seen that the log was damaged, and that what was promised to be there is not. It is written behind
// the sync and not synced itself: it may be older than the truth, never newer.
const lastFile = "last"

var lastTable = crc32.MakeTable(crc32.Castagnoli)

// last is the file; nil where it could not be made, which costs no more than that check.
type last struct{ f *os.File }

func (l *last) open(dir string) (err error) {
	l.f, err = os.OpenFile(filepath.Join(dir, lastFile), os.O_RDWR|os.O_CREATE, 0o600)
	return explain("open "+lastFile, err)
}

// note notes that all up to a version is on disk.
func (l *last) note(version uint64) error {
	if l.f == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 12), version)
	_, err := l.f.WriteAt(binary.BigEndian.AppendUint32(b, crc32.Checksum(b, lastTable)), 0)
	return explain("write "+lastFile, err)
}

// close removes the file: a store that was closed has no log.
func (l *last) close(dir string) error {
	if l.f == nil {
		return nil
	}
	err := errors.Join(l.f.Close(), os.Remove(filepath.Join(dir, lastFile)))
	l.f = nil
	return explain("close "+lastFile, err)
}

// leave closes the file and leaves it.
func (l *last) leave() error {
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}

// checkLast reports as damage that a store ends before what was synced.
func checkLast(dir string, have uint64) error {
	b, err := os.ReadFile(filepath.Join(dir, lastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return explain("read "+lastFile, err)
	}
	if len(b) != 12 || crc32.Checksum(b[:8], lastTable) != binary.BigEndian.Uint32(b[8:]) {
		return nil // a crash while it was written, or damaged itself: it holds nothing else
	}
	if want := binary.BigEndian.Uint64(b); have < want {
		return fmt.Errorf("%w: the log of the last changes ends at %d, %d was on disk", ErrDamaged, have, want)
	}
	return nil
}
