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
// One that is gone or cannot be read comes back from its copy, which is told.
func checkFormat(dir string) (have int, mended bool, err error) {
	path, second := filepath.Join(dir, formatFile), filepath.Join(dir, copiesFolder, formatFile)
	f, err := readFormat(path)
	if err != nil {
		var other error
		if f, other = readFormat(second); other == nil {
			mended = true
		} else if _, is := os.Stat(filepath.Join(dir, "MANIFEST")); errors.Is(err, fs.ErrNotExist) && is != nil {
			return formatVersion, false, writeFormat(dir, format{Format: formatVersion, About: formatAbout})
		} else {
			return 0, false, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
		}
	}
	if f.Format > formatVersion {
		return 0, false, &FormatError{Have: f.Format, Want: formatVersion}
	}
	if _, err := os.Stat(second); mended || err != nil {
		return f.Format, mended, writeFormat(dir, f)
	}
	return f.Format, false, nil
}

func readFormat(path string) (format, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return format{}, err
	}
	return parseFormat(raw)
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

// writeFormat replaces the file and its copy.
func writeFormat(dir string, f format) error {
	raw, err := json.Marshal(f)
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	return errors.Join(replaceFile(filepath.Join(dir, formatFile), raw), keepCopy(filepath.Join(dir, copiesFolder, formatFile), raw))
}
