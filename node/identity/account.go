package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
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
func (d Device) Public() Key { return public(d.signer()) }

func (d Device) signer() ed25519.PrivateKey { return derive(d.seed, "linnet/device/1", nil) }

// NewWriter makes a fresh key for one topic. It is random, not derived: no two
// topics' writers can be linked, also by somebody who copies a topic.
func NewWriter() (ed25519.PrivateKey, error) {
	seed, err := newSeed()
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed[:]), nil
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
