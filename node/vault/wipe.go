package vault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Wipe destroys the master key, whatever keeps it and even if it cannot be read, then
// deletes what Config names, and last the key file. It needs no passphrase. Whoever
// has the folder open closes it first. Once the key is destroyed there is no way back: after
// a crash, or after ErrUnfinished when something could not be deleted, the next Open goes on.
//
// Links are removed and never followed; what Config does not name stays. Deleted
// files leave traces on most disks: what was sealed is safe because its key is gone.
func Wipe(ctx context.Context, cfg Config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	d, err := openFolder(cfg.Dir, cfg.step)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	return d.wipe(ctx, cfg, nil)
}

// wipe destroys the key and then deletes; next becomes the key file, if there is one.
// That a wipe is under way stands in the key file itself, so destroying the key and
// saying so are one step.
func (d *folder) wipe(ctx context.Context, cfg Config, next []byte) error {
	f, _ := d.keyFile()
	mark := encodeWiping(f.id, next)
	err := d.replace(mark, true)
	if err != nil && !errors.Is(err, ErrLeftover) {
		err = d.inPlace(mark, err)
	}
	if err != nil && !errors.Is(err, ErrLeftover) {
		return err
	}
	if f, err = d.keyFile(); err != nil {
		return err
	}
	return d.finish(ctx, cfg, f)
}

// inPlace is for a disk that is full, a folder that takes no new files and a file
// system without links: the key is overwritten where it lies. A crash in here leaves a damaged file, and no key.
func (d *folder) inPlace(b []byte, cause error) error {
	if err := d.step("in place"); err != nil {
		return err
	}
	f, err := d.open(keyName, os.O_WRONLY)
	if err != nil {
		return cause
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Truncate(int64(len(b))), f.Sync(), f.Close()); err != nil {
		return errors.Join(cause, err)
	}
	return nil
}

// finish does what is left of a wipe once the key is gone.
func (d *folder) finish(ctx context.Context, cfg Config, f keyFile) error {
	if f.id != (secretID{}) {
		cfg.rings.forget(ctx, f.id) // tried once: without the file that it opened it is worth nothing
	}
	err := d.tidy()
	// What lies open goes first: the rest cannot be read any more.
	for _, name := range slices.Concat(cfg.Other, cfg.Sealed) {
		err = errors.Join(err, d.delete(name))
	}
	if err = errors.Join(err, d.sync()); err != nil {
		return fmt.Errorf("%w (%w)", ErrUnfinished, err)
	}
	if len(f.next) > 0 {
		return d.replace(f.next, false)
	}
	return d.remove(keyName)
}

// delete removes a file, a link or a folder with all that is in it.
func (d *folder) delete(name string) error {
	if err := d.step("delete " + name); err != nil {
		return err
	}
	return d.root.RemoveAll(name)
}
