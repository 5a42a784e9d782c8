package storage

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// queueBytes bounds what waits for the writer. When it is full, Commit blocks: the caller is slowed, nothing is dropped.
const queueBytes = 4 << 20

// queueCost is what each batch weighs in the queue besides its bytes, which bounds their number too.
const queueCost = 1 << 10

// request is one batch, or one space to drop, or one lane to count as a whole, on its way through the writer.
type request struct {
	batch Batch
	drop  *Space
	mend  *laneRef
	size  int
	items int
	out   []Outcome
	err   error
	done  chan struct{} // one slot; filled when out and err are final
}

// alone tells whether r must have a group of its own.
func (r *request) alone() bool { return r.drop != nil || r.mend != nil || len(r.batch.Moves) > 0 }

func (r *request) cost() int64 { return int64(r.size) + queueCost }

// queue holds requests in order of arrival.
type queue struct {
	room *semaphore.Weighted
	pool sync.Pool // of *request; per store, as channels must not cross synctest bubbles

	mu      sync.Mutex
	waiting []*request
	closed  bool
	wake    chan struct{} // one slot: something changed
}

func (q *queue) init() {
	q.room = semaphore.NewWeighted(queueBytes)
	q.wake = make(chan struct{}, 1)
	q.pool.New = func() any { return &request{done: make(chan struct{}, 1)} }
}

// do hands r to the writer and waits for the answer. ctx bounds only the wait for room: once r is queued its outcome is
// certain to come, and the caller learns it.
func (q *queue) do(ctx context.Context, r *request) error {
	if err := q.room.Acquire(ctx, r.cost()); err != nil {
		return err
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		q.room.Release(r.cost())
		return ErrClosed
	}
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()
	q.poke()
	<-r.done
	return r.err
}

// askFor hands a request to the writer that is no batch.
func (q *queue) askFor(ctx context.Context, what func(*request)) error {
	r := q.pool.Get().(*request)
	r.batch, r.size, r.items, r.out, r.err = Batch{}, 0, 0, nil, nil
	what(r)
	err := q.do(ctx, r)
	r.drop, r.mend = nil, nil
	q.pool.Put(r)
	return err
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take moves into group what fits one transaction. With wait set it blocks until there is something.
// ok is false when the queue is closed and empty.
func (q *queue) take(group []*request, wait bool) (_ []*request, ok bool) {
	for {
		q.mu.Lock()
		group = q.takeLocked(group)
		closed := q.closed
		q.mu.Unlock()
		if len(group) > 0 || closed || !wait {
			return group, len(group) > 0 || !closed
		}
		<-q.wake
	}
}

func (q *queue) takeLocked(group []*request) []*request {
	n, size, items := 0, 0, 0
	var cost int64
	for _, r := range q.waiting {
		size += r.size
		items += r.items
		if n > 0 && (r.alone() || size > MaxBatchBytes || items > MaxBatchItems) {
			break
		}
		n++
		cost += r.cost()
		if r.alone() {
			break
		}
	}
	group = append(group, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	if n > 0 {
		q.room.Release(cost)
	}
	return group
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.poke()
}
