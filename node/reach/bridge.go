package reach

// PassSize is the length in bytes of a pass.
const PassSize = 16

// Pass is the secret that lets whoever has it through a bridge. Each person gets
// one of their own, so that one can be taken back.
type Pass [PassSize]byte

// BridgeConfig says how this node is a bridge: a web site, and for who has a pass
// the way to this node behind it (PROTOCOL.md, Bridges).
type BridgeConfig struct {
	Listen   string   // host:port to listen on, such as 0.0.0.0:443
	Public   []string // IP:port at which others reach Listen; empty: what this host finds out about itself
	Name     string   // the site's name in the TLS handshake; empty: one is made up from Key
	Site     string   // http:// or https:// URL of a real site to show to everybody else; empty: a page of its own
	CertFile string   // PEM, with KeyFile: the site's own certificate; empty: self-signed, pinned in bridge links
	KeyFile  string
	// Looks is JSON with the browsers that guests are to look like on their way here
	// (PROTOCOL.md §20.3), as its owner wrote it; empty: those in their own programs.
	Looks  []byte
	Key    []byte     // 32 bytes, from which the self-signed certificate and the made-up site follow, the same at each start; required
	Passes []Pass     // who is let in; SetPasses changes that
	Used   func(Pass) // called when somebody has come with a pass, from any goroutine; must not block; may be nil
}
