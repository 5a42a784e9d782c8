package censor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
)

// Bounds of the queue: packets that wait for their verdict, and bytes of each
// that are looked at.
const (
	maxWaiting = 4096
	maxPacket  = 4096
	readBuffer = 8 << 20
)

// Queue asks a Judge about every packet that a namespace sends to an NFQUEUE.
type Queue struct {
	nf     *nfqueue.Nfqueue
	judge  *Judge
	delay  atomic.Int64 // time.Duration
	held   chan held
	cancel context.CancelFunc
	wg     sync.WaitGroup
	errs   atomic.Int64
}

// held is a packet that waits until its time comes.
type held struct {
	id   uint32
	due  time.Time
	pass bool
}

// Open binds to queue number num of the network namespace of an open file, and
// judges until Close.
func Open(netns *os.File, num uint16, j *Judge) (*Queue, error) {
	nf, err := nfqueue.Open(&nfqueue.Config{
		NetNS: int(netns.Fd()), NfQueue: num, MaxQueueLen: maxWaiting, MaxPacketLen: maxPacket,
		Copymode: nfqueue.NfQnlCopyPacket, AfFamily: syscall.AF_UNSPEC,
	})
	if err != nil {
		return nil, fmt.Errorf("censor: open queue %d: %w", num, err)
	}
	_ = nf.Con.SetReadBuffer(readBuffer) // a smaller one works too
	ctx, cancel := context.WithCancel(context.Background())
	q := &Queue{nf: nf, judge: j, held: make(chan held, maxWaiting), cancel: cancel}
	if err := nf.RegisterWithErrorFunc(ctx, q.take, q.failed(ctx)); err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("censor: bind to queue %d: %w", num, err), nf.Close())
	}
	q.wg.Go(func() { q.release(ctx) })
	return q, nil
}

// SetDelay holds each packet for d before it goes on.
func (q *Queue) SetDelay(d time.Duration) { q.delay.Store(int64(d)) }

// Failures returns how often packets could not be read or answered: where it is
// not 0, the lab was too slow and its results say little.
func (q *Queue) Failures() int64 { return q.errs.Load() }

// Close stops judging. Packets that still wait are dropped by the kernel.
func (q *Queue) Close() error {
	q.cancel()
	q.wg.Wait()
	return q.nf.Close()
}

func (q *Queue) take(a nfqueue.Attribute) int {
	if a.PacketID == nil {
		return 0
	}
	pass := true
	if a.Payload != nil {
		if p, ok := Parse(*a.Payload); ok {
			pass = q.judge.Pass(time.Now(), p)
		}
	}
	delay := time.Duration(q.delay.Load())
	if delay == 0 {
		q.answer(*a.PacketID, pass)
		return 0
	}
	select {
	case q.held <- held{*a.PacketID, time.Now().Add(delay), pass}:
	default: // as many as the kernel keeps: a full router drops
		q.answer(*a.PacketID, false)
	}
	return 0
}

func (q *Queue) answer(id uint32, pass bool) {
	verdict := nfqueue.NfDrop
	if pass {
		verdict = nfqueue.NfAccept
	}
	if err := q.nf.SetVerdict(id, verdict); err != nil {
		q.errs.Add(1)
	}
}

// failed counts what could not be read; a timeout is only the end.
func (q *Queue) failed(ctx context.Context) nfqueue.ErrorFunc {
	return func(err error) int {
		if ctx.Err() != nil {
			return 1
		}
		q.errs.Add(1)
		if errors.Is(err, syscall.ENOBUFS) {
			return 0 // some were lost, the next ones come
		}
		return 1
	}
}

// release lets held packets go when their time comes, until ctx ends.
func (q *Queue) release(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-q.held:
			timer.Reset(time.Until(h.due))
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			q.answer(h.id, h.pass)
		}
	}
}
