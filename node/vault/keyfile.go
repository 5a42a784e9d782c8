package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes and numbers of the key file. PROTOCOL.md §10.1
const (
	magic      = "linnet key"
	version    = 1
	headSize   = len(magic) + 2 // version, form
	sumSize    = sha256.Size
	saltSize   = 16
	slotSize   = chacha20poly1305.NonceSizeX + KeySize + chacha20poly1305.Overhead
	costSize   = 4 + 4 + 1
	passSize   = headSize + costSize + saltSize + 2*slotSize + sumSize
	ringSize   = headSize + len(secretID{}) + slotSize + sumSize
	wipeSize   = headSize + len(secretID{}) + sumSize // and the file that comes after
	maxKeyFile = 1024
)

// secretID names a secret in the keyring; zero is none.
type secretID [16]byte

// keyFile is a key file taken apart. Its slices point into raw.
type keyFile struct {
	raw   []byte
	form  Form
	plain []byte // Plain: the key

	head  []byte // what a slot authenticates beside itself
	slots [][]byte
	cost  cost           // Passphrase
	salt  [saltSize]byte // Passphrase
	id    secretID       // Keyring, Wiping
	next  []byte         // Wiping: the key file that comes after, or nothing
}

// decode takes a key file apart; limit bounds the cost that it may ask for. A file of
// 32 bytes is the key as it is. Every other ends with a hash of what is before, so
// that damage is not taken for a wrong passphrase; that stays so in all versions.
func decode(raw []byte, limit cost) (keyFile, error) {
	f := keyFile{raw: raw}
	if len(raw) == KeySize {
		if [KeySize]byte(raw) == ([KeySize]byte{}) { // what some file systems leave after a crash
			return f, ErrDamaged
		}
		f.form, f.plain = Plain, raw
		return f, nil
	}
	if len(raw) < headSize+sumSize || len(raw) > maxKeyFile || string(raw[:len(magic)]) != magic {
		return f, ErrDamaged
	}
	body := raw[:len(raw)-sumSize]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], raw[len(body):]) {
		return f, ErrDamaged
	}
	form := Form(raw[headSize-1])
	if raw[headSize-2] != version || form < Passphrase || form > Wiping {
		return f, ErrNewer
	}
	if !f.decodeBody(form, body, limit) {
		return f, ErrDamaged
	}
	f.form = form
	return f, nil
}

func (f *keyFile) decodeBody(form Form, body []byte, limit cost) bool {
	size, rest := len(f.raw), body[headSize:]
	switch {
	case form == Passphrase && size == passSize:
		f.cost = cost{binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:]), rest[8]}
		copy(f.salt[:], rest[costSize:])
		f.head = body[:headSize+costSize+saltSize]
		f.slots = [][]byte{body[len(f.head) : len(f.head)+slotSize], body[len(f.head)+slotSize:]}
		return f.cost.within(limit)
	case form == Keyring && size == ringSize:
		f.id = secretID(rest)
		f.head = body[:headSize+len(f.id)]
		f.slots = [][]byte{body[len(f.head):]}
		return f.id != secretID{}
	case form == Wiping && size >= wipeSize:
		f.id = secretID(rest)
		f.next = rest[len(f.id):]
		if len(f.next) == 0 {
			return true
		}
		next, err := decode(f.next, limit)
		return err == nil && next.form == Passphrase
	}
	return false
}

// sealPassphrase makes a key file of the form Passphrase.
//
// Both slots are always there: the first holds the key, the second 32 zeros under
// the decoy, or random bytes where there is none. Without a passphrase the two cannot
// be told apart, since what XChaCha20-Poly1305 puts out looks random. One salt serves both,
// so a try costs one argon2 and is tried on both: for the owner and for whoever guesses.
// Two salts would make each try twice as dear for both of them, which a larger cost does as well.
func sealPassphrase(key, passphrase, decoy []byte, c cost, random io.Reader) []byte {
	b := append([]byte(magic), version, byte(Passphrase))
	b = binary.BigEndian.AppendUint32(b, c.memory)
	b = binary.BigEndian.AppendUint32(b, c.passes)
	b = append(b, c.lanes)
	var salt [saltSize]byte
	fill(random, salt[:])
	b = append(b, salt[:]...)
	head := b
	derived := derive(passphrase, salt, c)
	defer Clear(derived)
	b = append(b, sealSlot(derived, head, 0, key, random)...)
	if decoy == nil {
		return withSum(append(b, noise(random)...))
	}
	other := derive(decoy, salt, c)
	defer Clear(other)
	return withSum(append(b, sealSlot(other, head, 1, make([]byte, KeySize), random)...))
}

// sealAgain makes f anew with another key, under what a passphrase derived with its salt and without a decoy.
func sealAgain(f keyFile, derived, key []byte, random io.Reader) []byte {
	b := append(bytes.Clone(f.head), sealSlot(derived, f.head, 0, key, random)...)
	return withSum(append(b, noise(random)...))
}

// sealKeyring makes a key file of the form Keyring.
func sealKeyring(key []byte, id secretID, secret []byte, random io.Reader) []byte {
	b := append([]byte(magic), version, byte(Keyring))
	b = append(b, id[:]...)
	return withSum(append(b, sealSlot(secret, b, 0, key, random)...))
}

// encodeWiping makes the file that takes the key's place while a wipe is under way:
// the secret that is still to be forgotten, and the file that comes after, or none.
func encodeWiping(id secretID, next []byte) []byte {
	b := append([]byte(magic), version, byte(Wiping))
	b = append(b, id[:]...)
	return withSum(append(b, next...))
}

func withSum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// sealSlot seals a key under a 32-byte key; head and the slot's place are authenticated.
func sealSlot(under, head []byte, place byte, key []byte, random io.Reader) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSizeX, slotSize)
	fill(random, nonce)
	aead, err := chacha20poly1305.NewX(under)
	if err != nil {
		panic(err) // only for another length than 32
	}
	return aead.Seal(nonce, nonce, key, append(bytes.Clone(head), place))
}

// openSlot returns what a slot holds, or nil.
func openSlot(under, head []byte, place byte, slot []byte) []byte {
	aead, err := chacha20poly1305.NewX(under)
	if err != nil {
		return nil
	}
	nonce, sealed := slot[:chacha20poly1305.NonceSizeX], slot[chacha20poly1305.NonceSizeX:]
	key, err := aead.Open(nil, nonce, sealed, append(bytes.Clone(head), place))
	if err != nil {
		return nil
	}
	return key
}

// noise is a slot that nothing opens.
func noise(random io.Reader) []byte {
	b := make([]byte, slotSize)
	fill(random, b)
	return b
}

// fill reads b full of random bytes. crypto/rand never fails; a vector's source does not either.
func fill(random io.Reader, b []byte) {
	if _, err := io.ReadFull(random, b); err != nil {
		panic(err)
	}
}
