package scenes

import (
	"time"

	"github.com/linnet-im/linnet/cmd/linnet-lab/censor"
)

// profile is what the router does to packets that it forwards.
type profile struct {
	nft   string       // rules in front of the censor, in nftables' language
	rules censor.Rules // of the in-line censor
	rate  string       // of both directions, as tc writes it; empty: unlimited
	delay time.Duration
}

// freezeRule drops both directions once the side that answers has sent 16 KB: TCP
// connections and UDP flows alike.
const freezeRule = "ct reply bytes > 16384 drop\n"

// profiles by name.
func profiles() map[string]profile {
	only443 := "tcp dport 443 accept\ntcp sport 443 accept\ndrop\n"
	return map[string]profile{
		"open":            {},
		"noudp":           {nft: "meta l4proto udp drop\n"},
		"only443":         {nft: only443},
		"signatures":      {rules: censor.Signatures},
		"strict":          {rules: censor.Strict},
		"freeze":          {nft: freezeRule},
		"policing":        {nft: "meta l4proto udp drop\n" + freezeRule, rules: censor.Policing},
		"slow":            {rate: "64kbit", delay: 250 * time.Millisecond},
		"far":             {delay: 150 * time.Millisecond},
		"nodns":           {nft: "meta l4proto { tcp, udp } th dport { 53, 853 } drop\n"},
		"bridges-blocked": {nft: "ip saddr != " + clientNet + " ip daddr != " + clientNet + " accept\nip saddr " + clientNet + " ip daddr { " + serverAddr(0) + ", " + serverAddr(1) + " } drop\n" + only443},
	}
}
