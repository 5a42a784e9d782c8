package front

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// A ticket is the path of a request that is let in (PROTOCOL.md, Bridges): index,
// nonce, time, count and code, 44 bytes in base64url behind a slash. The index
// names the pass for an hour without giving it away, so that a bridge finds it at
// once among thousands. Who opens a connection draws a nonce; the requests of one
// drip session share it, and their counts tell them apart.
const (
	indexSize  = 8
	nonceSize  = 12
	codeSize   = 16
	ticketSize = indexSize + nonceSize + 4 + 4 + codeSize
	slotLength = int64(time.Hour / time.Second)
)

type (
	pass  = [16]byte
	index [indexSize]byte
)

type ticket struct {
	Nonce [nonceSize]byte
	Time  uint32 // seconds since 1970
	Count uint32
}

func newTicket() ticket {
	var t ticket
	_, _ = rand.Read(t.Nonce[:]) // never fails
	return t
}

func (t ticket) slot() int64 { return int64(t.Time) / slotLength }

// path returns the path that lets whoever knows p in by way.
func (t ticket) path(p pass, way string) string {
	i := indexOf(p, t.slot())
	b := make([]byte, 0, ticketSize)
	b = append(b, i[:]...)
	b = append(b, t.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, t.Time)
	b = binary.BigEndian.AppendUint32(b, t.Count)
	b = append(b, t.code(p, way)...)
	return "/" + base64.RawURLEncoding.EncodeToString(b)
}

// parseTicket takes a path apart. Whether it lets anybody in is for the gate to say.
func parseTicket(path string) (t ticket, i index, code []byte, ok bool) {
	text, slash := strings.CutPrefix(path, "/")
	if !slash || len(text) != base64.RawURLEncoding.EncodedLen(ticketSize) {
		return t, i, nil, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != ticketSize { // line ends in the text are skipped by the decoder
		return t, i, nil, false
	}
	copy(i[:], b)
	copy(t.Nonce[:], b[indexSize:])
	b = b[indexSize+nonceSize:]
	t.Time, t.Count = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	return t, i, b[8:], true
}

func indexOf(p pass, slot int64) index {
	m := hmac.New(sha256.New, p[:])
	m.Write([]byte("linnet/bridge/1 index"))
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(slot)))
	return index(m.Sum(nil))
}

func (t ticket) code(p pass, way string) []byte {
	m := hmac.New(sha256.New, p[:])
	m.Write([]byte("linnet/bridge/1 " + way))
	m.Write(t.Nonce[:])
	m.Write(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, t.Time), t.Count))
	return m.Sum(nil)[:codeSize]
}
