// Package seal encrypts what is written in a topic for the devices that belong
// to it: two people with a few devices, or some hundreds of members, by one
// mechanism (PROTOCOL.md §11).
//
// The main type is [Session]: one device's end in one topic. It is a pure state
// machine. It refuses to know networks, files, clocks, people, how a membership
// is folded, and what a text says; times are passed in and state is rows of
// bytes. Room node offers it every record of the topic that passed the verdict,
// tells it the membership, publishes the bodies that it makes, and stores
// [Session.Changes] in one transaction with the records; room attach uses it too.
// Nobody else does. Methods of one session are not called concurrently.
//
//	s, err := seal.New(seal.Config{Topic: topic, Self: writer, Kind: seal.Private}, rows, now)
//	err = s.SetMembers(seal.Membership{Present: devices}, now)
//	bodies, err := s.Seal(seal.Draft{Seq: next, Time: now, Text: post}) // sign and publish them in order
//	news, err := s.Receive(record, now)                                // news.Plaintext, or ErrPending: offer it again later
//	store(s.Changes())
//
// # How it works
//
// Each device announces prekeys: public keys of X-Wing, which is X25519 and
// ML-KEM-768 (FIPS 203) together (draft-connolly-cfrg-xwing-kem). An epoch is a
// fresh secret that one device seals to the newest prekey of every other, with
// HPKE (RFC 9180, base mode; crypto/hpke). The epoch's id is a commitment to the
// secret, its starter, its start and its members, so that no starter can give two
// members different secrets. From the secret comes one chain for each writer, and
// the secret is erased. A chain is a tree of 1,024 keys of which each is made
// once and erased (RFC 9420 §9 does the same): no order of arrival needs more than
// ten derivations, and what was read cannot be read again. A text is sealed with
// XChaCha20-Poly1305, a random nonce, and topic, writer, seq, epoch and index as
// associated data, after padding to one of a few lengths.
//
// Any number of epochs can be open. Everybody writes in the one that was started
// last among those that cover the present membership: sealed to no device that
// is no member, and to each member whose prekey is known. Where there is none the
// next to write starts one, or the device whose turn it is after some minutes.
// In a direct topic a new one starts also when the other side has offered a new
// prekey, and in any after seven days or 1,000 records.
//
// # What it gives
//
//   - Outsiders and mirrors read nothing, now or with a quantum computer later.
//   - A removed device reads nothing that is written by whoever knows of its removal.
//   - A newcomer reads nothing older, unless the topic gives newcomers a past.
//   - Whoever steals a device's whole state does not read texts that the device
//     had read or written before, apart from those sealed under a prekey whose
//     private half was still there: the newest, and older ones for 30 days, or
//     until every device is known to have used a newer one ([Session.Complete]). In
//     a direct topic of two devices that is the last one or two turns.
//   - Once the device has announced a new prekey and an epoch was sealed to it, or
//     it has started one itself, whoever only holds the stolen state reads nothing
//     that is written in it. [Session.Start] is for who fears that this happened.
//   - Nobody who belongs is locked out by splits, loss, delay, or by having been
//     away for months, short of the numbers under Limits.
//
// # What it does not give
//
//   - Healing by itself takes time in a private topic: up to a week until a new
//     prekey, and another until the next epoch, if the membership stays as it is.
//   - Not against an active thief, who has the signing key too: he announces
//     prekeys in the device's name until it is removed.
//   - No deniability: every record is signed.
//   - No hiding of sizes (only of exact ones), times, writers' pseudonyms, nor of
//     which pseudonyms an epoch was sealed to. Nor which record holds keys.
//   - Where a topic gives newcomers a past, the keys of just that past lie on every
//     device, and a stolen state reads it. Whoever gets "the last N" from a lying
//     inviter in league with a writer may see other texts than the rest did.
//   - A silent device keeps older prekeys of all the others alive: 30 days.
//   - A member who misbehaves can leave others out of an epoch that it starts. They
//     notice (ErrLost) and start the next; its name is on the record.
//   - Erased means that the row is gone and memory is overwritten where Go lets us.
//     The store's own traces are the store's to deal with.
//
// # Limits
//
// 512 member devices. Keys wait 30 days for what is late; only time in which the
// device ran counts, at most a day between two calls. 1,024 open epochs of one
// starter, 4,096 in all, with 131,072 chains in all: the earliest go first, those
// of whoever has most. 1,024 records of one writer in an epoch. A session that was
// rolled back seals safely, but what it seals with an index for the second time
// is not readable to who has read the first.
package seal
