package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// CertificateSize is the length in bytes of a device certificate: version (1),
// account, device, time in ms (8, big-endian), signature (64).
const CertificateSize = 1 + 32 + 32 + 8 + signatureSize

const certificateLabel = "linnet/device-certificate/1"

// Certificate says that a device belongs to an account. It names nobody, and
// has no number: the device's key is its name, and the newest certificate of a
// device is the one that counts. Only OpenCertificate makes one that proves
// anything; its fields are not to be changed.
type Certificate struct {
	Account, Device Key
	Issued          time.Time // whole milliseconds
	sig             [signatureSize]byte
}

// Certify states that device belongs to the account, and returns the certificate's bytes.
func (a Account) Certify(device Key, now time.Time) []byte {
	b := Certificate{Account: a.Public(), Device: device, Issued: now}.said()
	return append(b, ed25519.Sign(a.signer(), labelled(certificateLabel, b))...)
}

// OpenCertificate checks a certificate from anybody. The caller compares
// Account with the account that it expects: each can certify any device.
// The errors are ErrForm, ErrVersion and ErrSignature.
func OpenCertificate(b []byte) (Certificate, error) {
	r := reader{rest: b}
	c, err := readCertificate(&r)
	if err == nil && !r.whole() {
		err = ErrForm
	}
	if err != nil {
		return Certificate{}, fmt.Errorf("%w: certificate", err)
	}
	return c, c.verify()
}

// readCertificate takes a certificate from the front, without looking at its signature.
func readCertificate(r *reader) (Certificate, error) {
	if v := r.byte(); !r.bad && v > version {
		return Certificate{}, ErrVersion
	} else if v != version {
		return Certificate{}, ErrForm
	}
	c := Certificate{Account: r.key(), Device: r.key(), Issued: r.time(), sig: r.sig()}
	if r.bad || c.Device == (Key{}) {
		return Certificate{}, ErrForm
	}
	return c, nil
}

// Bytes returns the certificate as it was signed.
func (c Certificate) Bytes() []byte { return append(c.said(), c.sig[:]...) }

// said is the part that is signed.
func (c Certificate) said() []byte {
	b := make([]byte, 0, CertificateSize)
	b = append(append(append(b, version), c.Account[:]...), c.Device[:]...)
	return appendTime(b, c.Issued)
}

func (c Certificate) verify() error {
	if !ed25519.Verify(c.Account[:], labelled(certificateLabel, c.said()), c.sig[:]) {
		return fmt.Errorf("%w: certificate", ErrSignature)
	}
	return nil
}

// place orders the statements about devices, see DeviceList.
func (c Certificate) place() place { return place{c.Issued.UnixMilli(), c.Device, c.sig} }
