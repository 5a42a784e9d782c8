// Package censor is a small in-line censor for the laboratory: it looks at the
// packets that a router forwards, as published accounts of real censors say that
// those do, and says which may go on. It knows packets and nothing of Linnet.
//
// [Judge] is the censor itself: packets and times in, verdicts out, no I/O. [Open],
// on Linux, puts one behind an NFQUEUE of a network namespace and can hold each
// packet for a while first, because the kernels that we test on lack netem.
//
//	j := censor.NewJudge(censor.Multistream | censor.QUICv1)
//	q, err := censor.Open(netns, 1, j)      // netns: an open file of /run/netns
//	defer q.Close()
//
// Who may call it: cmd/linnet-lab, and nothing that is shipped. The rules are
// models of published ones; that Linnet passes them does not show that it passes
// a real censor.
package censor
