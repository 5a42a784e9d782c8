package reach

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/linnet-im/linnet/node/reach/front"
)

// Looks (PROTOCOL.md §20.3): a bridge tells those who came through it which browsers
// to look like on the way to it. Every node answers who asks, all but bridges with
// nothing, and so does a bridge whoever did not come through its door.
const (
	looksProtocol = protocol.ID("/linnet/looks/1")

	looksSoon  = 2 * time.Second // after a bridge was reached
	looksEvery = 24 * time.Hour
	looksGap   = time.Minute // between two questions to one bridge
	looksTime  = 20 * time.Second
	maxLooks   = 128 // bridges whose looks are known
)

// looks are those of this bridge, if it is one, and those of the bridges of others.
type looks struct {
	host   *Host
	own    []byte // record; nil: none
	serial int64  // of own
	keep   func(peer string, record []byte)

	mu    sync.Mutex
	known map[peer.ID]*front.Profiles
	asks  map[peer.ID]asks
}

// asks is when a bridge is asked.
type asks struct{ last, next time.Time }

// newLooks takes in what was stored. What cannot be read is left out: the browsers in
// the program do for that.
func newLooks(h *Host, cfg Config) *looks {
	l := &looks{host: h, keep: cfg.KeepLooks, known: map[peer.ID]*front.Profiles{}, asks: map[peer.ID]asks{}}
	for id, record := range cfg.Looks {
		p, err := peer.Decode(id)
		if err == nil && len(l.known) < maxLooks {
			l.known[p], err = parseLooks(p, record)
		}
		if err != nil {
			delete(l.known, p)
			h.log.Warn("reach: the looks for a bridge", "err", err)
		}
	}
	return l
}

func parseLooks(p peer.ID, record []byte) (*front.Profiles, error) {
	public, err := p.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return nil, fmt.Errorf("%w: there is no key in the bridge's peer id", front.ErrProfiles)
	}
	raw, err := public.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", front.ErrProfiles, err)
	}
	return front.ParseProfiles(record, raw)
}

// sign makes the record of this bridge of what its owner wrote. The error matches
// ErrSettings and says what is wrong.
func (l *looks) sign(file, seed []byte) error {
	if len(file) == 0 {
		return nil
	}
	key := ed25519.NewKeyFromSeed(seed)
	record, err := front.SignProfiles(file, time.Now(), key)
	if err != nil {
		return fmt.Errorf("%w: what guests of this bridge are to look like: %w", ErrSettings, err)
	}
	own, err := front.ParseProfiles(record, key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	l.own, l.serial = record, own.Serial()
	return nil
}

// of returns what to look like at a bridge's door, nil for what is in the program.
func (l *looks) of(p peer.ID) *front.Profiles {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[p]
}

func (l *looks) forget(p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, p)
	delete(l.asks, p)
}

// startLooks begins to answer and to ask.
func (h *Host) startLooks() error {
	news, err := h.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return err
	}
	h.host.SetStreamHandler(looksProtocol, h.looks.answer)
	h.wg.Go(func() { h.looks.run(news) })
	return nil
}

// answer is the stream handler.
func (l *looks) answer(s network.Stream) {
	_ = s.SetDeadline(time.Now().Add(looksTime))
	var has [8]byte
	if _, err := io.ReadFull(s, has[:]); err != nil {
		_ = s.Reset()
		return
	}
	if l.own != nil && isDoor(s.Conn(), network.DirInbound) && uint64(l.serial) > binary.BigEndian.Uint64(has[:]) {
		if _, err := s.Write(l.own); err != nil {
			_ = s.Reset()
			return
		}
	}
	_ = s.Close()
}

// isDoor reports whether a connection leads through the door of a bridge: that of the
// other side, or, inbound, this node's.
func isDoor(c network.Conn, direction network.Direction) bool {
	way, _, ok := splitInside(c.RemoteMultiaddr())
	return ok && (way == insideVeil || way == insideDrip) && c.Stat().Direction == direction
}

// run asks bridges when they were reached, and each day, until Close.
func (l *looks) run(news event.Subscription) {
	defer news.Close()
	timer := time.NewTimer(looksEvery)
	defer timer.Stop()
	for {
		select {
		case <-l.host.ctx.Done():
			return
		case <-timer.C:
		case ev, ok := <-news.Out():
			if !ok {
				return
			}
			e, ok := ev.(event.EvtPeerIdentificationCompleted)
			if !ok || e.Conn == nil || !isDoor(e.Conn, network.DirOutbound) || !slices.Contains(e.Protocols, looksProtocol) {
				continue
			}
			l.reached(e.Peer, time.Now())
		}
		timer.Reset(l.askDue(time.Now()))
	}
}

// reached has a bridge asked soon.
func (l *looks) reached(p peer.ID, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.asks[p]
	a.next = now.Add(jitter(looksSoon))
	if earliest := a.last.Add(looksGap); a.next.Before(earliest) {
		a.next = earliest
	}
	l.asks[p] = a
}

// askDue asks the bridges that are due and returns how long until the next.
func (l *looks) askDue(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := looksEvery
	for p, a := range l.asks {
		if wait := a.next.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		c := l.host.doorTo(p)
		if c == nil {
			delete(l.asks, p)
			continue
		}
		every := jitter(looksEvery)
		l.asks[p] = asks{last: now, next: now.Add(every)}
		next = min(next, every)
		has := l.known[p].Serial()
		l.host.wg.Go(func() {
			if err := l.ask(c, has); err != nil {
				l.host.log.Debug("reach: ask a bridge for its looks", "peer", p, "err", err)
			}
		})
	}
	return next
}

// doorTo returns a connection that leads through a bridge's door, nil for none.
func (h *Host) doorTo(p peer.ID) network.Conn {
	for _, c := range h.host.Network().ConnsToPeer(p) {
		if !c.IsClosed() && isDoor(c, network.DirOutbound) {
			return c
		}
	}
	return nil
}

// ask asks a bridge, over a line through its door, for a record that is newer than
// the one that is here.
func (l *looks) ask(c network.Conn, has int64) error {
	ctx, cancel := context.WithTimeout(l.host.ctx, looksTime)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	if err := s.SetProtocol(looksProtocol); err != nil {
		return errors.Join(err, s.Reset())
	}
	if err := multistream.SelectProtoOrFail(looksProtocol, s); err != nil {
		return errors.Join(err, s.Reset())
	}
	if _, err := s.Write(binary.BigEndian.AppendUint64(nil, uint64(has))); err != nil {
		return errors.Join(err, s.Reset())
	}
	record, err := io.ReadAll(io.LimitReader(s, front.RecordMost+1))
	if err != nil || len(record) > front.RecordMost {
		return errors.Join(err, s.Reset())
	}
	if len(record) == 0 {
		return nil
	}
	return l.take(c, record)
}

// take takes a record in that came over c: it must be of the bridge at the other end,
// and newer than the one that is here.
func (l *looks) take(c network.Conn, record []byte) error {
	p := c.RemotePeer()
	looks, err := parseLooks(p, record)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch old, known := l.known[p]; {
	case c.IsClosed(): // the bridge may have been forgotten
		return network.ErrReset
	case looks.Serial() <= old.Serial():
		return fmt.Errorf("%w: they are not newer than those in use", front.ErrProfiles)
	case !known && len(l.known) >= maxLooks:
		for other := range l.known { // any: it is asked again
			delete(l.known, other)
			break
		}
	}
	l.known[p] = looks
	if l.keep != nil {
		l.keep(p.String(), record)
	}
	return nil
}
