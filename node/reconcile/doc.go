// Package reconcile finds out in which items two ordered sets differ, without
// sending either set: range-based set reconciliation, in the messages of
// negentropy version 1 (https://github.com/hoytech/negentropy).
//
// One side asks ([Asker]), the other answers ([Answer]) and keeps no state. A
// message says about ranges of (time, id): nothing, a fingerprint, or all the
// ids in it. Where fingerprints differ the range is cut into parts, until few
// enough ids are left to be named. Two equal sets are known to be equal after 20
// bytes one way and one byte back, at any size.
//
// It is a pure state machine: it refuses to know networks, files, clocks and
// what an item is. Room node joins its [Set] to the index in storage and its
// messages to a stream; nobody else calls it.
//
// # What it proves
//
// Equal fingerprints are evidence, not proof. A fingerprint is the first half of
// a hash over the sum of the ids modulo 2^256, and a sum can be steered: whoever
// may pick many thousand ids, each out of some hundred thousand and independently
// of the others, can make two different sets have the same sum (Wagner's
// generalized birthday, some 2^32 ids in all). Ids here are SHA-256 of signed
// records, so that nobody can choose one, only try; and each record names the one
// before it in its writer's chain, so that independent tries take as many writers
// as there are ids to pick. For anybody else it is as hard as 128 bits. Two nodes
// fooled like that would believe that they agree, until either meets a third. And
// an answering side may simply lie and call a range equal. Neither costs a reader
// more than silence would: completeness is proved by chains and checkpoints.
//
// # What a hostile peer can do
//
// Each message is checked as a whole before the set is asked. The work for one
// message is bounded: at most 4,096 ranges, and a reply of at most
// [Options.MaxFrame] bytes. An exchange ends after [Options.MaxRounds] rounds, or
// at once when a reply settles nothing.
//
//	a := reconcile.NewAsker(set, reconcile.Options{})
//	msg, err := a.Start()
//	for err == nil && msg != nil {
//		reply := … // the peer's reconcile.Answer(itsSet, msg, reconcile.Options{})
//		msg, err = a.Next(reply)
//		fetch(a.Take())
//	}
package reconcile
