package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// SeedSize is the length in bytes of an account's and of a device's secret.
const SeedSize = 32

// Key is an Ed25519 public key of an account or a device.
type Key [32]byte

// Account is a person. Its seed is the only secret that a recovery needs.
type Account struct{ seed [SeedSize]byte }

// NewAccount makes an account from the system's random source.
func NewAccount() (Account, error) {
	seed, err := newSeed()
	return Account{seed}, err
}

// AccountFrom restores an account from Seed.
func AccountFrom(seed []byte) (Account, error) {
	if len(seed) != SeedSize {
		return Account{}, fmt.Errorf("identity: seed of %d bytes, must be %d", len(seed), SeedSize)
	}
	return Account{[SeedSize]byte(seed)}, nil
}

// Seed returns the account's secret. Whoever has it is the person.
func (a Account) Seed() []byte { return a.seed[:] }

// Public returns the account's public key.
func (a Account) Public() Key { return public(a.signer()) }

// TopicRoot derives the root key of a topic that this account creates. nonce is
// the one in the topic's genesis, so that the account finds its own topics
// again while nobody else can link two of them.
func (a Account) TopicRoot(nonce []byte) ed25519.PrivateKey {
	return derive(a.seed, "linnet/topic-root/1", nonce)
}

func (a Account) signer() ed25519.PrivateKey { return derive(a.seed, "linnet/account/1", nil) }

// Device is one installation.
type Device struct{ seed [SeedSize]byte }

// NewDevice makes a device from the system's random source.
func NewDevice() (Device, error) {
	seed, err := newSeed()
	return Device{seed}, err
}

// DeviceFrom restores a device from Seed.
func DeviceFrom(seed []byte) (Device, error) {
	if len(seed) != SeedSize {
		return Device{}, fmt.Errorf("identity: seed of %d bytes, must be %d", len(seed), SeedSize)
	}
	return Device{[SeedSize]byte(seed)}, nil
}

// Seed returns the device's secret.
func (d Device) Seed() []byte { return d.seed[:] }

// Public returns the device's public key.
func (d Device) Public() Key { return public(derive(d.seed, "linnet/device/1", nil)) }

// NewWriter makes a fresh key for one topic. It is random, not derived: no two
// topics' writers can be linked, also by somebody who copies a topic.
func NewWriter() (ed25519.PrivateKey, error) {
	seed, err := newSeed()
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
}

const certPrefix = "linnet/device-certificate/1"

// CertificateSize is the length in bytes of a certificate: account, device,
// time in ms (8, big-endian), signature (64).
const CertificateSize = 32 + 32 + 8 + 64

// ErrCertificate means that a certificate is malformed or not signed by its account.
var ErrCertificate = errors.New("identity: bad certificate")

// Certificate is an opened device certificate.
type Certificate struct {
	Account, Device Key
	Issued          time.Time
}

// Certify states that device belongs to the account.
func (a Account) Certify(device Key, now time.Time) []byte {
	account := a.Public()
	cert := append(append([]byte{}, account[:]...), device[:]...)
	for ms, shift := uint64(now.UnixMilli()), 56; shift >= 0; shift -= 8 {
		cert = append(cert, byte(ms>>shift))
	}
	return append(cert, ed25519.Sign(a.signer(), append([]byte(certPrefix), cert...))...)
}

// OpenCertificate checks a certificate from anybody.
func OpenCertificate(b []byte) (Certificate, error) {
	if len(b) != CertificateSize {
		return Certificate{}, ErrCertificate
	}
	said, sig := b[:CertificateSize-64], b[CertificateSize-64:]
	if !ed25519.Verify(said[:32], append([]byte(certPrefix), said...), sig) {
		return Certificate{}, ErrCertificate
	}
	var ms uint64
	for _, c := range said[64:] {
		ms = ms<<8 | uint64(c)
	}
	if ms >= 1<<47 {
		return Certificate{}, ErrCertificate
	}
	return Certificate{Key(said[:32]), Key(said[32:64]), time.UnixMilli(int64(ms))}, nil
}

func newSeed() (seed [SeedSize]byte, err error) {
	_, err = rand.Read(seed[:])
	return seed, err
}

// derive expands a secret into an Ed25519 key for one purpose (HKDF-SHA256, RFC 5869).
func derive(seed [SeedSize]byte, purpose string, salt []byte) ed25519.PrivateKey {
	out, err := hkdf.Key(sha256.New, seed[:], salt, purpose, ed25519.SeedSize)
	if err != nil {
		panic(err) // lengths are constant
	}
	return ed25519.NewKeyFromSeed(out)
}

func public(k ed25519.PrivateKey) Key { return Key(k.Public().(ed25519.PublicKey)) }
