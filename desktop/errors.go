package desktop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/linnet-im/linnet/desktop/api"
	"github.com/linnet-im/linnet/desktop/shell"
	"github.com/linnet-im/linnet/node"
)

// Codes of errors at the start, beside those of the contract in desktop/api.
const (
	CodeInUse       api.Code = "data_in_use"         // a Linnet that runs uses the data folder
	CodeFolder      api.Code = "data_unusable"       // the data folder cannot be made or written
	CodeUIAddress   api.Code = "bad_ui_address"      // not an address of this computer only
	CodeUIBusy      api.Code = "ui_port_busy"        // another program has the page's port
	CodeListen      api.Code = "cannot_listen"       // a port for other nodes cannot be had
	CodeNewerFormat api.Code = "newer_format"        // a newer Linnet wrote the data
	CodeWrongKey    api.Code = "wrong_key"           // the key file is gone or does not fit
	CodeDamaged     api.Code = "damaged"             // the store cannot be read
	CodeSecret      api.Code = "no_secret"           // the system's keyring does not open the data
	CodeSlowStop    api.Code = "not_stopped_in_time" // something did not end
)

// Error says to a person what happened (Title), and why and what to do next
// (Detail). Code is for programs. Err is the cause, nil if there is none.
type Error struct {
	Code   api.Code
	Title  string
	Detail string
	Err    error
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Title
	}
	return e.Title + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// explainOpen turns an error of node.Open into words.
func explainOpen(dir string, err error) error {
	e := &Error{Err: err}
	switch {
	case errors.Is(err, node.ErrInUse):
		e.Code, e.Title = CodeInUse, "the data folder is in use"
		e.Detail = fmt.Sprintf("another program has %s open; close it, or choose another folder with --data", dir)
	case errors.Is(err, node.ErrNewerFormat):
		e.Code, e.Title = CodeNewerFormat, "this data was written by a newer Linnet"
		e.Detail = fmt.Sprintf("this version cannot read %s and has not touched it; update Linnet", dir)
	case errors.Is(err, node.ErrDiskFull) || shell.DiskFull(err):
		e.Code, e.Title = api.CodeDiskFull, "the disk is full"
		e.Detail = fmt.Sprintf("there is no room left for %s; free some space, then start Linnet again", dir)
	case errors.Is(err, node.ErrLocked):
		e.Code, e.Title = api.CodeLocked, "the data folder is locked"
		e.Detail = fmt.Sprintf("%s opens with a passphrase only; give it with --passphrase-file, or in LINNET_PASSPHRASE_FILE", dir)
	case errors.Is(err, node.ErrPassphrase), errors.Is(err, node.ErrPassphraseForm):
		e.Code, e.Title, e.Detail = api.CodePassphrase, "this is not the passphrase", "try again; capital letters and spaces count"
	case errors.Is(err, node.ErrKeyring), errors.Is(err, node.ErrNoSecret):
		e.Code, e.Title, e.Detail = CodeSecret, "what unlocks your data is not to be had", cause(err)
	case errors.Is(err, node.ErrUnfinished):
		e.Code, e.Title, e.Detail = CodeFolder, "not everything could be deleted", "the key is destroyed, so that nothing can be read any more; start Linnet again to go on"
	case errors.Is(err, node.ErrWrongKey):
		e.Code, e.Title = CodeWrongKey, "the key of this data is damaged or gone"
		e.Detail = fmt.Sprintf("nothing in %s can be read without the file \"key\"; put the right one back from a copy", dir)
	case errors.Is(err, node.ErrDamaged):
		e.Code, e.Title = CodeDamaged, "the stored data is damaged"
		e.Detail = fmt.Sprintf("%s cannot be opened (%s); keep a copy of the folder, then restore a backup into another one (linnet restore FILE --data DIR), or put an older copy back", dir, cause(err))
	case errors.Is(err, node.ErrBadAddress):
		e.Code, e.Title = api.CodeBadAddress, "a listen address cannot be used"
		e.Detail = cause(err) + "; correct --listen"
	case errors.Is(err, node.ErrSettings):
		e.Code, e.Title, e.Detail = api.CodeInvalid, "the settings of reach do not work", settingsCause(err)
	case listenFailed(err):
		e.Code, e.Title = CodeListen, "Linnet cannot listen for other nodes"
		e.Detail = cause(err) + "; choose another address with --listen, or leave it out to let Linnet choose"
	case errors.Is(err, fs.ErrPermission):
		return folderError(dir, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	default:
		e.Code, e.Title = api.CodeInternal, "Linnet could not start"
		e.Detail = cause(err)
	}
	return e
}

// listenFailed tells whether err comes from opening a port. The library below
// reports several tries as one text, without the errors that it is made of.
func listenFailed(err error) bool {
	return shell.PortInUse(err) || strings.Contains(err.Error(), "reach: cannot listen")
}

func folderError(dir string, err error) error {
	e := &Error{Code: CodeFolder, Title: "the data folder cannot be used", Err: err}
	e.Detail = fmt.Sprintf("%s (%s); choose another folder with --data", dir, cause(err))
	if shell.DiskFull(err) {
		e.Code, e.Title = api.CodeDiskFull, "the disk is full"
		e.Detail = fmt.Sprintf("there is no room left for %s; free some space, then start Linnet again", dir)
	}
	return e
}

// cause is the text of err for people: no package names in front, and what the
// system said last without the call that it said it to.
func cause(err error) string {
	if why, ok := strings.CutPrefix(err.Error(), shell.ErrNoBrowser.Error()+": "); ok {
		return why
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	text := err.Error()
	for {
		head, rest, ok := strings.Cut(text, ": ")
		if !ok || !isRoom(head) {
			return text
		}
		text = rest
	}
}

func isRoom(s string) bool {
	switch s {
	case "node", "reach", "storage", "shell", "pubsub", "vault":
		return true
	}
	return false
}
