package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/linnet-im/linnet/node/reconcile"
	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// patience is how long either side waits for the other to send or take
// something. A slow line may need long for all of an answer, but not for a piece.
const patience = 20 * time.Second

// steady is a stream that ends when nothing moves for patience.
type steady struct{ network.Stream }

func (s steady) Read(b []byte) (int, error) {
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return s.Stream.Read(b)
}

func (s steady) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return s.Stream.Write(b)
}

// maxContactsFrame is the size of the largest contacts frame worth reading.
const maxContactsFrame = 32 << 10

// Client asks.
type Client struct {
	host      host.Host
	unpackers sync.Pool // of *zstd.Decoder
}

// NewClient returns a client that asks over h.
func NewClient(h host.Host) *Client {
	return &Client{host: h, unpackers: sync.Pool{New: func() any { return newDecoder() }}}
}

// Ops asks a connected peer for the ops of a topic and hands each to take as it
// arrives, the genesis first, then the newest; take owns the slice. It returns
// where other followers are, as the peer claims. It blocks until the peer has
// answered, ctx ends or nothing came for 20 seconds.
func (c *Client) Ops(ctx context.Context, from string, id record.TopicID, take func(raw []byte) error) ([]topic.Contact, error) {
	return c.ops(ctx, from, request{Type: askOps, Topic: id[:], N: maxOps}, take)
}

// Contacts asks a connected peer where other followers of a topic are. It blocks
// like Ops.
func (c *Client) Contacts(ctx context.Context, from string, id record.TopicID) ([]topic.Contact, error) {
	return c.ops(ctx, from, request{Type: askOps, Topic: id[:]}, nil)
}

