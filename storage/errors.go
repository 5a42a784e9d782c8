package storage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"
)

// Sentinels for callers to branch on with errors.Is.
var (
	ErrNotFound    = errors.New("storage: not found")
	ErrTrimmed     = errors.New("storage: journal position is not kept, reload everything")
	ErrClosed      = errors.New("storage: closed")
	ErrLocked      = errors.New("storage: another process has this folder open, close it first")
	ErrWrongKey    = errors.New("storage: the key does not fit this folder")
	ErrDiskFull    = errors.New("storage: the disk is full, free some space and try again")
	ErrDamaged     = errors.New("storage: damaged")
	ErrTooBig      = errors.New("storage: batch is too big, split it")
	ErrInvalid     = errors.New("storage: invalid batch")
	ErrNewerFormat = errors.New("storage: the folder was written by a newer version")
)

// FormatError says that the folder has format Have and this program reads up to Want. It is an [ErrNewerFormat].
type FormatError struct{ Have, Want int }

func (e *FormatError) Error() string {
	return fmt.Sprintf("storage: this folder was written by a newer version of the program (format %d, this one knows %d): update the program", e.Have, e.Want)
}

// Is makes errors.Is(err, ErrNewerFormat) true.
func (e *FormatError) Is(target error) bool { return target == ErrNewerFormat }

// explain maps an error of Badger or the system to ours, keeping the cause readable. nil stays nil.
func explain(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return ErrNotFound
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrWrongKey):
		return err
	case isDiskFull(err):
		return fmt.Errorf("%w (%s: %v)", ErrDiskFull, doing, err)
	case errors.Is(err, badger.ErrEncryptionKeyMismatch):
		return ErrWrongKey
	case errors.Is(err, badger.ErrDBClosed), errors.Is(err, badger.ErrBlockedWrites):
		return ErrClosed
	}
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "directory lock"), strings.Contains(text, "another process is using"):
		return fmt.Errorf("%w (%v)", ErrLocked, err)
	case strings.Contains(text, "checksum"), strings.Contains(text, "corrupt"), strings.Contains(text, "manifest"), strings.Contains(text, "opening table"), strings.Contains(text, "for table"), strings.Contains(text, "vlog file"), strings.Contains(text, "key registry"), strings.Contains(text, "sanity text"), strings.Contains(text, "bad magic"):
		return fmt.Errorf("%w: %s: %w", ErrDamaged, doing, err)
	}
	return fmt.Errorf("storage: %s: %w", doing, err)
}
