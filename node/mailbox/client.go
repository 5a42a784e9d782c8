package mailbox

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// maxKeepers is how many keepers a client talks with at once.
const maxKeepers = 8

// Client talks with keepers, each named by its peer id. Its methods block until the
// keepers have answered, ctx ends, or nothing moved for 20 seconds, and may be
// called from several goroutines. It keeps nothing between calls.
type Client struct {
	host host.Host
	dial func(ctx context.Context, keeper string) error
}

// NewClient returns a client that talks over h. dial brings up a line to a keeper,
// a limited one will do, and returns nil at once if there is one; a nil dial
// means that only connected keepers are talked with.
func NewClient(h host.Host, dial func(ctx context.Context, keeper string) error) *Client {
	if dial == nil {
		dial = func(context.Context, string) error { return nil }
	}
	return &Client{host: h, dial: dial}
}

// Agree asks a keeper to keep the box of key, or to go on keeping it on other terms
// for another term; mail that is there stays. From then on only want.Deposit opens
// the box for depositors. It returns what the keeper grants, which may be less.
func (c *Client) Agree(ctx context.Context, keeper string, key ed25519.PrivateKey, want Terms) (a Agreement, err error) {
	if err := whole(key); err != nil {
		return a, err
	}
	if !want.valid() {
		return a, fmt.Errorf("mailbox: terms need a deposit key, at least %d bytes and a second", MinQuota)
	}
	q := request{Type: askAgree, Box: BoxOf(key), Terms: want}
	err = c.visit(ctx, keeper, func(s *session) error {
		if err := s.ask(q, key); err != nil {
			return err
		}
		b, err := readFrame(s.r, grantSize)
		if err != nil {
			return noEOF(err)
		}
		a, err = decodeGrant(q.Box, b, time.Now())
		return err
	})
	return a, told("agree with", keeper, err)
}

// End has a keeper drop the box of key, with all that is in it. It does not fail
// if there is none.
func (c *Client) End(ctx context.Context, keeper string, key ed25519.PrivateKey) error {
	if err := whole(key); err != nil {
		return err
	}
	err := c.visit(ctx, keeper, func(s *session) error {
		return s.ask(request{Type: askEnd, Box: BoxOf(key)}, key)
	})
	if errors.Is(err, ErrUnknownBox) {
		return nil
	}
	return told("end with", keeper, err)
}

// Status is what keepers say of a mail.
type Status struct {
	ID      MailID
	State   State    // Fetched if Receipt proves it, else Kept if a keeper says so, else Unknown
	Keepers []string // those that say Kept
	Receipt *Receipt // verified
}

// Status asks keepers for the states of mails, in the order of ids. The error joins
// those of keepers that gave no proper answer; what the others said is returned too.
func (c *Client) Status(ctx context.Context, to Address, keepers []string, ids []MailID) ([]Status, error) {
	if err := to.valid(); err != nil {
		return nil, err
	}
	out := make([]Status, len(ids))
	for i, id := range ids {
		out[i] = Status{ID: id, State: Unknown}
	}
	var mu sync.Mutex
	errs := each(keepers, maxKeepers, func(keeper string) error {
		err := c.visit(ctx, keeper, func(s *session) error {
			for at := 0; at < len(ids); at += maxIDs {
				ss, err := s.status(to, ids[at:min(at+maxIDs, len(ids))])
				if err != nil {
					return err
				}
				mu.Lock()
				for i, st := range ss {
					out[at+i].merge(keeper, st)
				}
				mu.Unlock()
			}
			return nil
		})
		return told("ask", keeper, err)
	})
	return out, errors.Join(errs...)
}

func (s *Status) merge(keeper string, st standing) {
	switch {
	case st.State == Fetched:
		s.State, s.Receipt = Fetched, &st.Receipt
	case st.State == Kept:
		s.Keepers = append(s.Keepers, keeper)
		if s.State == Unknown {
			s.State = Kept
		}
	}
}

