package scenes

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/netns"
)

// proxy is a SOCKS5 proxy (RFC 1928) on a host, for CONNECT and without a password.
type proxy struct {
	host   *netns.Host
	l      net.Listener
	made   atomic.Int64 // connections
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

var errSOCKS = errors.New("scenes: not a SOCKS5 request")

// openProxy serves until Close.
func openProxy(ctx context.Context, h *netns.Host, addr string) (*proxy, error) {
	l, err := h.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &proxy{host: h, l: l}
	p.ctx, p.cancel = context.WithCancel(background)
	p.wg.Go(p.accept)
	return p, nil
}

// Close ends all connections.
func (p *proxy) Close() error {
	p.cancel()
	err := p.l.Close()
	p.wg.Wait()
	return err
}

// accept ends when the listener does.
func (p *proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() {
			defer c.Close()
			_ = p.serve(c) // the client sees that it ends
		})
	}
}

func (p *proxy) serve(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	to, err := readRequest(c)
	if err != nil {
		return err
	}
	out, err := p.host.Dial(p.ctx, "tcp", to)
	if err != nil {
		_, err = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // connection refused
		return err
	}
	defer out.Close()
	p.made.Add(1)
	if _, err := c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	_ = c.SetDeadline(time.Time{})
	stop := context.AfterFunc(p.ctx, func() { c.Close(); out.Close() })
	defer stop()
	p.wg.Go(func() {
		_, _ = io.Copy(out, c)
		_ = out.(*net.TCPConn).CloseWrite()
	})
	_, err = io.Copy(c, out)
	return err
}

// readRequest reads the greeting and a CONNECT, and returns where to.
func readRequest(c io.ReadWriter) (string, error) {
	b := make([]byte, 2+255)
	if _, err := io.ReadFull(c, b[:2]); err != nil || b[0] != 5 {
		return "", errSOCKS
	}
	if _, err := io.ReadFull(c, b[:b[1]]); err != nil {
		return "", err
	}
	if _, err := c.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(c, b[:4]); err != nil || b[0] != 5 || b[1] != 1 {
		return "", errSOCKS
	}
	size := map[byte]int{1: 4, 4: 16}[b[3]]
	if b[3] == 3 {
		if _, err := io.ReadFull(c, b[:1]); err != nil {
			return "", err
		}
		size = int(b[0])
		if _, err := io.ReadFull(c, b[:size+2]); err != nil {
			return "", err
		}
		return net.JoinHostPort(string(b[:size]), port(b[size:])), nil
	}
	if size == 0 {
		return "", errSOCKS
	}
	if _, err := io.ReadFull(c, b[:size+2]); err != nil {
		return "", err
	}
	addr, _ := netip.AddrFromSlice(b[:size])
	return net.JoinHostPort(addr.String(), port(b[size:])), nil
}

func port(b []byte) string { return strconv.Itoa(int(binary.BigEndian.Uint16(b))) }
