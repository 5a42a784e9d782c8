package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
)

// Two small files of a store are worth a second copy: without the keys of its tables
// nothing in them can be read, and without its format nobody knows how.
const copiesFolder = "copies"

// markFile says that the store is damaged beyond what Open puts right: nobody writes
// there any more, see OpenDamaged. It holds what was found.
const markFile = "damaged"

// marked returns what was found before, nil for nothing.
func marked(dir string) error {
	what, err := os.ReadFile(filepath.Join(dir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: found before: %.200q", ErrDamaged, what)
}

// mark has every later Open refuse the folder.
func mark(dir string, what error) error {
	return replaceFile(filepath.Join(dir, markFile), []byte(what.Error()))
}

// mendKeys puts the copy of the key registry in the place of one that is gone, cut or
// changed, and reports whether it did. The copy of one that is whole is made anew.
func mendKeys(dir string, key []byte) (mended bool, err error) {
	name := badger.KeyRegistryFileName
	own, second := filepath.Join(dir, name), filepath.Join(dir, copiesFolder, name)
	now, err := os.ReadFile(own)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return false, explain("read keys", err)
	}
	old, err := os.ReadFile(second)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, explain("read the copy of the keys", err)
	}
	ownErr := openKeys(dir, key)
	// It only ever grows: one that is shorter than its copy was cut.
	if !missing && ownErr == nil && len(now) >= len(old) {
		if bytes.Equal(now, old) {
			return false, nil
		}
		return false, keepCopy(second, now)
	}
	if len(old) == 0 || openKeys(filepath.Dir(second), key) != nil {
		if missing {
			return false, nil // a new folder, or checkFiles says that it is gone
		}
		return false, explain("open keys in "+dir, ownErr)
	}
	return true, replaceFile(own, old)
}

func openKeys(dir string, key []byte) error {
	keys, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil {
		return err
	}
	return keys.Close()
}

func keepCopy(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return explain("keep a copy", err)
	}
	return replaceFile(path, raw)
}

// replaceFile replaces a file as a whole: whoever reads sees the old or the new one, never half.
func replaceFile(path string, raw []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return explain("write "+filepath.Base(path), err)
	}
	defer os.Remove(tmp.Name()) // no-op after the rename
	_, err = tmp.Write(raw)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(dir)
	}
	return explain("write "+filepath.Base(path), err)
}

// dropBrokenLogs removes value logs whose beginning makes no sense. There is nothing in them:
// every value stays in the tree.
func dropBrokenLogs(dir string, key []byte) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.vlog"))
	if err != nil || len(logs) == 0 {
		return err
	}
	keys, err := badger.OpenKeyRegistry(badger.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil {
		return nil // said elsewhere
	}
	defer keys.Close()
	for _, path := range logs {
		ok, err := logBegins(path, keys)
		if err == nil && !ok {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// logBegins reports whether a log of Badger's begins with the number of a key (8), and
// whether it has anything behind its beginning (20 bytes) that should not be lost.
func logBegins(path string, keys *badger.KeyRegistry) (bool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	const begin = 20
	if len(raw) < begin || len(bytes.Trim(raw[begin:], "\x00")) > 0 {
		return len(raw) >= begin, nil
	}
	_, err = keys.DataKey(binary.BigEndian.Uint64(raw))
	return err == nil, nil
}
