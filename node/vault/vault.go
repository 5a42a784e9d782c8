// Package vault keeps what opens a data folder: the master key in the file `key`,
// as it is or sealed, and the backup file (PROTOCOL.md §10).
//
// It knows files, passphrases and keys. It refuses to know what the key opens and
// what a backup holds: topics, records and the store are the caller's. Its main
// type is [Vault], which the root package opens before the store; [NewBackup] and
// [OpenBackup] stand beside it.
//
//	v, err := vault.Open(ctx, vault.Config{Dir: dir, Sealed: []string{"store"}, Passphrase: typed})
//	defer v.Close()
//	key := v.Key()
//	defer vault.Clear(key)
//	err = v.SetPassphrase(ctx, typed, decoy) // from whatever it was, in one replacement
//
// # What memory gives away
//
// Keys are slices that [Clear] fills with zeros, and this package clears its own.
// That shortens the time in which a copy of the memory holds them and is no more:
// Go keeps copies that nobody can reach (in ciphers, in argon2's working memory, in
// strings), the system may write memory to its swap file or a hibernation image, and
// while a node runs its key is in memory by necessity.
//
// # What a disk gives away
//
// When the key file is replaced, the old file is overwritten with random bytes before
// it is removed, which helps on magnetic disks with an ordinary file system. Flash
// storage (every SSD, stick and phone) writes elsewhere and keeps the old cells until
// it likes; file systems that copy on write, snapshots, backups and journals keep old
// blocks too; and on file systems without hard links (FAT) only a wipe overwrites.
// Who gets hold of such remains and knows the passphrase of that time, or finds the
// key as it lay there before there was one, has the master key. Only a passphrase that
// is given to the first Open leaves no open key behind.
//
// # What a decoy hides
//
// The key file is the same size and looks as random whether a decoy was set or not,
// and after it was typed it is an ordinary key file again. It hides nothing from somebody who copied
// the disk before, and it does not explain why the folder is new.
package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// KeySize is the length of a master key.
const KeySize = 32

// Vault is the opened key of one data folder. Its methods are safe for concurrent use.
type Vault struct {
	cfg   Config
	wiped bool

	mu   sync.Mutex
	file keyFile // as it lies on disk
	key  []byte  // nil when closed
}

// Open reads the key, or makes one where there is neither a key nor anything in
// Config.Sealed: sealed from its first moment if there is a passphrase, else plain.
// What an earlier crash left is put right first: an unfinished replacement is
// dropped, an unfinished wipe completed. One try of a passphrase costs one argon2;
// a keyring gets 15 seconds to answer. ctx bounds the keyring only.
//
// The decoy passphrase destroys the master key and deletes Config.Sealed and
// Config.Other; then Open returns, as always, a vault: with a new key, under that
// passphrase. See [Vault.Wiped].
//
// Errors: ErrLocked, ErrPassphrase, ErrDamaged, ErrNewer, ErrMissing, ErrKeyring, ErrSecret, ErrUnfinished.
func Open(ctx context.Context, cfg Config) (*Vault, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("vault: make the data folder: %w", err)
	}
	d, err := openFolder(cfg.Dir, cfg.step)
	if err != nil {
		return nil, err
	}
	defer d.close()
	passphrase := cfg.Passphrase
	cfg.Passphrase = nil
	v := &Vault{cfg: cfg}
	f, err := d.keyFile()
	if err == nil {
		err = d.tidy()
	}
	if err == nil && f.form == Wiping {
		v.wiped = true
		if err := d.finish(ctx, cfg, f); err != nil {
			return nil, err
		}
		f, err = d.keyFile()
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err := v.create(d, passphrase); err != nil {
			return nil, err
		}
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	v.file = f
	if err := v.unlock(ctx, d, passphrase); err != nil {
		return nil, err
	}
	return v, nil
}

// unlock gets the key out of v.file.
func (v *Vault) unlock(ctx context.Context, d *folder, passphrase []byte) error {
	f := v.file
	switch f.form {
	case Plain:
		v.key = slices.Clone(f.plain)
		return nil
	case Keyring:
		secret, err := v.cfg.rings.get(ctx, f.id)
		if err != nil {
			return err
		}
		defer Clear(secret)
		v.key = openSlot(secret, f.head, 0, f.slots[0])
		if v.key == nil {
			return ErrSecret
		}
		return nil
	}
	if len(passphrase) == 0 {
		return ErrLocked
	}
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	derived := derive(passphrase, f.salt, f.cost)
	defer Clear(derived)
	key, decoy := openSlot(derived, f.head, 0, f.slots[0]), openSlot(derived, f.head, 1, f.slots[1])
	if key == nil && decoy == nil {
		return ErrPassphrase
	}
	if key != nil {
		v.key = key
		return nil
	}
	return v.startOver(ctx, d, derived)
}

// startOver does what the decoy passphrase is for: a new key takes the place of the
// master key, sealed under the decoy as under any passphrase, and the rest goes.
// The salt stays, so that no second argon2 makes this slower than an ordinary opening.
func (v *Vault) startOver(ctx context.Context, d *folder, derived []byte) error {
	key := make([]byte, KeySize)
	rand.Read(key)
	next := sealAgain(v.file, derived, key, rand.Reader)
	if err := d.wipe(ctx, v.cfg, next); err != nil {
		return err
	}
	f, err := decode(next, maxCost)
	if err != nil {
		return err
	}
	v.file, v.key, v.wiped = f, key, true
	return nil
}

