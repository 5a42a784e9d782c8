package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrNoFolder says that the system names no place for data of this person.
var ErrNoFolder = errors.New("shell: this system names no home folder, choose a data folder with --data")

// DataFolder returns where Linnet keeps its data when nobody chose a place. It
// makes nothing. The error is ErrNoFolder.
func DataFolder() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	dir := dataFolder(runtime.GOOS, home, os.Getenv)
	if dir == "" {
		return "", ErrNoFolder
	}
	return dir, nil
}

func dataFolder(system, home string, env func(string) string) string {
	switch system {
	case "windows":
		if local := env("LocalAppData"); local != "" {
			return filepath.Join(local, "Linnet")
		}
		return below(home, "AppData", "Local", "Linnet")
	case "darwin":
		return below(home, "Library", "Application Support", "Linnet")
	}
	// The XDG base directory specification: a relative path there is invalid, ignore it.
	if data := env("XDG_DATA_HOME"); filepath.IsAbs(data) {
		return filepath.Join(data, "linnet")
	}
	return below(home, ".local", "share", "linnet")
}

func below(home string, parts ...string) string {
	if home == "" {
		return ""
	}
	return filepath.Join(append([]string{home}, parts...)...)
}

// MakeFolder makes dir and the folders above it, for this person only, and
// makes sure that a file can be written there. A folder that exists keeps its
// mode. The error is the system's.
func MakeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".write-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// FolderBytes returns how much the files below dir hold. Files that vanish
// meanwhile do not count.
func FolderBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("shell: measure %s: %w", dir, err)
	}
	return sum, nil
}

// OpenToOthers returns the files and folders in dir, itself included, that
// other people on this computer may read or change. It looks at dir and the
// entries directly in it; a folder that is closed to others hides what is below.
// On Windows, which has no such modes, there are none.
func OpenToOthers(dir string) ([]string, error) {
	if runtime.GOOS == "windows" {
		return nil, nil
	}
	self, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	var open []string
	if self.Mode().Perm()&0o077 != 0 {
		open = append(open, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			open = append(open, filepath.Join(dir, e.Name()))
		}
	}
	return open, nil
}
