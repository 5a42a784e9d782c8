package front

import (
	"net"
	"sync"
)

// connectionsMost bounds the TCP connections to a bridge, whoever they are of: those
// beyond wait in the system's queue.
const connectionsMost = 4096

// crowd is a listener with a bounded number of connections.
type crowd struct {
	net.Listener
	places chan struct{} // holds one for each connection
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *crowd) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &visitorConn{Conn: c, places: l.places}, nil
}

// Close implements net.Listener.
func (l *crowd) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// visitorConn gives its place back when it is closed.
type visitorConn struct {
	net.Conn
	once   sync.Once
	places chan struct{}
}

// Close implements net.Conn.
func (c *visitorConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.places })
	return err
}
