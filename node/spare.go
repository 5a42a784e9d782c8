package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/linnet-im/linnet/node/vault"
)

// The spare is a second copy of what nobody else has: account, name, contacts, topics
// and what says who may write in them, as in a backup without history. It lies beside
// the store, sealed under the same key, for the case that the store is damaged. A further device
// has none: it cannot make a new device of itself, and is added anew.
const (
	spareFile = "spare"
	newFile   = ".new" // behind a name: what is to take its place

	spareSoon  = 5 * time.Second // after something that it must not miss
	spareEvery = 10 * time.Minute
)

// spare keeps the second copy.
type spare struct {
	wake chan struct{}
	open bool // the node was opened: before that, what is in memory may be less than what is stored
}

func (n *Node) sparePath() string { return filepath.Join(n.cfg.Dir, spareFile) }

func (n *Node) hasSpare() bool {
	_, err := os.Lstat(n.sparePath())
	return err == nil
}

// openSpare writes the first copy, and has it kept fresh until the node closes.
func (n *Node) openSpare(ctx context.Context) error {
	if !n.hasSpare() {
		if err := n.writeSpare(ctx); err != nil {
			return err
		}
	}
	n.spare.open = true
	n.wg.Go(n.keepSpare)
	return nil
}

func (n *Node) keepSpare() {
	every := time.NewTicker(spareEvery)
	defer every.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-every.C:
		case <-n.spare.wake:
			select {
			case <-n.ctx.Done():
				return
			case <-time.After(spareSoon):
			}
		}
		if err := n.writeSpare(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Warn("node: the second copy of keys and topics", "err", err)
		}
	}
}

// closeSpare writes the last copy.
func (n *Node) closeSpare() error {
	if !n.spare.open || n.store == nil {
		return nil
	}
	return n.writeSpare(context.Background())
}

// writeSpare writes the copy in the place of the one before, as a whole or not at all.
func (n *Node) writeSpare(ctx context.Context) error {
	account, ok := n.accountKey()
	if !ok {
		return nil
	}
	key := n.vault.Key()
	defer vault.Clear(key)
	var out bytes.Buffer
	b, err := vault.NewSpare(&out, key)
	if err == nil {
		err = n.fillBackup(ctx, b, account, false)
	}
	if err == nil {
		err = replaceFile(n.sparePath(), out.Bytes())
	}
	if err != nil {
		return fmt.Errorf("node: write the second copy: %w", err)
	}
	return nil
}

// replaceFile writes a file in the place of another: whoever reads sees the old or the new one.
func replaceFile(path string, raw []byte) error {
	f, err := os.OpenFile(path+newFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+newFile, path)
}
