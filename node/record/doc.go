// Package record is the unit that everything in Linnet is made of: a signed,
// immutable, hash-linked statement by one writer in one topic.
//
// It holds the canonical bytes, the id, the chain rule and the limits
// (PROTOCOL.md §1), and refuses to know what a body says, who may write or
// where records are kept: those are the rooms topic, message and storage. It
// has no goroutine, file or socket, and anybody may call it from anywhere.
//
// The main type is [Record]. It carries the exact bytes that were signed and
// is never encoded a second time:
//
//	r, err := record.Sign(record.Header{Topic: id, Seq: 1, Time: now, Kind: record.KindPost}, body, key)
//	wire := r.Bytes()
//	same, err := record.Decode(wire) // form, limits, id, body hash
//	err = same.Verify()              // the signature
package record
