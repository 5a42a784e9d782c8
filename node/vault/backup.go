package vault

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// Numbers and limits of a backup. PROTOCOL.md §10.3
const (
	backupMagic   = "linnet backup"
	backupVersion = 1

	framePart = 1
	frameData = 2
	frameEnd  = 3

	maxName  = 100
	maxData  = 64 << 10 // bytes in a frame
	maxParts = 10_000
)

// Work factors of scrypt, as powers of two: 18 takes 256 MiB and about a second, 20 four times that.
const (
	backupWork    = 18
	maxBackupWork = 20
)

// BackupWriter writes a backup: parts with names, one after the other, in one file
// that age can open too. It holds one frame in memory. It is not safe for concurrent use.
type BackupWriter struct {
	age  io.Closer
	w    *bufio.Writer
	now  *part
	seen map[string]bool
	size uint64 // of all parts
	err  error
}

// part is the one that is being written.
type part struct{ w *BackupWriter }

// NewBackup begins a backup on w under a passphrase. It takes about a second. Whoever
// does not get to Close leaves a file that does not read as whole. The passphrase
// stays the caller's; age keeps a copy that cannot be cleared. Errors: ErrPassphraseForm.
func NewBackup(w io.Writer, passphrase []byte) (*BackupWriter, error) {
	return newBackup(w, passphrase, backupWork)
}

func newBackup(w io.Writer, passphrase []byte, work int) (*BackupWriter, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	to, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("vault: begin the backup: %w", err)
	}
	to.SetWorkFactor(work)
	sealed, err := age.Encrypt(w, to)
	if err != nil {
		return nil, fmt.Errorf("vault: begin the backup: %w", err)
	}
	return newParts(sealed), nil
}

// newParts begins the inner stream.
func newParts(w io.WriteCloser) *BackupWriter {
	b := &BackupWriter{age: w, w: bufio.NewWriterSize(w, maxData), seen: map[string]bool{}}
	_, b.err = b.w.Write(append([]byte(backupMagic), backupVersion))
	return b
}

// Part begins a part and ends the one before. A name is a label of its own: 1 to 100
// of a-z, 0-9, dot and hyphen, a letter or digit first. The error of a bad name or
// of a full disk comes from the next Write or from Close.
func (b *BackupWriter) Part(name string) io.Writer {
	b.now = &part{b}
	switch {
	case b.err != nil:
	case !goodName(name) || b.seen[name]:
		b.err = fmt.Errorf("vault: %q cannot be the name of a part", name)
	case len(b.seen) == maxParts:
		b.err = fmt.Errorf("vault: a backup has at most %d parts", maxParts)
	default:
		b.seen[name] = true
		_, b.err = b.w.WriteString(string([]byte{framePart, byte(len(name))}) + name)
	}
	return b.now
}

// Write adds to the part.
func (p *part) Write(data []byte) (int, error) {
	b := p.w
	if b.now != p {
		return 0, errors.New("vault: this part of the backup has ended")
	}
	n := 0
	for b.err == nil && n < len(data) {
		piece := data[n:min(len(data), n+maxData)]
		head := binary.BigEndian.AppendUint32([]byte{frameData}, uint32(len(piece)))
		if _, b.err = b.w.Write(head); b.err == nil {
			_, b.err = b.w.Write(piece)
		}
		if b.err == nil {
			n += len(piece)
			b.size += uint64(len(piece))
		}
	}
	return n, b.err
}

// Close writes the end mark: only with it the backup is whole. It does not close the
// writer below. It returns the first error there was; calling it again returns an error.
func (b *BackupWriter) Close() error {
	b.now = nil
	if b.err != nil {
		return b.err
	}
	end := binary.BigEndian.AppendUint32([]byte{frameEnd}, uint32(len(b.seen)))
	end = binary.BigEndian.AppendUint64(end, b.size)
	_, err := b.w.Write(end)
	if err == nil {
		err = b.w.Flush()
	}
	if err == nil {
		err = b.age.Close()
	}
	b.err = ErrClosed
	if err != nil {
		b.err = err
	}
	return err
}

func goodName(name string) bool {
	if len(name) == 0 || len(name) > maxName || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}
