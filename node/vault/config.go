package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// Config says which folder, and what in it is ours.
type Config struct {
	Dir string // the data folder, required; made where it is missing
	// Sealed are names in Dir whose contents only the key opens. While one is there, no new key is made.
	Sealed []string
	// Other are further names in Dir that a wipe deletes. What is in neither list is never touched.
	Other []string
	// Passphrase as it was typed: bytes of UTF-8, nothing trimmed or normalised, so that
	// an accented letter which another system composes otherwise is another one. Needed for
	// the form [Passphrase]; a new key is sealed under it. It stays the caller's, who clears it.
	Passphrase []byte

	cost  cost // zero: defaultCost
	rings rings
	step  func(string) error // called before each change on disk
}

// check refuses what would let a wipe reach beyond the names that were meant.
func (c Config) check() error {
	if c.Dir == "" {
		return errors.New("vault: Config.Dir is empty, name a data folder")
	}
	for _, name := range slices.Concat(c.Sealed, c.Other) {
		same := func(own string) bool { return strings.EqualFold(own, name) }
		if name == "." || !filepath.IsLocal(name) || strings.ContainsAny(name, `/\:`) || slices.ContainsFunc([]string{keyName, newName, oldName}, same) {
			return fmt.Errorf("vault: %q is not the name of something in the data folder", name)
		}
	}
	return nil
}

// Form is how the key file keeps the key.
type Form byte

// Forms of the key file. Those below 16 are numbers on disk.
const (
	None       Form = 0  // there is no key yet
	Passphrase Form = 1  // sealed under a passphrase
	Keyring    Form = 2  // sealed under a secret in the system's keyring
	Wiping     Form = 3  // a wipe is under way; the next Open completes it
	Plain      Form = 16 // the key as it is
)

// String is a word for logs.
func (f Form) String() string {
	switch f {
	case None:
		return "none"
	case Passphrase:
		return "passphrase"
	case Keyring:
		return "keyring"
	case Wiping:
		return "wiping"
	case Plain:
		return "plain"
	}
	return fmt.Sprintf("form %d", byte(f))
}

// Look tells how the key in dir is kept, so that a program knows whether to ask for
// a passphrase. It changes nothing. Errors: ErrDamaged, ErrNewer.
func Look(dir string) (Form, error) {
	d, err := openFolder(dir, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	defer d.close()
	f, err := d.keyFile()
	if errors.Is(err, fs.ErrNotExist) {
		return None, nil
	}
	return f.form, err
}
