package shell

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WritePrivate puts data at path as a whole or not at all, mode 0600 (on
// Windows the folder's access list holds). Whoever reads path sees the old
// content or the new one.
func WritePrivate(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("shell: write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("shell: write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
