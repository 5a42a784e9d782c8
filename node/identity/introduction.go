package identity

import (
	"crypto/ed25519"
	"fmt"
)

const (
	introDeviceLabel = "linnet/introduction/device/1"
	introWriterLabel = "linnet/introduction/writer/1"
)

// MaxIntroduction is the length in bytes of the longest introduction: version
// (1), certificate, name behind its length (1), the device's signature, the writer's.
const MaxIntroduction = 1 + CertificateSize + 1 + MaxName + 2*signatureSize

// Introduction says which device, and so which account, writes under a
// pseudonym in a topic. Device and writer both sign it, over the topic, the
// writer's key and all that it says: nobody can claim somebody else's pseudonym,
// and no pseudonym can claim somebody else's account.
//
// It travels inside sealed bodies only. It is proof for whoever gets to read it,
// for outsiders too if a member hands it on (PROTOCOL.md §2.5).
type Introduction struct {
	Certificate Certificate // of the device; whether it was revoked says a DeviceList
	Name        string      // what the person goes by here, CleanName's form; may be empty
}

// Introduce signs i for the writer key that this device has in a topic, and
// returns the introduction's bytes. i.Certificate must be this device's.
func (d Device) Introduce(i Introduction, topic [32]byte, writer ed25519.PrivateKey) ([]byte, error) {
	if i.Certificate.Device != d.Public() {
		return nil, fmt.Errorf("%w: the certificate is another device's", ErrForm)
	}
	if err := checkName(i.Name); err != nil {
		return nil, err
	}
	said := i.said()
	context := introContext(topic, public(writer), said)
	said = append(said, ed25519.Sign(d.signer(), labelled(introDeviceLabel, context))...)
	return append(said, ed25519.Sign(writer, labelled(introWriterLabel, context))...), nil
}

// OpenIntroduction checks an introduction from anybody that came in a record of
// writer in topic. Each of the three signatures in it is checked, about 150 µs.
// The errors are ErrForm, ErrVersion and ErrSignature.
func OpenIntroduction(b []byte, topic [32]byte, writer Key) (Introduction, error) {
	i, deviceSig, writerSig, err := decodeIntroduction(b)
	if err != nil {
		return Introduction{}, fmt.Errorf("%w: introduction", err)
	}
	if err := i.Certificate.verify(); err != nil {
		return Introduction{}, err
	}
	context := introContext(topic, writer, i.said())
	if !ed25519.Verify(i.Certificate.Device[:], labelled(introDeviceLabel, context), deviceSig[:]) ||
		!ed25519.Verify(writer[:], labelled(introWriterLabel, context), writerSig[:]) {
		return Introduction{}, fmt.Errorf("%w: introduction", ErrSignature)
	}
	return i, nil
}

func decodeIntroduction(b []byte) (i Introduction, device, writer [signatureSize]byte, err error) {
	r, err := open(b)
	if err != nil {
		return i, device, writer, err
	}
	if i.Certificate, err = readCertificate(&r); err != nil {
		return i, device, writer, err
	}
	i.Name = string(r.short(MaxName))
	device, writer = r.sig(), r.sig()
	if !r.whole() {
		return i, device, writer, ErrForm
	}
	return i, device, writer, checkName(i.Name)
}

func (i Introduction) said() []byte {
	b := append([]byte{version}, i.Certificate.Bytes()...)
	return appendShort(b, []byte(i.Name))
}

// introContext is what both sign behind their labels.
func introContext(topic [32]byte, writer Key, said []byte) []byte {
	b := append(topic[:], writer[:]...)
	return append(b, said...)
}
