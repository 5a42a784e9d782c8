package seal

import (
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of what HPKE makes here: RFC 9180 with the X-Wing KEM
// (draft-connolly-cfrg-xwing-kem, as MLKEM768-X25519 in draft-ietf-hpke-pq;
// ML-KEM-768 is FIPS 203), HKDF-SHA256 and ChaCha20-Poly1305.
const (
	seedSize   = 32
	publicSize = 1184 + 32
	encSize    = 1088 + 32
	secretSize = 32
	entrySize  = 8 + encSize + secretSize + 16
	nonceSize  = chacha20poly1305.NonceSizeX
	tagSize    = chacha20poly1305.Overhead
)

// Labels keep every derivation apart from every other (PROTOCOL.md §11.2).
const (
	labelPrekey  = "linnet/seal/1/prekey"
	labelMembers = "linnet/seal/1/members"
	labelContext = "linnet/seal/1/context"
	labelEpoch   = "linnet/seal/1/epoch"
	labelSecret  = "linnet/seal/1/secret"
	labelRoot    = "linnet/seal/1/root"
	labelChain   = "linnet/seal/1/chain"
	labelNode    = "linnet/seal/1/node"
	labelKey     = "linnet/seal/1/key"
	labelMessage = "linnet/seal/1/message"
	labelPast    = "linnet/seal/1/past"
	labelRank    = "linnet/seal/1/rank"
)

type key [32]byte

func hash(parts ...[]byte) (sum [32]byte) {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(sum[:0])
	return sum
}

// expand is HKDF-Expand (RFC 5869) to n bytes, at most 64 here.
func expand(k *key, info string, n int) []byte {
	out, err := hkdf.Expand(sha256.New, k[:], info, n)
	if err != nil {
		panic(err) // only for lengths that are not used here
	}
	return out
}

// extract is HKDF (RFC 5869) to 32 bytes.
func extract(k *key, salt []byte, info string) [32]byte {
	out, err := hkdf.Key(sha256.New, k[:], salt, info, 32)
	if err != nil {
		panic(err) // only for lengths that are not used here
	}
	return [32]byte(out)
}

func idOfPrekey(public []byte) prekeyID {
	sum := hash([]byte(labelPrekey), public)
	return prekeyID(sum[:8])
}

// membersDigest names a set of writers, given in ascending order.
func membersDigest(members []Writer) [32]byte {
	b := []byte(labelMembers)
	for _, w := range members {
		b = append(b, w[:]...)
	}
	return hash(b)
}

// contextOf is what an epoch id commits to besides topic and secret.
func contextOf(starter Writer, started int64, members [32]byte) [32]byte {
	b := append([]byte(labelContext), starter[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(started))
	return hash(b, members[:])
}

// commit makes the epoch id. Two secrets with one id would be a collision of
// SHA-256: extract and expand are HMACs over inputs of fixed length.
func commit(topic Topic, secret *key, context [32]byte) EpochID {
	return extract(secret, topic[:], labelEpoch+string(context[:]))
}

func rootOf(secret *key, id EpochID) key {
	return extract(secret, id[:], labelRoot)
}

func chainOf(root *key, w Writer) key {
	return key(expand(root, labelChain+string(w[:]), 32))
}

func messageAAD(topic Topic, w Writer, seq uint64, id EpochID, index uint16) []byte {
	b := make([]byte, 0, 128)
	b = append(b, labelMessage...)
	b = append(b, topic[:]...)
	b = append(b, w[:]...)
	b = binary.BigEndian.AppendUint64(b, seq)
	b = append(b, id[:]...)
	return binary.BigEndian.AppendUint16(b, index)
}

func secretInfo(topic Topic, id EpochID, to Writer, p prekeyID) []byte {
	return slices.Concat([]byte(labelSecret), topic[:], id[:], to[:], p[:])
}

func pastInfo(topic Topic, from, to Writer, p prekeyID) []byte {
	return slices.Concat([]byte(labelPast), topic[:], from[:], to[:], p[:])
}

func sealTo(public, info, plaintext []byte) ([]byte, error) {
	pk, err := hpke.MLKEM768X25519().NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	return hpke.Seal(pk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, plaintext)
}

func openFrom(seed *key, info, sealed []byte) ([]byte, error) {
	sk, err := hpke.MLKEM768X25519().NewPrivateKey(seed[:])
	if err != nil {
		return nil, err
	}
	return hpke.Open(sk, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info, sealed)
}
