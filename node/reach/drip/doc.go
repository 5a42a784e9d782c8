// Package drip carries one reliable connection over many short HTTP/1.1 requests
// (PROTOCOL.md, Drip), for networks that freeze each TLS connection after some
// 16 KB from the server and punish whoever opens many of them at once.
//
// It refuses to know TLS, tickets, browsers and libp2p: whoever dials gives it
// secured connections as it asks for them, and sets path and headers of each
// request; whoever serves checks these and hands the request on. Room front does
// both. Its main types are [Conn], a net.Conn whose bytes arrive exactly once and
// in order whatever becomes of the connections below, and [Server].
//
// A session outlives its connections: each has a budget of bytes and is replaced
// before it reaches it, the next one opened ahead; what gets no answer is sent
// again on another. Neither a change of address nor some minutes without network
// end it. Then both sides fail with [ErrLost].
//
//	c, err := drip.Dial(ctx, drip.Config{Open: open, Prepare: prepare, Remote: addr})
//
//	s := drip.NewServer(drip.Limits{})
//	s.Serve(w, r, pass)     // a request whose ticket was found good
//	c, err := s.Accept()    // c.Pass says whose it is
//	s.Drop(pass)            // this pass is taken back
//	defer s.Close()
package drip
