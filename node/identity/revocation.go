package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// RevocationSize is the length in bytes of a revocation: version (1), account,
// device, time and last valid time in ms (8 each, big-endian), signature (64).
const RevocationSize = 1 + 32 + 32 + 8 + 8 + signatureSize

const revocationLabel = "linnet/device-revocation/1"

// Revocation says that a device no longer belongs to an account. It holds for
// ever: who gets the computer back makes a new device on it.
//
// Device zero stands for every device that was certified before Time. It is for
// who has nothing left but the recovery phrase, and so cannot name a device.
type Revocation struct {
	Account, Device Key
	Time            time.Time // when it was said, whole milliseconds
	// LastValid is the last moment in which the owner vouches for the device. It
	// is for showing to people: whoever has a stolen device can give what it
	// signs any date, so nothing is accepted because it claims to be older.
	LastValid time.Time
	sig       [signatureSize]byte
}

// Revoke states that device no longer belongs to the account, and returns the
// revocation's bytes. A lastValid that lies after now becomes now.
func (a Account) Revoke(device Key, now, lastValid time.Time) []byte {
	if lastValid.After(now) {
		lastValid = now
	}
	b := Revocation{Account: a.Public(), Device: device, Time: now, LastValid: lastValid}.said()
	return append(b, ed25519.Sign(a.signer(), labelled(revocationLabel, b))...)
}

// RevokeOlder states that no device certified before now belongs to the account.
// A device that is to stay is certified again, now or later.
func (a Account) RevokeOlder(now time.Time) []byte { return a.Revoke(Key{}, now, now) }

// OpenRevocation checks a revocation from anybody. The caller compares Account.
// The errors are ErrForm, ErrVersion and ErrSignature.
func OpenRevocation(b []byte) (Revocation, error) {
	r, err := open(b)
	if err != nil {
		return Revocation{}, fmt.Errorf("%w: revocation", err)
	}
	v := Revocation{Account: r.key(), Device: r.key(), Time: r.time(), LastValid: r.time(), sig: r.sig()}
	if !r.whole() || v.LastValid.After(v.Time) {
		return Revocation{}, fmt.Errorf("%w: revocation", ErrForm)
	}
	return v, v.verify()
}

// Bytes returns the revocation as it was signed.
func (v Revocation) Bytes() []byte { return append(v.said(), v.sig[:]...) }

func (v Revocation) said() []byte {
	b := make([]byte, 0, RevocationSize)
	b = append(append(append(b, version), v.Account[:]...), v.Device[:]...)
	return appendTime(appendTime(b, v.Time), v.LastValid)
}

func (v Revocation) verify() error {
	if !ed25519.Verify(v.Account[:], labelled(revocationLabel, v.said()), v.sig[:]) {
		return fmt.Errorf("%w: revocation", ErrSignature)
	}
	return nil
}

func (v Revocation) place() place { return place{v.Time.UnixMilli(), v.Device, v.sig} }

// voids reports whether c no longer counts because of v.
func (v Revocation) voids(c Certificate) bool {
	if v.Device == (Key{}) {
		return c.Issued.Before(v.Time)
	}
	return v.Device == c.Device
}
