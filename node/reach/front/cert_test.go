package front

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// write puts the certificate of a key into files, as of a time.
func write(t *testing.T, certFile, keyFile string, key byte, at time.Time) {
	t.Helper()
	cert, err := selfSigned(bytes.Repeat([]byte{key}, 32), "bridge.example")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCertificateFiles: a renewed certificate is used without a restart, and one
// that is half written does no harm.
func TestCertificateFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	synctest.Test(t, func(t *testing.T) {
		write(t, certFile, keyFile, 1, time.Unix(1000, 0))
		k, err := newKeeper(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		first := pinOf(k.get().Leaf)
		write(t, certFile, keyFile, 2, time.Unix(2000, 0))
		if pinOf(k.get().Leaf) != first {
			t.Error("the files are looked at each time")
		}
		time.Sleep(2 * lookEvery)
		second := pinOf(k.get().Leaf)
		if second == first {
			t.Error("a renewed certificate is not used")
		}
		if err := os.WriteFile(certFile, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		if pinOf(k.get().Leaf) != second {
			t.Error("a broken file did harm")
		}
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookEvery)
		if pinOf(k.get().Leaf) != second {
			t.Error("a missing file did harm")
		}
	})
	if _, err := newKeeper(certFile, keyFile); err == nil {
		t.Error("it starts without its files")
	}
}

// TestOwnCertificate: a bridge with a certificate of its own shows that, and its doors
// name it, unless the system's roots vouch for it.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, keyFile, 3, time.Unix(1000, 0))
	s := open(t, func(cfg *Config) { cfg.Name, cfg.CertFile, cfg.KeyFile = "bridge.example", certFile, keyFile })
	echo(t, s)
	own, err := selfSigned(bytes.Repeat([]byte{3}, 32), "bridge.example")
	if err != nil {
		t.Fatal(err)
	}
	if s.Pin() != pinOf(own.Leaf) {
		t.Error("its doors name another certificate")
	}
	var c Client
	conn, err := c.Veil(t.Context(), s.Addr().String(), door(s, passOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	talk(t, conn, 10)
	_ = conn.Close()
}

// TestSecretKey fixes what follows from a key: links that were handed out hold
// its pin.
func TestSecretKey(t *testing.T) {
	k, err := secretKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const want = "04ee56f7965ef00679feab208f733e0479eb4c8609c20cb1cedfa0da907f959106b7bb674b16b56848fdb9ca19057540ec491c5e4bd30815665e2d15c4a8dcff75"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("public key %s", got)
	}
}
