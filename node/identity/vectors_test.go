package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// golden reads a file of vectors into want, after writing it from got if -update is given.
func golden(t *testing.T, file string, got, want any) {
	t.Helper()
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("testdata", file), append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	readVectors(t, file, want)
}

func readVectors(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func account(b byte) Account { return Account{[SeedSize]byte(bytes.Repeat([]byte{b}, SeedSize))} }
func device(b byte) Device   { return Device{[SeedSize]byte(bytes.Repeat([]byte{b}, SeedSize))} }

func writer(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, SeedSize))
}

var then = time.UnixMilli(1_700_000_000_123)

// certOf is the certificate of device(d) by account(a).
func certOf(t testing.TB, a, d byte, at time.Time) Certificate {
	t.Helper()
	c, err := OpenCertificate(account(a).Certify(device(d).Public(), at))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func revocationOf(t testing.TB, a, d byte, at time.Time) Revocation {
	t.Helper()
	v, err := OpenRevocation(account(a).Revoke(device(d).Public(), at, at))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// eachByte calls try with b after each of its bytes was changed, with b cut
// after each of its bytes, and with a byte too many.
func eachByte(b []byte, try func(what string, i int, bad []byte)) {
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		try("changed", i, bad)
		try("cut", i, b[:i:i])
	}
	try("longer", len(b), append(bytes.Clone(b), 0))
}
