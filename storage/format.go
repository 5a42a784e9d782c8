package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// formatVersion is what this program writes. Format 1: the table in doc.go.
const formatVersion = 1

const formatFile = "format"

type format struct {
	Format int    `json:"format"`
	About  string `json:"about,omitempty"`
}

// checkFormat reads the folder's format file, or makes it in a folder that has no database yet.
func checkFormat(dir string) error {
	path := filepath.Join(dir, formatFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); err == nil {
			return fmt.Errorf("%w: %s holds a database but no file %q", ErrDamaged, dir, formatFile)
		}
		return writeFormat(dir, format{Format: formatVersion, About: "Linnet message store. Do not edit or remove anything here."})
	}
	if err != nil {
		return explain("read format", err)
	}
	f, err := parseFormat(raw)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if f.Format > formatVersion {
		return &FormatError{Have: f.Format, Want: formatVersion}
	}
	return nil
}

func parseFormat(raw []byte) (format, error) {
	var f format
	if err := json.Unmarshal(raw, &f); err != nil {
		return format{}, err
	}
	if f.Format < 1 {
		return format{}, fmt.Errorf("format %d", f.Format)
	}
	return f, nil
}

// writeFormat replaces the file as a whole: whoever reads sees the old or the new one, never half.
func writeFormat(dir string, f format) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, formatFile+".*.tmp")
	if err != nil {
		return explain("write format", err)
	}
	defer os.Remove(tmp.Name()) // no-op after the rename
	_, err = tmp.Write(append(raw, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, formatFile))
	}
	if err == nil {
		err = syncDir(dir)
	}
	return explain("write format", err)
}