// each calls do for every item, up to n at once, and waits for all.
func each[T any](items []T, n int, do func(T) error) []error {
	errs := make([]error, len(items))
	slots := make(chan struct{}, n)
	var wg sync.WaitGroup
	for i, item := range items {
		slots <- struct{}{}
		wg.Go(func() { // ends with do
			errs[i] = do(item)
			<-slots
		})
	}
	wg.Wait()
	return errs
}

func whole(key ed25519.PrivateKey) error {
	if len(key) != ed25519.PrivateKeySize {
		return fmt.Errorf("mailbox: box key of %d bytes", len(key))
	}
	return nil
}

func told(what, keeper string, err error) error {
	if err != nil {
		return fmt.Errorf("mailbox: %s %s: %w", what, keeper, err)
	}
	return nil
}

// session is one stream as the asker sees it.
type session struct {
	*line
	talk
	asked uint64
}

// visit opens a stream to a keeper and has do talk over it.
func (c *Client) visit(ctx context.Context, keeper string, do func(*session) error) error {
	p, err := peer.Decode(keeper)
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.dial(opening, keeper); err != nil {
		return err
	}
	st, err := c.host.NewStream(network.WithNoDial(network.WithAllowLimitedConn(opening, "mailbox"), "mailbox"), p, Protocol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	s := &session{line: newLine(st, time.Now().Add(longest)), talk: talk{Keeper: p, Asker: c.host.ID()}}
	if err = s.greet(); err == nil {
		err = do(s)
	}
	return s.finish(ctx, err)
}

func (s *session) finish(ctx context.Context, err error) error {
	if err != nil {
		_ = s.Reset()
		return errors.Join(ctx.Err(), err)
	}
	return s.Close()
}

// greet reads the keeper's challenge.
func (s *session) greet() error {
	status, err := s.r.ReadByte()
	if err != nil {
		return noEOF(err)
	}
	if status != answerHere {
		return refused(status)
	}
	_, err = io.ReadFull(s.r, s.Nonce[:])
	return noEOF(err)
}

// ask sends a request, signed, and reads the status that an answer follows.
func (s *session) ask(q request, key ed25519.PrivateKey) error {
	body := q.encode()
	frame := append(body, ed25519.Sign(key, s.statement(s.asked, body))...)
	s.asked++
	if err := errors.Join(writeFrame(s.w, frame), s.w.Flush()); err != nil {
		return err
	}
	status, err := s.r.ReadByte()
	if err != nil {
		return noEOF(err)
	}
	return refused(status)
}

// refused returns what a status means, nil if an answer follows.
func refused(status byte) error {
	switch status {
	case answerHere:
		return nil
	case answerUnknown:
		return ErrUnknownBox
	case answerBusy:
		return ErrBusy
	case answerRefused:
		return ErrRefused
	case answerFull:
		return ErrFull
	}
	return fmt.Errorf("%w: status %d", ErrProtocol, status)
}

func (s *session) status(to Address, ids []MailID) ([]standing, error) {
	if err := s.ask(request{Type: askStatus, Box: to.Box, IDs: ids}, to.Deposit); err != nil {
		return nil, err
	}
	b, err := readFrame(s.r, len(ids)*(1+receiptSize))
	if err != nil {
		return nil, noEOF(err)
	}
	return decodeStandings(b, to.Box, ids)
}

// Retries after a cut.
const (
	maxDry    = 3   // in a row that brought nothing
	maxVisits = 256 // in all
)

// persist calls try until it returns nil, an answer that does not change, or has
// failed several times without progress; try returns how far it has come.
func persist(ctx context.Context, try func() (progress int64, err error)) error {
	best, dry := int64(0), 0
	var err error
	for range maxVisits {
		var got int64
		got, err = try()
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		if dry++; got > best {
			best, dry = got, 0
		}
		if dry == maxDry {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Duration(1+dry) * 100 * time.Millisecond):
		}
	}
	return err
}

// final reports whether an error is a keeper's answer, not a cut line.
func final(err error) bool {
	for _, e := range []error{ErrUnknownBox, ErrFull, ErrRefused, ErrBusy, ErrProtocol, ErrFalse, errStop} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errStop is for what the caller wanted to end.
var errStop = errors.New("mailbox: stopped")
