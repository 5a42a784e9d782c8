package desktop

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/shell"
	"github.com/linnet-im/linnet/node"
)

// unlock opens the node at the start. A folder with a passphrase stays locked where
// nobody is there to ask but the page.
func (a *app) unlock(ctx context.Context) error {
	err := a.openWith(ctx, nil)
	if !errors.Is(err, node.ErrLocked) {
		return explainOpened(a.dir, err)
	}
	if a.o.Passphrase == nil {
		if a.o.Mirror == nil {
			return nil
		}
		return explainOpen(a.dir, err)
	}
	passphrase, err := a.o.Passphrase()
	if err != nil {
		return err
	}
	defer node.ClearSecret(passphrase)
	return explainOpened(a.dir, a.openWith(ctx, passphrase))
}

func (a *app) openWith(ctx context.Context, passphrase []byte) error {
	done := a.slowly("Opening " + a.dir + " …")
	defer done()
	return a.gate.Unlock(ctx, passphrase)
}

func explainOpened(dir string, err error) error {
	if err == nil {
		return nil
	}
	return explainOpen(dir, err)
}

// rewrite puts the app's own files back where a wipe has deleted them, so that
// commands go on finding it.
func (a *app) rewrite() error {
	if a.server == nil {
		return nil // not announced yet
	}
	if readPort(a.dir) < 0 {
		if err := writePort(a.dir, -1, a.door); err != nil {
			return err
		}
	}
	return a.writeDiscovery()
}

// writeDiscovery tells programs where the page is.
func (a *app) writeDiscovery() error {
	b, err := json.Marshal(api.Discovery{URL: a.url(), Token: a.server.Token()})
	if err != nil {
		return err
	}
	return shell.WritePrivate(a.discovery(), append(b, '\n'))
}

// IsWeak tells that a passphrase is found soon by who has the disk.
func IsWeak(passphrase []byte) bool { return node.WeakPassphrase(passphrase) }
