package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/linnet-im/linnet/node/record"
	"github.com/linnet-im/linnet/node/topic"
)

// exchangeTimeout bounds one exchange on both sides.
const exchangeTimeout = 30 * time.Second

// maxContactsFrame is the size of the largest contacts frame worth reading.
const maxContactsFrame = 32 << 10

// Client asks.
type Client struct{ Host host.Host }

// Ops asks a connected peer for the ops of a topic, unless they are those of
// have, and hands each to take as it arrives; take owns the slice. It returns
// where other followers are, as the peer claims. It blocks until the peer has
// answered, ctx ends or 30 seconds have passed.
func (c Client) Ops(ctx context.Context, from string, id record.TopicID, have Digest, take func(raw []byte) error) ([]topic.Contact, error) {
	var contacts []topic.Contact
	q := request{Type: askOps, Topic: id[:], Count: have.Count, Xor: have.Xor[:]}
	err := c.ask(ctx, from, q, func(status byte, r *bufio.Reader) error {
		if status == statusHere {
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

// Have asks a connected peer which of up to 256 records it has stored. The
// answer is what the peer says.
func (c Client) Have(ctx context.Context, from string, id record.TopicID, ids []record.ID) ([]bool, error) {
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
func (c Client) ask(ctx context.Context, from string, q request, read func(status byte, r *bufio.Reader) error) error {
	p, err := peer.Decode(from)
	if err != nil {
		return err
	}
	frame, err := q.encode()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	s, err := c.Host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(ctx, "history"), "history"), p, Protocol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := exchange(s, frame, read); err != nil {
		_ = s.Reset()
		return err
	}
	return s.Close()
}

func exchange(s network.Stream, question []byte, read func(status byte, r *bufio.Reader) error) error {
	if err := writeFrame(s, question); err != nil {
		return err
	}
	if err := s.CloseWrite(); err != nil {
		return err
	}
	r := bufio.NewReader(s)
	status, err := r.ReadByte()
	if err != nil {
		return err
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
