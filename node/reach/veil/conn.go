package veil

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Limits of one connection.
const (
	frameSize = 16 << 10 // that we send; one TLS record
	frameMax  = 64 << 10 // that we take
	waiting   = 64 << 10 // bytes that wait in each direction
	linger    = time.Second
)

// Conn is a net.Conn whose bytes travel in binary frames. A write returns when its
// bytes wait to be sent, at most 64 KiB of them; a deadline that passes harms
// nothing, and the next one counts. Two goroutines, ended by Close or by the other
// side, move the bytes: a WebSocket itself does not survive a deadline in
// mid-frame.
type Conn struct {
	ws      *websocket.Conn
	in, out *pipe
	wg      sync.WaitGroup
	once    sync.Once
}

func newConn(ws *websocket.Conn) *Conn {
	c := &Conn{ws: ws, in: newPipe(waiting), out: newPipe(waiting)}
	ws.SetReadLimit(frameMax)
	// Ours never ping; whoever does must not make us write.
	ws.SetPingHandler(func(string) error { return nil })
	c.wg.Go(c.receive)
	c.wg.Go(c.send)
	return c
}

// receive moves bytes from the wire to in. It ends when the wire does.
func (c *Conn) receive() {
	err := c.frames()
	c.in.end(err)
	c.out.drop(io.ErrClosedPipe)
}

// frames returns io.EOF after the other side's proper goodbye.
func (c *Conn) frames() error {
	chunk := make([]byte, frameSize)
	for {
		kind, r, err := c.ws.NextReader()
		if err != nil {
			return ending(err)
		}
		if kind != websocket.BinaryMessage {
			return errors.New("veil: a text frame, where only binary ones belong")
		}
		for {
			n, err := r.Read(chunk)
			// After Close nobody reads: what comes is thrown away, up to the goodbye.
			_, _ = c.in.write(chunk[:n])
			if err == io.EOF {
				break
			}
			if err != nil {
				return ending(err)
			}
		}
	}
}

func ending(err error) error {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway) {
		return io.EOF
	}
	if websocket.IsUnexpectedCloseError(err) {
		return io.ErrUnexpectedEOF // cut off, or a goodbye that complains
	}
	return err
}

// send moves bytes from out to the wire. It ends when out does, with a goodbye.
func (c *Conn) send() {
	chunk := make([]byte, frameSize)
	for {
		n, err := c.out.read(chunk)
		if err == io.EOF { // Close, and all is sent
			goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = c.ws.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(linger))
			return
		}
		if err == nil {
			err = c.ws.WriteMessage(websocket.BinaryMessage, chunk[:n])
		}
		if err != nil {
			c.out.drop(io.ErrClosedPipe)
			_ = c.ws.Close() // which ends receive
			return
		}
	}
}

// Read implements net.Conn. It returns io.EOF after the other side has closed, and
// io.ErrUnexpectedEOF when the connection was cut.
func (c *Conn) Read(b []byte) (int, error) { return c.in.read(b) }

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) { return c.out.write(b) }

// Close sends what waits and a goodbye, and waits up to a second for the other
// side's. Calling it again does nothing.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.in.drop(net.ErrClosed)
		c.out.end(io.EOF)
		patience := time.AfterFunc(linger, func() { _ = c.ws.Close() })
		c.wg.Wait()
		patience.Stop()
		_ = c.ws.Close()
	})
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.ws.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { c.in.set(&c.in.readers, t); return nil }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { c.out.set(&c.out.writers, t); return nil }
