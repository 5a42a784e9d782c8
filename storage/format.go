package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// formatVersion is what this program writes: the table in doc.go. Format 1 had no block rows (0a), and a program that
// knows only it would leave them behind its records. A store of format 1 is opened as it is and marked as 2; the rows of
// a lane are made when it is first used, see mend.
const formatVersion = 2

const formatFile = "format"

type format struct {
	Format int    `json:"format"`
	About  string `json:"about,omitempty"`
}

const formatAbout = "Linnet message store. Do not edit or remove anything here."

// checkFormat reads the folder's format file, or makes it in a folder that has no database yet.
func checkFormat(dir string) (have int, err error) {
	path := filepath.Join(dir, formatFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "MANIFEST")); err == nil {
			return 0, fmt.Errorf("%w: %s holds a database but no file %q", ErrDamaged, dir, formatFile)
		}
		return formatVersion, writeFormat(dir, format{Format: formatVersion, About: formatAbout})
	}
	if err != nil {
		return 0, explain("read format", err)
	}
	f, err := parseFormat(raw)
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if f.Format > formatVersion {
		return 0, &FormatError{Have: f.Format, Want: formatVersion}
	}
	return f.Format, nil
}

// raiseFormat marks a folder of an older format as one of this, which it is from now on.
func raiseFormat(dir string, have int) error {
	if have == formatVersion {
		return nil
	}
	return writeFormat(dir, format{Format: formatVersion, About: formatAbout})
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
