package drip

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Config says how a client gets connections and what its requests look like.
// Open and Prepare are required; every other zero is a good default.
type Config struct {
	// Open returns a fresh connection to the server on which HTTP/1.1 can be spoken
	// in secret. It is called whenever one is needed, by up to Parallel goroutines
	// at once, and blocks as long as it must to space connections out.
	//
	// If what it returns has a method Received() int64, that is taken for the number
	// of bytes that came from the server below TLS, the handshake included. Else
	// that number is estimated.
	Open func(ctx context.Context) (net.Conn, error)
	// Prepare sets path, host and headers of a request, a POST whose body is set
	// afterwards. It must not block. Different goroutines call it at once.
	Prepare func(*http.Request)

	Local, Remote net.Addr // what LocalAddr and RemoteAddr return; nil: addresses that name nothing

	Saver     bool          // ask less often when there is nothing to say: cheaper, and a frozen connection is noticed later
	Down      int           // bytes from the server after which a connection is replaced, TLS and headers included; 0: 9,000
	Up        int           // bytes to the server after which it is replaced; 0: 14,000
	Handshake int           // bytes of a TLS handshake from the server, where Open's connections do not count; 0: 4,500
	Parallel  int           // connections at once when there is much to carry, at least 2; 0: 4
	Expiry    time.Duration // how long a session lives without an answer; 0: 3 minutes
	Linger    time.Duration // how long Close waits until what was written has arrived; 0: 5 seconds
}

// Dial opens a session and returns once the server has answered. ctx bounds the
// dialling only. The connection is a *Conn.
//
// It fails with ErrRefused if what answers is a web site that does not speak drip
// to this client, with ErrFull if the server has no room, or with ctx's error
// beside what went wrong last.
func Dial(ctx context.Context, cfg Config) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}
