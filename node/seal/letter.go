package seal

import (
	"crypto/hpke"
	"fmt"
	"slices"
)

// A letter is bytes sealed to one prekey, for somebody with whom there is no
// topic yet, or whose devices are fetching what waits for them. It proves nothing
// of its sender: what is in it has to. Whoever gets hold of the private half reads
// every letter that was sealed to it, so it carries only what is sealed or signed
// in itself, and what a link tells anyway.

// MaxLetter is the length in bytes of the longest content of a letter.
const MaxLetter = 240<<10 - 1

const (
	letterVersion = 1
	labelLetter   = "linnet/seal/1/letter"
	letterHead    = 1 + len(prekeyID{})
)

// SealLetter seals content, padded, to a public prekey.
func SealLetter(public, content []byte) ([]byte, error) {
	if len(content) > MaxLetter {
		return nil, fmt.Errorf("%w: a letter of %d bytes, at most %d", ErrLimit, len(content), MaxLetter)
	}
	id := idOfPrekey(public)
	head := append([]byte{letterVersion}, id[:]...)
	sealed, err := sealTo(public, slices.Concat([]byte(labelLetter), head), pad(content))
	if err != nil {
		return nil, fmt.Errorf("%w: prekey", ErrForm)
	}
	return append(head, sealed...), nil
}

// OpenLetter opens a letter from anybody with the prekey that it names, one of
// several. The errors are ErrForm, ErrVersion, ErrLost where it is sealed to none
// of them, and ErrForged.
func OpenLetter(prekeys []Prekey, letter []byte) ([]byte, error) {
	switch {
	case len(letter) < letterHead+encSize+tagSize || len(letter) > letterHead+encSize+tagSize+padded(MaxLetter+1) || letter[0] == 0:
		return nil, ErrForm
	case letter[0] != letterVersion:
		return nil, ErrVersion
	}
	head := letter[:letterHead]
	at := slices.IndexFunc(prekeys, func(p Prekey) bool { return idOfPrekey(p.Public) == prekeyID(head[1:]) })
	if at < 0 {
		return nil, ErrLost
	}
	seed := key(prekeys[at].Seed)
	defer clear(seed[:])
	plain, err := openFrom(&seed, slices.Concat([]byte(labelLetter), head), letter[letterHead:])
	if err != nil {
		return nil, ErrForged
	}
	content, ok := unpad(plain)
	if !ok {
		return nil, ErrForged
	}
	return content, nil
}

// CheckPrekey reports with ErrForm whether a public prekey can be sealed to.
func CheckPrekey(public []byte) error {
	pk, err := hpke.MLKEM768X25519().NewPublicKey(public)
	if err == nil {
		_, err = hpke.Seal(pk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), nil, nil)
	}
	if err != nil {
		return fmt.Errorf("%w: prekey", ErrForm)
	}
	return nil
}
