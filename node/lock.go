package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/linnet-im/linnet/node/vault"
	"github.com/linnet-im/linnet/storage"
)

// storeFolder, in the data folder, is the store: nothing in it is read without the key.
const storeFolder = "store"

// Protection is what a person needs to open a data folder.
type Protection uint8

// Protections. What has none is open to whoever has the folder.
const (
	Unprotected  Protection = 0
	ByPassphrase Protection = 1
	ByKeyring    Protection = 2 // the system's keyring, which opens with the person's session
)

// Look tells how a data folder is protected, so that a program knows whether to ask
// for a passphrase before Open. It changes nothing. A folder that is not there, or
// where a wipe is under way, counts as unprotected: Open completes the wipe, and may
// ask for a passphrase then (ErrLocked). The error matches ErrWrongKey or ErrNewerFormat.
func Look(dir string) (Protection, error) {
	form, err := vault.Look(dir)
	return protectionOf(form), explainVault(err)
}

func protectionOf(f vault.Form) Protection {
	switch f {
	case vault.Passphrase:
		return ByPassphrase
	case vault.Keyring:
		return ByKeyring
	}
	return Unprotected
}

// Wipe destroys the key of a data folder that no node has open, then deletes the
// store and the files that erase names (see Config.Erase). It needs no passphrase. Once
// the key is gone there is no way back; what could not be deleted the next Open deletes (ErrUnfinished).
func Wipe(ctx context.Context, dir string, erase []string) error {
	return explainVault(vault.Wipe(ctx, vaultConfig(Config{Dir: dir, Erase: erase})))
}

// CheckKeyring tells whether this system has a keyring that answers: nil or
// ErrKeyring. It takes up to 15 seconds, and may make the system ask for a password.
func CheckKeyring(ctx context.Context) error { return vault.CheckKeyring(ctx) }

// ClearSecret fills a passphrase with zeros.
func ClearSecret(b []byte) { vault.Clear(b) }

// WeakPassphrase tells that a passphrase is found soon by who has the disk: under
// 12 characters, or under 5 different ones. A false answer promises nothing.
func WeakPassphrase(p []byte) bool { return vault.Weak(p) }

func vaultConfig(cfg Config) vault.Config {
	return vault.Config{Dir: cfg.Dir, Sealed: []string{storeFolder, restoredFolder}, Other: append([]string{stagingFolder, spareFile, spareFile + newFile, damagedFolder}, cfg.Erase...), Passphrase: cfg.Passphrase}
}

// explainVault gives errors of the vault the names that callers of this package know.
func explainVault(err error) error {
	switch {
	case errors.Is(err, vault.ErrMissing), errors.Is(err, vault.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrWrongKey, err)
	case errors.Is(err, vault.ErrNewer):
		return fmt.Errorf("%w: %w", ErrNewerFormat, err)
	}
	return err
}

// openStore unlocks the folder and opens the store in it.
func (n *Node) openStore(ctx context.Context) (err error) {
	if n.vault = n.cfg.vault; n.vault == nil {
		if n.vault, err = vault.Open(ctx, vaultConfig(n.cfg)); err != nil {
			return explainVault(err)
		}
	}
	n.cfg.Passphrase, n.cfg.vault = nil, nil
	if err := errors.Join(takeRestored(n.cfg.Dir), dropDamaged(n.cfg.Dir)); err != nil {
		return err
	}
	key := n.vault.Key()
	defer vault.Clear(key)
	n.store, err = storage.Open(ctx, storage.Options{Dir: filepath.Join(n.cfg.Dir, storeFolder), Key: key, Logger: n.log})
	if errors.Is(err, storage.ErrLocked) {
		return fmt.Errorf("%w: %s", ErrInUse, n.cfg.Dir)
	}
	if err != nil {
		return fmt.Errorf("node: open the store: %w", err)
	}
	return n.noteMended(ctx)
}

// Protection tells how the data folder is protected now.
func (n *Node) Protection() Protection { return protectionOf(n.vault.Form()) }

// CheckPassphrase compares a passphrase with the one that is set, nil where none is;
// the one that destroys everything is wrong here and does nothing. It costs a
// quarter of a second and 64 MiB. The error is ErrPassphrase.
func (n *Node) CheckPassphrase(current []byte) error {
	err := n.vault.Check(current)
	if errors.Is(err, vault.ErrPassphraseForm) {
		return ErrPassphrase
	}
	return err
}

// SetPassphrase asks for a passphrase at each start from now on. With a decoy, which
// must be another one, typing that instead destroys everything and opens an empty
// folder; nil sets none, also where there was one before. Both are bytes of UTF-8, 1 to
// 1,024, as they were typed, and stay the caller's. current is what was asked for so
// far. Errors match ErrPassphrase, ErrPassphraseForm or ErrLeftover.
func (n *Node) SetPassphrase(ctx context.Context, current, passphrase, decoy []byte) error {
	if err := n.CheckPassphrase(current); err != nil {
		return err
	}
	return explainVault(n.vault.SetPassphrase(ctx, passphrase, decoy))
}

// SetKeyring leaves the secret to the system's keyring: the folder opens by itself for
// this person on this computer, and nowhere else. Errors match ErrPassphrase,
// ErrKeyring or ErrLeftover.
func (n *Node) SetKeyring(ctx context.Context, current []byte) error {
	if err := n.CheckPassphrase(current); err != nil {
		return err
	}
	return explainVault(n.vault.SetKeyring(ctx))
}

// SetPlain takes all protection away. Errors match ErrPassphrase or ErrLeftover.
func (n *Node) SetPlain(ctx context.Context, current []byte) error {
	if err := n.CheckPassphrase(current); err != nil {
		return err
	}
	return explainVault(n.vault.SetPlain(ctx))
}
