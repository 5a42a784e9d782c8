package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/linnet-im/linnet/desktop/api"
)

// Lock tells how the data folder is protected, and whether it is locked.
func (c *Client) Lock(ctx context.Context) (api.Lock, error) {
	return call[api.Lock](ctx, c, http.MethodGet, api.PathLock, nil)
}

// ChangeLock changes that.
func (c *Client) ChangeLock(ctx context.Context, change api.LockChange) (api.Lock, error) {
	return call[api.Lock](ctx, c, http.MethodPatch, api.PathLock, change)
}

// LockNow closes the node and has it forget the key.
func (c *Client) LockNow(ctx context.Context) (api.Lock, error) {
	return call[api.Lock](ctx, c, http.MethodPost, api.PathLock, nil)
}

// Unlock opens a locked node.
func (c *Client) Unlock(ctx context.Context, passphrase string) (api.Lock, error) {
	return call[api.Lock](ctx, c, http.MethodPost, api.PathUnlock, api.Unlock{Passphrase: passphrase})
}

// Wipe destroys everything in the data folder.
func (c *Client) Wipe(ctx context.Context) error {
	_, err := call[struct{}](ctx, c, http.MethodPost, api.PathWipe, api.Wipe{Confirm: "wipe"})
	return err
}

// Recovery returns the recovery phrase.
func (c *Client) Recovery(ctx context.Context) (api.Recovery, error) {
	return call[api.Recovery](ctx, c, http.MethodGet, api.PathRecovery, nil)
}

// CheckRecovery says which of the words typed are right.
func (c *Client) CheckRecovery(ctx context.Context, check api.RecoveryCheck) (api.RecoveryChecked, error) {
	return call[api.RecoveryChecked](ctx, c, http.MethodPost, api.PathRecovery, check)
}

// Backup copies a backup to w, and returns its size in bytes.
func (c *Client) Backup(ctx context.Context, o api.BackupOrder, w io.Writer) (int64, error) {
	res, err := c.request(ctx, http.MethodPost, api.PathBackup, nil, o)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(w, res.Body)
	if err != nil {
		return n, fmt.Errorf("client: the backup was cut off: %w", err)
	}
	return n, nil
}
