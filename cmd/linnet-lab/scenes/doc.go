// Package scenes puts the real, built program on both sides of a router with a
// censor in it, and measures what arrives. It knows the program's flags and its
// local API, and nothing of how the program works.
//
// A [Scenario] is a network with something wrong with it, and what is promised
// there; [Run] goes through several and returns a [Report], which says of each how
// long the first post took, how many of sixty arrived within a minute, which way
// carried them and what the page says. It needs root, Linux, and the commands ip,
// nft, iptables, tc and tcpdump; one scenario needs tor and tor-gencert, too.
//
// Who may call it: cmd/linnet-lab.
package scenes
