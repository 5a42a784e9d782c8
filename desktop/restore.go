package desktop

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/server"
	"github.com/linnet-im/linnet/node"
)

// Restore takes a backup into a data folder (empty: the usual one) on which no Linnet
// runs and where nothing is stored yet. The next start opens it. The passphrase is the
// backup's. The error is an [*Error].
func Restore(ctx context.Context, data string, backup io.Reader, passphrase []byte) (api.RestoreReport, error) {
	dir, lock, err := alone(data)
	if err != nil {
		return api.RestoreReport{}, err
	}
	r, err := node.Restore(ctx, node.Config{Dir: dir, Erase: ownFiles(), Logger: slog.New(slog.DiscardHandler)}, backup, passphrase)
	if err = errors.Join(explainRestore(dir, err), lock.Release()); err != nil {
		return api.RestoreReport{}, err
	}
	return api.RestoreReport{Name: r.Name, Topics: r.Topics, Records: r.Records, Summary: server.Restored(r)}, nil
}

// RestorePhrase begins a new device of the account of a recovery phrase, as Restore does.
func RestorePhrase(ctx context.Context, data, phrase string) error {
	dir, lock, err := alone(data)
	if err != nil {
		return err
	}
	err = node.RestorePhrase(ctx, node.Config{Dir: dir, Erase: ownFiles()}, phrase)
	return errors.Join(explainRestore(dir, err), lock.Release())
}

// explainRestore turns an error of a restore into words.
func explainRestore(dir string, err error) error {
	e := &Error{Err: err}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, node.ErrNotEmpty):
		e.Code, e.Title, e.Detail = api.CodeNotEmpty, "there is something in "+dir+" already", "choose an empty folder with --data"
	case errors.Is(err, node.ErrPhrase):
		e.Code, e.Title, e.Detail = api.CodeInvalid, "this is not a recovery phrase", phraseCause(err)
	case errors.Is(err, node.ErrBackupPassphrase), errors.Is(err, node.ErrPassphraseForm):
		e.Code, e.Title, e.Detail = api.CodePassphrase, "this is not the passphrase of the backup", "try again; capital letters and spaces count"
	case errors.Is(err, node.ErrNotBackup):
		e.Code, e.Title, e.Detail = api.CodeInvalid, "this file is not a backup of Linnet", "choose another one; a bundle of topics is taken in with: linnet import"
	case errors.Is(err, node.ErrBackupCut):
		e.Code, e.Title, e.Detail = api.CodeInvalid, "the backup is not whole", "it ends too early or is damaged at its end; copy it again from where it was made. Nothing was changed"
	case errors.Is(err, node.ErrBackupDamaged):
		e.Code, e.Title, e.Detail = api.CodeInvalid, "the backup is damaged", "use another copy of it. Nothing was changed"
	default:
		return explainOpen(dir, err)
	}
	return e
}

// phraseCause says what is wrong with a phrase: the node's own text about it.
func phraseCause(err error) string {
	text := err.Error()
	if _, why, ok := strings.Cut(text, "identity: "); ok {
		return why
	}
	return text
}
