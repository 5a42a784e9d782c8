package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// A spare is a backup that stays in the data folder, sealed under a key that is derived
// from the master key: spareMagic, nonce (24), XChaCha20-Poly1305 with the magic as
// additional data. It is for a store that was damaged, see PROTOCOL.md §10.5.
const spareMagic = "linnet spare\x01"

// NewSpare begins a spare, which is written to w as a whole by Close.
func NewSpare(w io.Writer, key []byte) (*BackupWriter, error) {
	sub, err := spareKey(key)
	if err != nil {
		return nil, err
	}
	return newParts(&spareSeal{w: w, key: sub}), nil
}

// OpenSpare begins to read a spare. The error is ErrBackupDamaged where it is none, was
// changed, or belongs to another key.
func OpenSpare(raw, key []byte) (*BackupReader, error) {
	sub, err := spareKey(key)
	if err != nil {
		return nil, err
	}
	defer Clear(sub)
	sealed, ok := bytes.CutPrefix(raw, []byte(spareMagic))
	if !ok || len(sealed) < chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("%w: it is no second copy", ErrBackupDamaged)
	}
	aead, err := chacha20poly1305.NewX(sub)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:], []byte(spareMagic))
	if err != nil {
		return nil, ErrBackupDamaged
	}
	return openParts(&source{eof: true}, bytes.NewReader(plain))
}

func spareKey(key []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, "linnet/spare/1", chacha20poly1305.KeySize)
}

// spareSeal gathers what is to be sealed in one piece.
type spareSeal struct {
	w   io.Writer
	key []byte
	buf bytes.Buffer
}

func (s *spareSeal) Write(p []byte) (int, error) { return s.buf.Write(p) }

func (s *spareSeal) Close() error {
	defer Clear(s.key)
	defer func() { Clear(s.buf.Bytes()) }()
	aead, err := chacha20poly1305.NewX(s.key)
	if err != nil {
		return err
	}
	out := append([]byte(spareMagic), make([]byte, chacha20poly1305.NonceSizeX)...)
	nonce := out[len(spareMagic):]
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	_, err = s.w.Write(aead.Seal(out, nonce, s.buf.Bytes(), []byte(spareMagic)))
	return err
}
