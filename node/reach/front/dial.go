package front

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// secured is a TLS connection that the bridge itself is at the other end of.
type secured struct {
	net.Conn
	raw *raw
}

// Received returns how many bytes came from the server below TLS.
func (s *secured) Received() int64 { return s.raw.received.Load() }

// raw is the connection below TLS. Its end makes room for another.
type raw struct {
	net.Conn
	received atomic.Int64
	once     sync.Once
	done     func()
}

func (r *raw) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.received.Add(int64(n))
	return n, err
}

func (r *raw) Close() error {
	err := r.Conn.Close()
	r.once.Do(r.done)
	return err
}

// secure opens a TLS connection to the bridge, when its turn has come, and makes
// sure that it is the bridge. Nothing was said on it yet.
func (v *visitor) secure(ctx context.Context) (net.Conn, error) {
	done, err := v.pace.turn(ctx, v.addr)
	if err != nil {
		return nil, err
	}
	dial := v.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	c, err := dial(ctx, "tcp", v.addr)
	if err != nil {
		done()
		return nil, err
	}
	r := &raw{Conn: c, done: done}
	s, err := v.handshake(ctx, r)
	v.fared(v.door, err)
	if err != nil {
		_ = r.Close()
		return nil, err
	}
	return &secured{Conn: s, raw: r}, nil
}

func (v *visitor) handshake(ctx context.Context, r *raw) (net.Conn, error) {
	// Both libraries are told to skip the certificate, because a pin is all that counts.
	if v.look.Hello == helloGo {
		c := tls.Client(r, &tls.Config{ServerName: v.door.Name, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err := c.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("front: TLS handshake: %w", err)
		}
		return c, v.verify(c.ConnectionState().PeerCertificates)
	}
	c, err := v.look.browse(ctx, r, v.door.Name)
	if err != nil {
		return nil, err
	}
	return c, v.verify(c.ConnectionState().PeerCertificates)
}

// verify makes sure that chain is the bridge's.
func (v *visitor) verify(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return ErrPin
	}
	if v.door.Pin != [32]byte{} {
		if pinOf(chain[0]) != v.door.Pin {
			return ErrPin
		}
		return nil
	}
	if err := vouched(chain, v.door.Name, v.Roots); err != nil {
		return errors.Join(ErrPin, err)
	}
	return nil
}