// create makes the first key.
func (v *Vault) create(d *folder, passphrase []byte) error {
	for _, name := range v.cfg.Sealed {
		if _, err := d.root.Lstat(name); err == nil {
			return fmt.Errorf("%w (%s)", ErrMissing, filepath.Join(v.cfg.Dir, keyName))
		}
	}
	if err := d.tidy(); err != nil {
		return err
	}
	key := make([]byte, KeySize)
	rand.Read(key)
	raw := slices.Clone(key)
	if len(passphrase) > 0 {
		if err := checkPassphrase(passphrase); err != nil {
			return err
		}
		raw = sealPassphrase(key, passphrase, nil, v.cfg.cost.orDefault(), rand.Reader)
	}
	if err := d.replace(raw, false); err != nil {
		return err
	}
	f, err := decode(raw, maxCost)
	v.file, v.key = f, key
	return err
}

// Key returns a copy of the master key, 32 bytes that are the caller's to clear; nil after Close.
func (v *Vault) Key() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.key)
}

// Form tells how the key is kept now.
func (v *Vault) Form() Form {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.file.form
}

// Wiped tells that this Open completed a wipe, because the decoy passphrase was
// typed or an earlier one was cut short: the folder is empty and the key is new.
// The program goes on as at its first start and says nothing of it.
func (v *Vault) Wiped() bool { return v.wiped }

// Check compares a passphrase with the one that the key is sealed under, for a
// program that asks once more before it changes something. The decoy is wrong here
// and destroys nothing. nil where no passphrase is set; costs one argon2.
func (v *Vault) Check(passphrase []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.key == nil {
		return ErrClosed
	}
	if v.file.form != Passphrase {
		return nil
	}
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	derived := derive(passphrase, v.file.salt, v.file.cost)
	defer Clear(derived)
	key := openSlot(derived, v.file.head, 0, v.file.slots[0])
	defer Clear(key)
	if !bytes.Equal(key, v.key) {
		return ErrPassphrase
	}
	return nil
}

// SetPassphrase seals the key under a passphrase, whatever kept it before. With a
// decoy, which must be another one, typing that destroys the key; nil sets none. A
// decoy of before is gone: nobody can see whether there was one, so a program asks
// for both each time. Costs one argon2, with a decoy two. Errors: ErrPassphraseForm, ErrSame, ErrChanged, ErrLeftover.
func (v *Vault) SetPassphrase(ctx context.Context, passphrase, decoy []byte) error {
	if err := checkPassphrase(passphrase); err != nil {
		return err
	}
	if decoy != nil {
		if err := checkPassphrase(decoy); err != nil {
			return err
		}
	}
	if bytes.Equal(passphrase, decoy) {
		return ErrSame
	}
	return v.change(ctx, func() ([]byte, error) {
		return sealPassphrase(v.key, passphrase, decoy, v.cfg.cost.orDefault(), rand.Reader), nil
	})
}

// SetKeyring seals the key under a new secret that the system's keyring keeps: for
// the same person on the same computer it opens by itself. A folder that is carried elsewhere
// does not open there. Errors: ErrKeyring, ErrChanged, ErrLeftover.
func (v *Vault) SetKeyring(ctx context.Context) error {
	var id secretID
	rand.Read(id[:])
	err := v.change(ctx, func() ([]byte, error) {
		secret, err := v.cfg.rings.make(ctx, id)
		if err != nil {
			return nil, err
		}
		defer Clear(secret)
		return sealKeyring(v.key, id, secret, rand.Reader), nil
	})
	if err != nil && !v.uses(id) {
		v.cfg.rings.forget(ctx, id)
	}
	return err
}

// uses tells whether the key file may need a secret: an error can come after the replacement, too.
func (v *Vault) uses(id secretID) bool {
	d, err := openFolder(v.cfg.Dir, nil)
	if err != nil {
		return true
	}
	defer d.close()
	f, err := d.keyFile()
	return err != nil || f.id == id
}

// SetPlain takes all protection away. Errors: ErrChanged, ErrLeftover.
func (v *Vault) SetPlain(ctx context.Context) error {
	return v.change(ctx, func() ([]byte, error) { return slices.Clone(v.key), nil })
}

// change replaces the key file by what make returns, and forgets the old secret of
// the keyring: tried once, since without the old file it opens nothing.
func (v *Vault) change(ctx context.Context, make func() ([]byte, error)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.key == nil {
		return ErrClosed
	}
	d, err := openFolder(v.cfg.Dir, v.cfg.step)
	if err != nil {
		return err
	}
	defer d.close()
	raw, err := make()
	if err != nil {
		return err
	}
	// A wipe or another process may have been here since: its word stands.
	if now, err := d.read(keyName); err != nil || !bytes.Equal(now, v.file.raw) {
		return ErrChanged
	}
	f, err := decode(raw, maxCost)
	if err != nil {
		return err
	}
	err = d.replace(raw, false)
	if err != nil && !errors.Is(err, ErrLeftover) {
		return err
	}
	old := v.file
	v.file = f
	Clear(old.plain)
	if old.form == Keyring {
		v.cfg.rings.forget(ctx, old.id)
	}
	return err
}

// Close clears the key. Calling it again does nothing.
func (v *Vault) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	Clear(v.key)
	Clear(v.file.plain)
	v.key = nil
	return nil
}
