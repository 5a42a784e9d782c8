package drip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// version is the first byte of each packet (PROTOCOL.md, Drip).
const version = 1

// Flags of packets.
const (
	flagEnd   = 1  // both: the data ends the stream of its sender
	flagOpen  = 2  // ask: make the session if it does not exist
	flagAgain = 4  // ask: nothing else is on its way to the client, go on from its ack
	flagKept  = 8  // answer: the data of the ask is held, though its ack may lie below
	flagMore  = 16 // answer: there is more than fitted
	flagGone  = 32 // answer: no such session, or it has ended
	flagFull  = 64 // answer: no room for another session
)

const (
	askFlags    = flagEnd | flagOpen | flagAgain
	answerFlags = flagEnd | flagKept | flagMore | flagGone | flagFull

	askHead    = 1 + 1 + 16 + 8 + 4 + 2 + 2 + 8
	answerHead = 1 + 1 + 16 + 8 + 4 + 8

	maxData = 8 << 10 // bytes of data in a packet
)

// errPacket means that bytes are no packet of this version.
var errPacket = errors.New("drip: not a packet")

// sessionID names a session. Its client makes it up.
type sessionID [16]byte

// ask is the body of a request.
type ask struct {
	Flags   byte
	Session sessionID
	Ack     uint64        // bytes that the client has received in order; the end counts as one
	Window  uint32        // how many more it has room for
	Want    int           // data bytes that the answer may carry
	Wait    time.Duration // how long to wait for data to answer with, whole milliseconds
	Offset  uint64        // where Data begins in the client's stream
	Data    []byte
}

// answer is the body of a response.
type answer struct {
	Flags   byte
	Session sessionID
	Ack     uint64
	Window  uint32
	Offset  uint64
	Data    []byte
}

func (a ask) has(flag byte) bool    { return a.Flags&flag != 0 }
func (a answer) has(flag byte) bool { return a.Flags&flag != 0 }

func (a ask) encode() []byte {
	b := make([]byte, 0, askHead+len(a.Data))
	b = append(b, version, a.Flags)
	b = append(b, a.Session[:]...)
	b = binary.BigEndian.AppendUint64(b, a.Ack)
	b = binary.BigEndian.AppendUint32(b, a.Window)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Want))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Wait/time.Millisecond))
	b = binary.BigEndian.AppendUint64(b, a.Offset)
	return append(b, a.Data...)
}

func decodeAsk(b []byte) (a ask, err error) {
	if err := head(b, askHead, askFlags); err != nil {
		return a, err
	}
	a.Flags, a.Session = b[1], sessionID(b[2:])
	a.Ack = binary.BigEndian.Uint64(b[18:])
	a.Window = binary.BigEndian.Uint32(b[26:])
	a.Want = int(binary.BigEndian.Uint16(b[30:]))
	a.Wait = time.Duration(binary.BigEndian.Uint16(b[32:])) * time.Millisecond
	a.Offset = binary.BigEndian.Uint64(b[34:])
	a.Data = b[askHead:]
	return a, bounds(a.Ack, a.Offset)
}

func (a answer) encode() []byte {
	b := make([]byte, 0, answerHead+len(a.Data))
	b = append(b, version, a.Flags)
	b = append(b, a.Session[:]...)
	b = binary.BigEndian.AppendUint64(b, a.Ack)
	b = binary.BigEndian.AppendUint32(b, a.Window)
	b = binary.BigEndian.AppendUint64(b, a.Offset)
	return append(b, a.Data...)
}

func decodeAnswer(b []byte) (a answer, err error) {
	if err := head(b, answerHead, answerFlags); err != nil {
		return a, err
	}
	a.Flags, a.Session = b[1], sessionID(b[2:])
	a.Ack = binary.BigEndian.Uint64(b[18:])
	a.Window = binary.BigEndian.Uint32(b[26:])
	a.Offset = binary.BigEndian.Uint64(b[30:])
	a.Data = b[answerHead:]
	return a, bounds(a.Ack, a.Offset)
}

func head(b []byte, size int, flags byte) error {
	switch {
	case len(b) < size || len(b) > size+maxData:
		return fmt.Errorf("%w: %d bytes", errPacket, len(b))
	case b[0] != version:
		return fmt.Errorf("%w: version %d", errPacket, b[0])
	case b[1]&^flags != 0:
		return fmt.Errorf("%w: flags %#x", errPacket, b[1])
	}
	return nil
}

// maxOffset bounds offsets, so that none wraps around when lengths are added.
const maxOffset = 1 << 60

func bounds(offsets ...uint64) error {
	for _, o := range offsets {
		if o > maxOffset {
			return fmt.Errorf("%w: offset %d", errPacket, o)
		}
	}
	return nil
}
