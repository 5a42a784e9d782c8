package front

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"os"
	"sync"
	"time"
)

// derive returns n bytes that follow from a bridge's key for one purpose.
func derive(key []byte, purpose string, n int) []byte {
	b, err := hkdf.Key(sha256.New, key, nil, "linnet/bridge/1 "+purpose, n)
	if err != nil {
		panic(err) // only for absurd lengths
	}
	return b
}

// selfSigned returns the certificate that follows from a bridge's key: the same
// secret key, and so the same pin, at each start.
func selfSigned(key []byte, name string) (*tls.Certificate, error) {
	secret, err := secretKey(key)
	if err != nil {
		return nil, err
	}
	seed := derive(key, "certificate", 16)
	// Any fixed day will do, as long as bridges do not share one.
	day := int64(binary.BigEndian.Uint32(seed) % 300)
	from := time.Date(2025, 3, 1, int(seed[4])%24, int(seed[5])%60, int(seed[6])%60, 0, time.UTC).AddDate(0, 0, int(day))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(seed[4:]),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    from, NotAfter: from.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, secret.Public(), secret)
	if err != nil {
		return nil, fmt.Errorf("front: make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("front: make a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: secret, Leaf: leaf}, nil
}

// secretKey draws P-256 scalars from the key until one is in range, which all but
// one in 2^32 are. Package ecdsa itself makes no key from given bytes that stays
// the same from release to release.
func secretKey(key []byte) (*ecdsa.PrivateKey, error) {
	for try := range 8 {
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), derive(key, fmt.Sprintf("key %d", try), 32))
		if err == nil {
			return k, nil
		}
	}
	return nil, errors.New("front: no secret key follows from this seed")
}

// pinOf is what Door.Pin says about a certificate.
func pinOf(c *x509.Certificate) [32]byte { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// keeper hands out a certificate from files, and reads them again when they change.
type keeper struct {
	certFile, keyFile string

	mu      sync.Mutex
	cert    *tls.Certificate
	version [2]time.Time // of the files when they were read
	looked  time.Time
}

const lookEvery = 5 * time.Second // at the files

func newKeeper(certFile, keyFile string) (*keeper, error) {
	k := &keeper{certFile: certFile, keyFile: keyFile}
	version, err := k.versions()
	if err != nil {
		return nil, fmt.Errorf("front: the site's certificate: %w", err)
	}
	if k.cert, err = load(certFile, keyFile); err != nil {
		return nil, fmt.Errorf("front: the site's certificate: %w", err)
	}
	k.version, k.looked = version, time.Now()
	return k, nil
}

// get returns the present certificate. Files that cannot be used, such as those
// that are just being written, leave the last good one in force.
func (k *keeper) get() *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookEvery {
		return k.cert
	}
	k.looked = time.Now()
	version, err := k.versions()
	if err != nil || version == k.version {
		return k.cert
	}
	if cert, err := load(k.certFile, k.keyFile); err == nil {
		k.cert, k.version = cert, version
	}
	return k.cert
}

func (k *keeper) versions() (v [2]time.Time, err error) {
	for i, name := range []string{k.certFile, k.keyFile} {
		info, err := os.Stat(name)
		if err != nil {
			return v, err
		}
		v[i] = info.ModTime()
	}
	return v, nil
}

func load(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	if cert.Leaf == nil {
		return nil, errors.New("no certificate in the file")
	}
	return &cert, nil
}

// vouched reports whether roots (nil: the system's) vouch for name in c.
func vouched(c []*x509.Certificate, name string, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, ca := range c[1:] {
		between.AddCert(ca)
	}
	_, err := c[0].Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between})
	return err
}
