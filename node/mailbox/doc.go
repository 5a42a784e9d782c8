// Package mailbox keeps sealed mail for people who are away: one person's node
// keeps it, another person's devices fetch it when they are back (PROTOCOL.md,
// Mailbox).
//
// It speaks the stream protocol and keeps the books. It refuses to know topics,
// records, accounts and text: a mail is up to 256 KiB of bytes that somebody else
// has sealed and padded, named by their SHA-256. Its main types are [Keeper],
// which keeps mail for others, and [Client], which agrees with keepers, puts mail
// there and collects it. Room node calls both, joins the keeper to a [Store] and
// to a [Policy], and says for whom mail is kept.
//
// A *box* is an Ed25519 public key that its owner, the recipient, made for mail
// only. What the owner asks of a keeper is signed with the box key. Whoever may
// leave mail was given an [Address]: the box, and one *deposit key* that is the
// same for all of them. Each request is signed over a fresh challenge of the
// keeper, the peer ids of both ends and its number on the stream, so that it is
// of no use at another keeper, to another peer or a second time.
//
//	k, err := mailbox.Open(mailbox.Config{Host: h, Store: rows, Policy: contacts}) // who keeps
//
//	c := mailbox.NewClient(h, reach.Dial)
//	_, err = c.Agree(ctx, keeper, boxKey, mailbox.Terms{Deposit: depositPublic, Quota: 8 << 20, Term: 60 * 24 * time.Hour})
//	places, err := c.Put(ctx, mailbox.Delivery{To: address, Mails: sealed, Keepers: keepers, Copies: 2})
//	visits, err := c.Collect(ctx, boxKey, keepers, taker) // mail goes to taker; what it takes is done with at the keepers
//	states, err := c.Status(ctx, address, keepers, ids)   // "fetched" carries the owner's signature
//
// # What a keeper learns
//
//   - Peer id and network address of whoever connects, and when: of the owner's
//     devices as they agree and collect, and of the depositors. The keeper is told
//     which box a contact of its person uses; that contact's account it knows then.
//   - Which connection put which mail into which box, and which one took it out.
//     The deposit key does not tell depositors apart, the connection does: a peer
//     id is the same from day to day, and a depositor that the keeper's person
//     knows anyway is known. Who wants to hide that puts mail through others.
//   - For each mail: its length as the depositor padded it, its hash, when it came,
//     how long it is wanted, when it was fetched or that it was not. Equal mail at
//     two keepers has an equal name: keepers that compare notes see that it is the same.
//   - That the depositor asks for the state of a mail, and when.
//
// It learns neither text, nor topic, nor a depositor's account or writer key: none
// of them is in this protocol, and a box key is linked to nothing else.
//
// # What a keeper can do
//
// It can drop mail, say that it keeps what it does not keep, hide mail from its
// owner, answer slowly or never. Put a copy at several, and keep a mail until it is
// fetched. It cannot change mail unseen, make mail up that the owner would hold for
// a depositor's (what is sealed proves itself), nor say that a mail was fetched that
// was not: that needs a [Receipt], signed with the box key.
//
// Whoever holds the address can fill the box with rubbish up to its quota, and can
// ask for the state of a mail whose bytes it knows. The owner ends that by agreeing
// anew with another deposit key.
package mailbox
