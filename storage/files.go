package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// errList says that it is the list of tables which is damaged. errLeft says that it may be, or that
// there was a crash before the first table was listed.
var (
	errList = errors.New("storage: the list of tables")
	errLeft = errors.New("storage: tables that are not listed")
)

// checkFiles looks whether the files that belong together are there, before Badger
// opens them. Badger would take a folder without its list of tables for a new one, and
// delete the tables; it would panic in a goroutine of its own on a table that was cut, or without the file of
// keys. It reads a few bytes of each table. It must be called while nobody has the folder open.
func checkFiles(dir string) error {
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	m, whole, err := readList(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(tables)+len(logs) == 0:
		return nil // a new folder
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", errList, damagedFile(badger.ManifestFilename, "is gone"))
	case err != nil:
		return fmt.Errorf("%w: %w", errList, damagedFile(badger.ManifestFilename, "cannot be read"))
	}
	// Tables that are not listed are left by a crash, and then a log beside them holds the
	// same, or the tables do of which they were made. A list that does not end where an entry
	// does may have been cut anywhere.
	if whole && len(m.Tables) == 0 && len(tables) > 0 && len(logs) > 0 {
		return errLeft
	}
	if !whole || len(m.Tables) == 0 && len(tables) > 0 {
		return fmt.Errorf("%w: %w", errList, damagedFile(badger.ManifestFilename, "was cut"))
	}
	for id, t := range m.Tables {
		if t.KeyID == 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, badger.KeyRegistryFileName)); errors.Is(err, fs.ErrNotExist) {
			return damagedFile(badger.KeyRegistryFileName, "is gone")
		}
		if err := checkFooter(table.NewFilename(id, dir)); err != nil {
			return err
		}
	}
	return nil
}

func damagedFile(name, what string) error {
	return fmt.Errorf("%w: the file %s %s", ErrDamaged, name, what)
}

// readList reads the list of tables; whole tells whether it ends where an entry does.
func readList(dir string) (m badger.Manifest, whole bool, err error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return m, false, err
	}
	m, end, err := badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir))
	return m, end == info.Size(), err
}

// maxChecksum bounds the bytes of a table's checksum, which are about ten.
const maxChecksum = 64

// checkFooter looks whether the end of a table is one: index, its length (4), its
// checksum, the length of that (4).
func checkFooter(path string) error {
	name := filepath.Base(path)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return damagedFile(name, "is gone")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	left := info.Size()
	length := func(most int64) bool {
		var b [4]byte
		left -= 4
		if left < 0 {
			return false
		}
		if _, err := f.ReadAt(b[:], left); err != nil {
			return false
		}
		n := int64(binary.BigEndian.Uint32(b[:]))
		left -= n
		return n <= most && left >= 0
	}
	if !length(maxChecksum) || !length(info.Size()) {
		return damagedFile(name, "was cut")
	}
	return nil
}
