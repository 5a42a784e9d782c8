package desktop

import (
	"context"
	"errors"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/gate"
	"github.com/linnet-im/linnet/desktop/server"
	"github.com/linnet-im/linnet/desktop/shell"
	"github.com/linnet-im/linnet/node"
)

// ownFiles are the app's files in the data folder, which a wipe deletes.
func ownFiles() []string { return []string{api.DiscoveryFile, portFile} }

// Wipe destroys the key of a data folder (empty: the usual one) on which no Linnet
// runs, and then all that is Linnet's in it. The error is an [*Error].
func Wipe(ctx context.Context, data string) error {
	dir, lock, err := alone(data)
	if err != nil {
		return err
	}
	err = node.Wipe(ctx, dir, append(ownFiles(), gate.OwnFile))
	return errors.Join(explainOpened(dir, err), lock.Release())
}

// KeptBy tells how the key of a data folder is kept, as api.Lock has it. The error says
// that its file cannot be read by this version.
func KeptBy(dir string) (protection string, err error) {
	p, err := node.Look(dir)
	return server.Protection(p), err
}

// alone makes sure that no Linnet runs on a data folder while the lock is held.
func alone(data string) (dir string, lock *shell.Lock, err error) {
	if dir, err = folder(data); err != nil {
		return "", nil, err
	}
	lock, err = shell.Acquire(dir)
	if errors.Is(err, shell.ErrLocked) {
		return "", nil, explainOpen(dir, node.ErrInUse)
	}
	if err != nil {
		return "", nil, folderError(dir, err)
	}
	return dir, lock, nil
}
