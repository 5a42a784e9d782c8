package censor

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// The first bytes by which protocols give themselves away. Each of these looks at
// one payload and remembers nothing.

var (
	multistream = []byte("/multistream/1.0.0")
	webrtcName  = []byte("libp2p+webrtc")
)

// isMultistream: every connection of libp2p over TCP begins so.
func isMultistream(b []byte) bool { return bytes.Contains(b, multistream) }

// isWebRTC: libp2p's webrtc-direct says its name in the STUN user name.
func isWebRTC(b []byte) bool { return bytes.Contains(b, webrtcName) }

// isQUICv1: a long header of version 1 (RFC 9000 §17.2).
func isQUICv1(b []byte) bool {
	return len(b) >= 5 && b[0]&0xc0 == 0xc0 && binary.BigEndian.Uint32(b[1:]) == 1
}

// isDTLSHello: a handshake record of DTLS 1.0 to 1.3 with a ClientHello in it
// (RFC 6347 §4.1 and §4.2.2).
func isDTLSHello(b []byte) bool {
	return len(b) >= 14 && b[0] == recordHandshake && b[1] == 0xfe && b[2] >= 0xfc && b[13] == handshakeHello
}

// httpStarts are the beginnings that exempt a payload as HTTP.
var httpStarts = [...]string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI * "}

// The exemptions of the rule for traffic that is encrypted from its first byte
// on, as described in "How the Great Firewall of China Detects and Blocks Fully
// Encrypted Traffic" (USENIX Security 2023).
const (
	fewBits        = 3.4 // set bits per byte, at most
	manyBits       = 4.6 // set bits per byte, at least
	printableStart = 6   // so many printable bytes at the front
	printableRun   = 20  // more than so many in a row
)

// isFullyEncrypted reports whether the first payload of a client looks like
// nothing that is known, which that rule takes for a reason to block.
func isFullyEncrypted(b []byte) bool {
	if len(b) == 0 || TLSPrefix(b) {
		return false
	}
	for _, s := range httpStarts {
		if bytes.HasPrefix(b, []byte(s)) {
			return false
		}
	}
	ones, printables, run, longest, front := 0, 0, 0, 0, 0
	for i, c := range b {
		ones += bits.OnesCount8(c)
		if c < 0x20 || c > 0x7e {
			run = 0
			continue
		}
		printables++
		run++
		longest = max(longest, run)
		if run == i+1 {
			front = run
		}
	}
	if average := float64(ones) / float64(len(b)); average <= fewBits || average >= manyBits {
		return false
	}
	return front < printableStart && printables*2 <= len(b) && longest <= printableRun
}
