package storage

import (
	"encoding/binary"
	"errors"
)

// Key prefixes, one byte each: see the table in doc.go.
const (
	keyRecord  = 0x01
	keyID      = 0x02
	keyChain   = 0x03
	keyHead    = 0x04
	keySpace   = 0x05
	keyJournal = 0x06
	keyState   = 0x07
	keyDrop    = 0x08
	keyMeta    = 0x09
	keyBlock   = 0x0a
)

// Lengths of the keys that have a fixed one.
const (
	lenRecordKey  = 1 + 4 + 1 + 8 + 32
	lenIDKey      = 1 + 4 + 32
	lenChainKey   = 1 + 4 + 32 + 8
	lenHeadKey    = 1 + 4 + 32
	lenSpaceKey   = 1 + 32
	lenJournalKey = 1 + 8
	lenDropKey    = 1 + 4
	lenBlockKey   = 1 + 4 + 1 + 4
)

// spaceKinds are the prefixes of which each key starts with a space number.
var spaceKinds = [...]byte{keyRecord, keyID, keyChain, keyHead, keyBlock}

var errKey = errors.New("malformed key")

func appendNum(b []byte, kind byte, num uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, kind), num)
}

func appendRecordKey(b []byte, num uint32, ln Lane, p Pos) []byte {
	b = appendLanePrefix(b, keyRecord, laneRef{num, ln})
	b = binary.BigEndian.AppendUint64(b, uint64(p.Time))
	return append(b, p.ID[:]...)
}

// appendLanePrefix begins the keys of a lane.
func appendLanePrefix(b []byte, kind byte, ref laneRef) []byte {
	return append(appendNum(b, kind, ref.num), byte(ref.ln))
}

func appendBlockKey(b []byte, ref laneRef, no uint32) []byte {
	return binary.BigEndian.AppendUint32(appendLanePrefix(b, keyBlock, ref), no)
}

func appendIDKey(b []byte, num uint32, id ID) []byte {
	return append(appendNum(b, keyID, num), id[:]...)
}

func appendChainKey(b []byte, num uint32, ch Chain, seq uint64) []byte {
	b = append(appendNum(b, keyChain, num), ch[:]...)
	return binary.BigEndian.AppendUint64(b, seq)
}

func appendHeadKey(b []byte, num uint32, ch Chain) []byte {
	return append(appendNum(b, keyHead, num), ch[:]...)
}

func spaceKey(sp Space) []byte { return append([]byte{keySpace}, sp[:]...) }

func journalKey(last uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyJournal}, last)
}

func stateKey(name string) []byte { return append([]byte{keyState}, name...) }

func dropKey(num uint32) []byte { return appendNum(nil, keyDrop, num) }

func metaKey(name string) []byte { return append([]byte{keyMeta}, name...) }

func parseRecordKey(k []byte) (num uint32, ln Lane, p Pos, err error) {
	if len(k) != lenRecordKey || k[0] != keyRecord || k[5] > byte(MaxLane) {
		return 0, 0, Pos{}, errKey
	}
	p.Time = int64(binary.BigEndian.Uint64(k[6:]))
	if p.Time < 0 {
		return 0, 0, Pos{}, errKey
	}
	copy(p.ID[:], k[14:])
	return binary.BigEndian.Uint32(k[1:]), Lane(k[5]), p, nil
}

func parseIDKey(k []byte) (num uint32, id ID, err error) {
	if len(k) != lenIDKey || k[0] != keyID {
		return 0, ID{}, errKey
	}
	return binary.BigEndian.Uint32(k[1:]), ID(k[5:]), nil
}

func parseChainKey(k []byte) (num uint32, ch Chain, seq uint64, err error) {
	if len(k) != lenChainKey || k[0] != keyChain {
		return 0, Chain{}, 0, errKey
	}
	return binary.BigEndian.Uint32(k[1:]), Chain(k[5:37]), binary.BigEndian.Uint64(k[37:]), nil
}

func parseHeadKey(k []byte) (num uint32, ch Chain, err error) {
	if len(k) != lenHeadKey || k[0] != keyHead {
		return 0, Chain{}, errKey
	}
	return binary.BigEndian.Uint32(k[1:]), Chain(k[5:]), nil
}

func parseSpaceKey(k []byte) (Space, error) {
	if len(k) != lenSpaceKey || k[0] != keySpace {
		return Space{}, errKey
	}
	return Space(k[1:]), nil
}

func parseJournalKey(k []byte) (last uint64, err error) {
	if len(k) != lenJournalKey || k[0] != keyJournal {
		return 0, errKey
	}
	return binary.BigEndian.Uint64(k[1:]), nil
}

func parseDropKey(k []byte) (num uint32, err error) {
	if len(k) != lenDropKey || k[0] != keyDrop {
		return 0, errKey
	}
	return binary.BigEndian.Uint32(k[1:]), nil
}

func parseBlockKey(k []byte) (ref laneRef, no uint32, err error) {
	if len(k) != lenBlockKey || k[0] != keyBlock || k[5] > byte(MaxLane) {
		return laneRef{}, 0, errKey
	}
	return laneRef{binary.BigEndian.Uint32(k[1:]), Lane(k[5])}, binary.BigEndian.Uint32(k[6:]), nil
}
