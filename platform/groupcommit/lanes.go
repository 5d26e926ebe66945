package groupcommit

import (
	"errors"
	"sync"

	"codebank.dev/platform/id"
)

// lanes hold the waiting commands and choose which of them share the next batch. A lane is in one
// batch at a time, so commands of one lane do not wait for each other's locks.
//
// Every batch has a fixed cost. So all waiting commands go into one batch as long as they fit. A
// second batch overlaps with it only when enough commands wait: then the service decides one batch
// while the store writes the other.
type lanes[C, R any] struct {
	maxBatch   int // commands in a batch
	maxWaiting int // commands waiting in all lanes

	mutex    sync.Mutex
	ready    *sync.Cond
	queues   []queue[C, R]
	busy     []bool
	batches  int // being decided or committed
	waiting  int
	closed   bool
	inFlight map[id.ID]*Call[C, R]
}

// Why a call never waited on a lane.
var (
	errBusy   = errors.New("groupcommit: the queue is full")
	errClosed = errors.New("groupcommit: the executor is closed")
)

// overlapShare is the share of a full batch, 1/overlapShare, that must wait in a lane before a
// second batch overlaps with the first.
const overlapShare = 4

// allLanes stands for every lane at once.
const allLanes = -1

// queue is one lane: first in, first out.
type queue[C, R any] struct {
	calls []*Call[C, R]
	head  int
}

func (q *queue[C, R]) len() int { return len(q.calls) - q.head }

func (q *queue[C, R]) push(c *Call[C, R]) { q.calls = append(q.calls, c) }

// pop moves up to n calls to batch.
func (q *queue[C, R]) pop(batch []*Call[C, R], n int) []*Call[C, R] {
	end := min(q.head+n, len(q.calls))
	batch = append(batch, q.calls[q.head:end]...)
	clear(q.calls[q.head:end])
	q.head = end
	if q.head == len(q.calls) {
		q.calls, q.head = q.calls[:0], 0
	} else if q.head >= len(q.calls)/2 {
		rest := copy(q.calls, q.calls[q.head:])
		clear(q.calls[rest:])
		q.calls, q.head = q.calls[:rest], 0
	}
	return batch
}

func newLanes[C, R any](count, limit, bound int) *lanes[C, R] {
	l := &lanes[C, R]{
		maxBatch: limit, maxWaiting: bound,
		queues: make([]queue[C, R], count), busy: make([]bool, count), inFlight: make(map[id.ID]*Call[C, R]),
	}
	l.ready = sync.NewCond(&l.mutex)
	return l
}

// add puts calls on their lanes. A call that cannot wait is marked at once: duplicateOf is the call
// in flight with the same key, or refused is errClosed or errBusy.
func (l *lanes[C, R]) add(calls ...*Call[C, R]) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, c := range calls {
		first, inFlight := l.inFlight[c.Key]
		lane := &l.queues[int(c.Lane)%len(l.queues)]
		switch {
		case l.closed:
			c.refused = errClosed
		case inFlight:
			c.duplicateOf = first
		case l.waiting >= l.maxWaiting:
			c.refused = errBusy
		default:
			lane.push(c)
			l.inFlight[c.Key] = c
			l.waiting++
		}
	}
	l.wake()
}

// take waits until there is a batch and appends its calls to batch. The lane, or all of them,
// belongs to the caller until done. It reports false when the lanes are closed and empty.
func (l *lanes[C, R]) take(batch []*Call[C, R]) (calls []*Call[C, R], lane int, ok bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for {
		if lane, ok := l.next(); ok {
			batch = l.pop(batch, lane)
			l.batches++
			l.waiting -= len(batch)
			l.wake()
			return batch, lane, true
		}
		if l.closed && l.waiting == 0 {
			return nil, 0, false
		}
		l.ready.Wait()
	}
}

// next chooses the commands of the next batch. While all of them fit, it takes all lanes. Otherwise
// it takes one lane: of the free lanes with enough commands, the one whose first command has waited
// longest.
func (l *lanes[C, R]) next() (lane int, ok bool) {
	if l.batches == 0 && l.waiting > 0 && l.waiting <= l.maxBatch {
		return allLanes, true
	}
	enough := 1
	if l.batches > 0 {
		enough = max(l.maxBatch/overlapShare, 1)
	}
	for i := range l.queues {
		if l.busy[i] || l.queues[i].len() < enough {
			continue
		}
		if !ok || l.first(i).Arrived.Before(l.first(lane).Arrived) {
			lane, ok = i, true
		}
	}
	return lane, ok
}

func (l *lanes[C, R]) first(lane int) *Call[C, R] { return l.queues[lane].calls[l.queues[lane].head] }

func (l *lanes[C, R]) pop(batch []*Call[C, R], lane int) []*Call[C, R] {
	if lane != allLanes {
		l.busy[lane] = true
		return l.queues[lane].pop(batch, l.maxBatch)
	}
	for i := range l.queues {
		l.busy[i] = true
		batch = l.queues[i].pop(batch, l.maxBatch)
	}
	return batch
}

// wake starts another batch when one is ready.
func (l *lanes[C, R]) wake() {
	if _, ok := l.next(); ok {
		l.ready.Signal()
	}
}

// done releases the lane, or all lanes, that take returned.
func (l *lanes[C, R]) done(lane int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for i := range l.busy {
		if lane == allLanes || lane == i {
			l.busy[i] = false
		}
	}
	l.batches--
	if l.closed {
		l.ready.Broadcast()
		return
	}
	l.wake()
}

// forget removes calls from those in flight, so that their keys can be used again.
func (l *lanes[C, R]) forget(calls []*Call[C, R]) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, c := range calls {
		delete(l.inFlight, c.Key)
	}
}

// close refuses further commands; take still returns those that wait.
func (l *lanes[C, R]) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.closed = true
	l.ready.Broadcast()
}

// length returns how many commands wait.
func (l *lanes[C, R]) length() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.waiting
}
