package scenes

import (
	"regexp"
	"time"
)

// Scenario is a network and what is promised on it.
type Scenario struct {
	Name  string
	What  string         // in plain words
	First time.Duration  // the first post is there after so long; 0: that is not measured
	Says  *regexp.Regexp // what the sentence must say at the end; nil: not looked at
	Never *regexp.Regexp // what it must not say
	Short bool           // part of the short form
	run   string         // which play it is; see plays
	block string         // the profile of the router
}

// Scenarios returns all of them, in the order of the table.
func Scenarios() []Scenario {
	says := regexp.MustCompile
	direct, bridge := says(`directly`), says(`bridge`)
	blocked := says(`blocked`)
	return []Scenario{
		{Name: "open", What: "nothing is blocked", First: 2 * time.Second, Says: direct, Never: blocked, Short: true, run: "talk", block: "open"},
		{Name: "noudp", What: "UDP is dropped", First: 5 * time.Second, Says: direct, Short: true, run: "talk", block: "noudp"},
		{Name: "only443", What: "only TCP port 443 passes", First: 10 * time.Second, Says: bridge, Never: direct, run: "talk", block: "only443"},
		{Name: "signatures", What: "libp2p is recognised and QUIC and DTLS are blocked", First: 10 * time.Second, Says: bridge, Never: direct, Short: true, run: "talk", block: "signatures"},
		{Name: "strict", What: "the same, and what looks encrypted from the first byte on, and TLS without ALPN", First: 15 * time.Second, Says: bridge, Never: direct, Short: true, run: "talk", block: "strict"},
		{Name: "freeze", What: "every connection freezes after 16 KB from the server", First: 20 * time.Second, Says: bridge, run: "talk", block: "freeze"},
		{Name: "policing", What: "freeze, no UDP, and many TLS connections in quick succession freeze both addresses", First: 20 * time.Second, Says: bridge, Never: direct, Short: true, run: "talk", block: "policing"},
		{Name: "slow", What: "64 kbit/s with 500 ms there and back", First: 15 * time.Second, Says: direct, run: "talk", block: "slow"},
		{Name: "bridges-blocked", What: "only TCP port 443, and the addresses of all known bridges but one are blocked", First: 20 * time.Second, Says: bridge, Never: direct, run: "bridges", block: "bridges-blocked"},
		{Name: "nodns", What: "name servers do not answer", First: 2 * time.Second, Says: direct, Never: blocked, run: "talk", block: "nodns"},
		{Name: "nat", What: "a symmetric NAT on both sides, one volunteer outside", First: 20 * time.Second, Says: says(`volunteer|\d (person|people|by other ways)`), Never: says(`[^a-z]QUIC is blocked`), Short: true, run: "nat", block: "open"},
		{Name: "lan", What: "a local network with no way out", First: 5 * time.Second, Says: says(`on this network`), Never: blocked, Short: true, run: "lan"},
		{Name: "none", What: "no network: a file is carried", Says: says(`no network`), run: "none"},
		{Name: "tor", What: "nothing but a SOCKS proxy can be reached", First: 20 * time.Second, Says: says(`Tor`), Never: direct, run: "tor", block: "open"},
		{Name: "tornet", What: "both sides use Tor, one as an onion service, in a Tor network of Debian's tor with 600 ms there and back", First: 20 * time.Second, Says: says(`Tor`), Never: direct, run: "tornet", block: "far"},
		{Name: "change", What: "open, no UDP, only 443, freeze and open again, while people talk", Short: true, run: "change", block: "open"},
		{Name: "roam", What: "another address in the middle of a talk and of a transfer", run: "roam", block: "open"},
	}
}