func (c *Client) ops(ctx context.Context, from string, q request, take func(raw []byte) error) ([]topic.Contact, error) {
	var contacts []topic.Contact
	err := c.ask(ctx, from, q, func(status byte, r *bufio.Reader) error {
		if status == statusHere && take != nil {
			if err := readRecords(r, take); err != nil {
				return err
			}
		}
		b, err := readFrame(r, maxContactsFrame)
		if err == nil {
			contacts, err = decodeContacts(b)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history: ask %s for ops: %w", from, err)
	}
	return contacts, nil
}

// Nudge tells a connected peer that there is news of a topic here which gossip may
// not bring: it compares soon. It blocks like Ops.
func (c *Client) Nudge(ctx context.Context, to string, id record.TopicID) error {
	err := c.ask(ctx, to, request{Type: askNudge, Topic: id[:]}, func(byte, *bufio.Reader) error { return nil })
	if err != nil {
		return fmt.Errorf("history: tell %s: %w", to, err)
	}
	return nil
}

// Carry asks a connected peer to keep and serve a topic whose link it is given, or,
// with a zero id and any text, whether it does that for this node at all. The
// error matches ErrUnknown where it does not do that. It blocks like Ops.
func (c *Client) Carry(ctx context.Context, to string, id record.TopicID, link string) error {
	err := c.ask(ctx, to, request{Type: askCarry, Topic: id[:], Talk: []byte(link)}, func(byte, *bufio.Reader) error { return nil })
	if err != nil {
		return fmt.Errorf("history: ask %s to carry a topic: %w", to, err)
	}
	return nil
}

// Whole is how much of a topic a peer has, as it claims.
type Whole struct {
	Same  bool // it has just what the asker has; the rest is empty
	Lanes map[Lane]LaneSum
	Forks [][2]record.ID // pairs of records with one writer and number
}

// LaneSum sums up one lane.
type LaneSum struct {
	Count uint64
	Print reconcile.Fingerprint
}

// Sums asks a connected peer how much of a topic it has, beside what book has.
// It blocks like Ops.
func (c *Client) Sums(ctx context.Context, from string, id record.TopicID, book Book) (w Whole, err error) {
	mine, err := sumUp(book)
	if err != nil {
		return w, err
	}
	digest := mine.digest(book.Forks())
	err = c.ask(ctx, from, request{Type: askSums, Topic: id[:], Sums: digest[:]}, func(status byte, r *bufio.Reader) error {
		if w.Same = status == statusSame; w.Same {
			return nil
		}
		b, err := readFrame(r, maxSums)
		if err != nil {
			return err
		}
		w, err = decodeSums(b)
		return err
	})
	if err != nil {
		return w, fmt.Errorf("history: ask %s how much there is: %w", from, err)
	}
	return w, nil
}

// reconcile carries one message of a reconciliation there and the answer back.
func (c *Client) reconcile(ctx context.Context, from string, id record.TopicID, l Lane, msg []byte) (reply []byte, err error) {
	err = c.ask(ctx, from, request{Type: askReconcile, Topic: id[:], Lane: l, Talk: msg}, func(_ byte, r *bufio.Reader) error {
		reply, err = readFrame(r, maxMessage)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history: reconcile with %s: %w", from, err)
	}
	return reply, nil
}

// outline asks how many records a peer has in a part of a lane, and for places
// that cut it into pieces of about step.
func (c *Client) outline(ctx context.Context, from string, id record.TopicID, l Lane, part reconcile.Range, step int) (count uint64, cuts []reconcile.Bound, err error) {
	q := request{Type: askOutline, Topic: id[:], Lane: l, N: uint64(step)}
	q.setPart(part)
	err = c.ask(ctx, from, q, func(_ byte, r *bufio.Reader) error {
		b, err := readFrame(r, 10+maxPieces*placeSize)
		if err != nil {
			return err
		}
		count, cuts, err = decodeOutline(b, part)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("history: ask %s for an outline: %w", from, err)
	}
	return count, cuts, nil
}

// part fetches up to n records of a part of a lane, the newest first, and hands
// them to take in batches. all reports whether the peer has no more of it.
func (c *Client) part(ctx context.Context, from string, id record.TopicID, l Lane, part reconcile.Range, n int, take func([]*record.Record) error) (all bool, err error) {
	q := request{Type: askRange, Topic: id[:], Lane: l, N: uint64(n)}
	q.setPart(part)
	return c.unpack(ctx, from, q, min(n, maxServed), take)
}

// records fetches up to 1024 records by their ids, as far as the peer has them.
func (c *Client) records(ctx context.Context, from string, id record.TopicID, ids []record.ID, take func([]*record.Record) error) (all bool, err error) {
	q := request{Type: askRecords, Topic: id[:]}
	for _, r := range ids {
		q.IDs = append(q.IDs, r[:]...)
	}
	return c.unpack(ctx, from, q, len(ids), take)
}

func (c *Client) unpack(ctx context.Context, from string, q request, limit int, take func([]*record.Record) error) (all bool, err error) {
	z := c.unpackers.Get().(*zstd.Decoder)
	defer c.unpackers.Put(z)
	err = c.ask(ctx, from, q, func(_ byte, r *bufio.Reader) error {
		all, err = unpack(z, r, limit, take)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("history: fetch from %s: %w", from, err)
	}
	return all, nil
}

// Have asks a connected peer which of up to 256 records it has stored. The
// answer is what the peer says.
func (c *Client) Have(ctx context.Context, from string, id record.TopicID, ids []record.ID) ([]bool, error) {
	q := request{Type: askHave, Topic: id[:]}
	for _, r := range ids {
		q.IDs = append(q.IDs, r[:]...)
	}
	out := make([]bool, len(ids))
	err := c.ask(ctx, from, q, func(status byte, r *bufio.Reader) error {
		bits, err := readFrame(r, maxAsked/8)
		if err != nil || len(bits) != (len(ids)+7)/8 {
			return errors.Join(err, fmt.Errorf("%w: %d bytes for %d ids", ErrProtocol, len(bits), len(ids)))
		}
		for i := range out {
			out[i] = bits[i/8]>>(i%8)&1 == 1
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("history: ask %s what it has: %w", from, err)
	}
	return out, nil
}

// ask opens a stream, sends q, and has read take the answer behind a status
// that is an answer at all.
func (c *Client) ask(ctx context.Context, from string, q request, read func(status byte, r *bufio.Reader) error) error {
	p, err := peer.Decode(from)
	if err != nil {
		return err
	}
	frame, err := q.encode()
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := c.host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(opening, "history"), "history"), p, Protocol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := exchange(steady{s}, frame, read); err != nil {
		_ = s.Reset()
		return err
	}
	return s.Close()
}

func exchange(s network.Stream, question []byte, read func(status byte, r *bufio.Reader) error) error {
	w := bufio.NewWriterSize(s, 512)
	if err := errors.Join(writeFrame(w, question), w.Flush()); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	r := bufio.NewReader(s)
	status, err := r.ReadByte()
	if err != nil {
		return noEOF(err)
	}
	switch status {
	case statusHere, statusSame:
		return read(status, r)
	case statusUnknown:
		return ErrUnknown
	case statusBusy:
		return ErrBusy
	}
	return fmt.Errorf("%w: status %d", ErrProtocol, status)
}

// readRecords reads records up to the empty frame.
func readRecords(r *bufio.Reader, take func(raw []byte) error) error {
	total := 0
	for range maxOps {
		raw, err := readFrame(r, record.MaxRecord)
		if err != nil || raw == nil {
			return err
		}
		if total += len(raw); total > maxOpsBytes {
			break
		}
		if err := take(raw); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d ops", ErrProtocol, maxOps)
}
