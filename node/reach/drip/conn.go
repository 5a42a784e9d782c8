package drip

import (
	"net"
)

// Conn is one side of a session: a byte stream in both directions. Its methods
// are those of net.Conn, and can be called by several goroutines at once.
type Conn struct {
	net.Conn

	Pass [16]byte // at the server: the pass that opened it
}
