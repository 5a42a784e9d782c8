// Package storage keeps records in order, on this disk, in one Badger database.
//
// It knows bytes only: a [Record] is opaque data with a place ([Space], [Lane], [Pos]) and a link in a [Chain].
// What the bytes mean, who signed them and whether they are welcome is decided before [Store.Commit] is called.
// Only the node opens a store; one process at a time holds a folder. No Badger type leaves this package.
//
//	s, err := storage.Open(ctx, storage.Options{Dir: dir, Key: key})
//	out, err := s.Commit(ctx, storage.Batch{Puts: []storage.Put{{Record: rec, Event: ev}}, Durable: true})
//	page, err := s.Range(space, lane, storage.Query{Limit: 50, Newest: true})
//
// # Writing
//
// One goroutine writes. It takes every batch that waits (up to about 1 MB, half of what one Badger transaction
// of the 12 MB memtable can hold), commits them as one transaction, answers those that need no more, syncs once if any
// batch asked for it, and answers the rest. A batch is there as a whole or not at all, after a crash too.
//
// # Contract on ids
//
// An ID names exactly one record: same space, lane, chain, seq, time and data (callers use a hash of the record).
// The store finds duplicates by chain and seq, which costs no read for the newest record of a chain.
//
// # Sums
//
// The records of a lane lie in blocks of some 256 in order, each with its bounds, count and sum of ids, so that [Store.Sum]
// of any part is that of whole blocks and of two bits that are read. A record that comes last, as most do, changes only the
// tail, which has no row until it is full; one that comes elsewhere changes the row of its block, once for each transaction.
// Blocks are read when a lane is first used, and take 128 bytes each in memory. Rows and records change in one transaction.
// A lane whose rows do not agree with its number of records (those of format 1 have none) is counted once, see mend.go.
//
// # Keys
//
// All numbers big-endian. num is a 4-byte number given to each space and never reused while any key of it is left.
//
//	01 num lane time(8) id(32)      record: format 1, chain(32), seq uvarint, data
//	02 num id(32)                   id index: lane, time(8)
//	03 num chain(32) seq(8)         chain index: lane, time(8), id(32)
//	04 num chain(32)                head: id(32), time(8), then seq, count, low as uvarints
//	05 space(32)                    space: num(4), then records, chains, missing, lane mask and lanes as uvarints;
//	                                num alone while the store is open, or after a crash: see spaces.go
//	06 last seq(8)                  journal chunk: count uvarint, then each event as length uvarint and bytes
//	07 name                         state value, sealed: nonce(24), XChaCha20-Poly1305 with the name as additional data
//	08 num                          drop marker: this num is being deleted, step by step
//	09 name                         meta: "epoch" (8 hex characters), "floor" (8 bytes: oldest journal seq kept)
//	0a num lane no(4)               block: first and last place, each time(8) id(32), sum of ids(32), count uvarint
package storage
