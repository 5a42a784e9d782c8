package vault

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// BackupReader reads a backup from the beginning to the end. What a part gives is
// genuine, but only when Next has returned io.EOF is it all: until then a caller keeps what
// it reads aside. It holds one chunk of 64 KiB in memory and is not safe for concurrent use.
type BackupReader struct {
	src  *source // the file
	age  *source // what age makes of it; its end is genuine
	r    *bufio.Reader
	now  *reading
	seen map[string]bool
	size uint64
	err  error // sticky; io.EOF after the end mark
}

// source notes how a reader ended.
type source struct {
	r   io.Reader
	eof bool
	err error // other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	switch err {
	case nil:
	case io.EOF:
		s.eof = true
	default:
		s.err = err
	}
	return n, err
}

// OpenBackup begins to read a backup and checks the passphrase, in about a second and
// 256 MiB; a file may ask for up to four times that. Errors: ErrBackupPassphrase, ErrNotBackup, ErrNewer,
// ErrCut, ErrBackupDamaged, ErrPassphraseForm.
func OpenBackup(r io.Reader, passphrase []byte) (*BackupReader, error) {
	return openBackup(r, passphrase, maxBackupWork)
}

func openBackup(r io.Reader, passphrase []byte, maxWork int) (*BackupReader, error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	// The first bytes decide what it is, before any work is spent on it.
	buffered := bufio.NewReader(r)
	intro, err := buffered.Peek(len(ageIntro))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("vault: read the backup: %w", err)
	case string(intro) == ageIntro:
	case strings.HasPrefix(ageIntro, string(intro)):
		return nil, ErrCut
	case strings.HasPrefix(string(intro), ageFamily):
		return nil, ErrNewer
	default:
		return nil, ErrNotBackup
	}
	id, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, fmt.Errorf("vault: open the backup: %w", err)
	}
	id.SetMaxWorkFactor(maxWork)
	src := &source{r: buffered}
	plain, err := age.Decrypt(src, id)
	if err != nil {
		return nil, explainHeader(src, err)
	}
	return openParts(src, plain)
}

// The beginning of an age file, and what all its versions share.
const (
	ageIntro  = "age-encryption.org/v1\n"
	ageFamily = "age-encryption.org/v"
)

// explainHeader says why age could not begin.
func explainHeader(src *source, err error) error {
	var other *age.NoIdentityMatchError
	switch {
	case src.err != nil:
		return fmt.Errorf("vault: read the backup: %w", src.err)
	case errors.As(err, &other) && len(other.StanzaTypes) == 1 && other.StanzaTypes[0] == "scrypt":
		return ErrBackupPassphrase
	case errors.As(err, &other):
		return fmt.Errorf("%w (it is encrypted, but not under a passphrase)", ErrNotBackup)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrCut
	case strings.Contains(err.Error(), "work factor too large"):
		return fmt.Errorf("%w (opening it would take more memory than this version allows)", ErrNewer)
	}
	return fmt.Errorf("%w (%v)", ErrBackupDamaged, err)
}

// openParts begins the inner stream.
func openParts(src *source, plain io.Reader) (*BackupReader, error) {
	b := &BackupReader{src: src, age: &source{r: plain}, seen: map[string]bool{}}
	b.r = bufio.NewReader(b.age)
	head := make([]byte, len(backupMagic)+1)
	if _, err := io.ReadFull(b.r, head); err != nil {
		if b.age.eof {
			return nil, ErrNotBackup // a genuine age file, too short
		}
		return nil, b.explain(err)
	}
	if string(head[:len(backupMagic)]) != backupMagic {
		return nil, ErrNotBackup
	}
	if head[len(backupMagic)] != backupVersion {
		return nil, ErrNewer
	}
	return b, nil
}

// explain says what an error of the stream means.
func (b *BackupReader) explain(err error) error {
	switch {
	case b.src.err != nil:
		return fmt.Errorf("vault: read the backup: %w", b.src.err)
	case b.age.eof:
		return fmt.Errorf("%w (it ends without its end mark)", ErrBackupDamaged)
	case b.src.eof:
		return ErrCut
	}
	return fmt.Errorf("%w (%v)", ErrBackupDamaged, err)
}

// Next goes to the next part and returns its name; what was not read of the one
// before is skipped. io.EOF means that the end mark was there and nothing behind it:
// all parts that were returned are all there are. Errors: ErrCut, ErrBackupDamaged.
func (b *BackupReader) Next() (name string, part io.Reader, err error) {
	if b.now != nil {
		if _, err := io.Copy(io.Discard, b.now); err != nil {
			return "", nil, err
		}
	}
	b.now = nil
	if b.err != nil {
		return "", nil, b.err
	}
	if name, b.err = b.head(); b.err != nil {
		return "", nil, b.err
	}
	b.now = &reading{b: b}
	return name, b.now, nil
}

// head reads the beginning of a part, or the end.
func (b *BackupReader) head() (string, error) {
	kind, err := b.r.ReadByte()
	if err != nil {
		return "", b.explain(err)
	}
	switch kind {
	case framePart:
		return b.name()
	case frameEnd:
		return "", b.end()
	}
	return "", fmt.Errorf("%w (unknown frame %d)", ErrBackupDamaged, kind)
}

func (b *BackupReader) name() (string, error) {
	n, err := b.r.ReadByte()
	if err != nil {
		return "", b.explain(err)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(b.r, raw); err != nil {
		return "", b.explain(err)
	}
	name := string(raw)
	if !goodName(name) || b.seen[name] || len(b.seen) == maxParts {
		return "", fmt.Errorf("%w (the name of a part)", ErrBackupDamaged)
	}
	b.seen[name] = true
	return name, nil
}

func (b *BackupReader) end() error {
	raw := make([]byte, 12)
	if _, err := io.ReadFull(b.r, raw); err != nil {
		return b.explain(err)
	}
	if binary.BigEndian.Uint32(raw) != uint32(len(b.seen)) || binary.BigEndian.Uint64(raw[4:]) != b.size {
		return fmt.Errorf("%w (parts are missing)", ErrBackupDamaged)
	}
	switch _, err := b.r.ReadByte(); {
	case err == io.EOF:
		return io.EOF
	case err != nil:
		return b.explain(err)
	}
	return fmt.Errorf("%w (there is something behind its end)", ErrBackupDamaged)
}

// reading is the part that is being read.
type reading struct {
	b    *BackupReader
	left int // of this frame
}

// Read gives the part's bytes and io.EOF at its end.
func (p *reading) Read(data []byte) (int, error) {
	b := p.b
	if b.now != p {
		return 0, errors.New("vault: this part of the backup was left")
	}
	if b.err != nil {
		return 0, b.err
	}
	if len(data) == 0 {
		return 0, nil
	}
	if p.left == 0 {
		more, err := p.frame()
		if err != nil {
			b.err = err
			return 0, err
		}
		if !more {
			return 0, io.EOF
		}
	}
	n, err := b.r.Read(data[:min(len(data), p.left)])
	p.left -= n
	b.size += uint64(n)
	if err != nil {
		b.err = b.explain(err)
		return n, b.err
	}
	return n, nil
}

// frame begins the next frame of data, if the part has one.
func (p *reading) frame() (more bool, err error) {
	b := p.b
	kind, err := b.r.Peek(1)
	if err != nil {
		return false, b.explain(err)
	}
	if kind[0] != frameData {
		return false, nil
	}
	var head [5]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return false, b.explain(err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n == 0 || n > maxData {
		return false, fmt.Errorf("%w (the length of a frame)", ErrBackupDamaged)
	}
	p.left = int(n)
	return true, nil
}
