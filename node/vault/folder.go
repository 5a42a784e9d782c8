package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

// Names in the data folder.
const (
	keyName = "key"
	newName = "key.new" // what becomes the key file, until it does
	oldName = "key.old" // what was the key file, until it is overwritten
)

// folder changes the key file on disk. All goes through an [os.Root], which no link leads out of.
type folder struct {
	root *os.Root
	step func(string) error // a test's: an error stops the work there, like a crash
}

func openFolder(dir string, step func(string) error) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("vault: open the data folder: %w", err)
	}
	if step == nil {
		step = func(string) error { return nil }
	}
	return &folder{root, step}, nil
}

func (d *folder) close() { d.root.Close() }

// keyFile reads the key file. fs.ErrNotExist where there is none.
func (d *folder) keyFile() (keyFile, error) {
	raw, err := d.read(keyName)
	if err != nil {
		return keyFile{}, err
	}
	return decode(raw, maxCost)
}

// read returns up to one byte more than a key file can have.
func (d *folder) read(name string) ([]byte, error) {
	f, err := d.open(name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("vault: read the file %s: %w", name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("vault: read the file %s: %w", name, err)
	}
	return b, nil
}

var errNoFile = errors.New("it is a link or a folder, and must be an ordinary file")

// open opens an ordinary file, and what is none not at all: neither a link is
// followed nor a pipe waited for.
func (d *folder) open(name string, flag int) (*os.File, error) {
	before, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := d.root.OpenFile(name, flag, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = errNoFile
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// replace puts b in the place of the key file at once: after a crash there is the
// old file or the new one, whole. The old one keeps a second name until the new one is on
// disk for good, and is overwritten only then; a crash in between leaves that to tidy.
// After ErrLeftover the new file holds and the old one is not destroyed. Where a file
// system has no links the old bytes are not overwritten, unless sure asks for them: then that is an error
// and nothing is replaced.
func (d *folder) replace(b []byte, sure bool) error {
	if err := d.tidy(); err != nil {
		return err
	}
	err := d.write(b)
	if err == nil {
		err = d.keep(sure)
	}
	if err != nil {
		return fmt.Errorf("vault: write the file that unlocks your data: %w", errors.Join(err, d.tidy()))
	}
	if err := d.swap(); err != nil {
		return fmt.Errorf("vault: replace the file that unlocks your data: %w", err)
	}
	if err := d.tidy(); err != nil {
		return fmt.Errorf("%w (%w)", ErrLeftover, err)
	}
	return nil
}

// write makes key.new with b in it, synced.
func (d *folder) write(b []byte) error {
	if err := d.step("write"); err != nil {
		return err
	}
	f, err := d.root.OpenFile(newName, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// keep gives the key file, if there is one yet, its second name.
func (d *folder) keep(sure bool) error {
	if err := d.step("link"); err != nil {
		return err
	}
	if err := d.root.Link(keyName, oldName); sure && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// swap makes key.new the key, on disk for good when it returns.
func (d *folder) swap() error {
	if err := d.step("rename"); err != nil {
		return err
	}
	if err := d.root.Rename(newName, keyName); err != nil {
		return errors.Join(err, d.tidy())
	}
	return d.settle()
}

// settle makes sure that the key file has its name for good.
func (d *folder) settle() error {
	if err := d.step("sync"); err != nil {
		return err
	}
	// Windows cannot sync a folder, but a file that was renamed syncs its name.
	f, err := d.open(keyName, os.O_RDWR)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return d.sync()
}

func (d *folder) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := d.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// tidy removes what an unfinished replacement left. What was the key file is
// overwritten only if the key file itself is whole and another file: after a crash
// before the renaming the two names mean one file.
func (d *folder) tidy() error {
	if err := d.destroy(newName); err != nil {
		return err
	}
	old, err := d.read(oldName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil { // no ordinary file: not ours to overwrite
		return d.remove(oldName)
	}
	defer Clear(old)
	now, err := d.keyFile()
	if err != nil {
		return nil // it may be the only good one
	}
	if bytes.Equal(now.raw, old) {
		return d.remove(oldName)
	}
	if err := d.settle(); err != nil {
		return err
	}
	return d.destroy(oldName)
}

// destroy overwrites a file, if it is one that can be written to, and removes it.
func (d *folder) destroy(name string) error {
	f, err := d.open(name, os.O_WRONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err := d.step("overwrite " + name); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := errors.Join(overwrite(f), f.Close()); err != nil {
			return fmt.Errorf("vault: overwrite the file %s: %w", name, err)
		}
	}
	return d.remove(name)
}

// overwrite fills a file with random bytes, as far as a key file is long.
func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, min(info.Size(), maxKeyFile))
	rand.Read(b)
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	return f.Sync()
}

func (d *folder) remove(name string) error {
	if err := d.step("remove " + name); err != nil {
		return err
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("vault: remove the file %s: %w", name, err)
	}
	return d.sync()
}
