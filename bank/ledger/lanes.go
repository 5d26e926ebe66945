package ledger

import (
	"sync"

	"codebank.dev/bank"
)

// lanes hold the commands that wait, by account, and say which of them share the
// next batch. Commands on one account stand in one lane, and a lane is in one batch
// at a time, so they do not wait for each other's locks.
//
// A batch has a price of its own, so what waits goes into one while it fits. A
// second one is begun beside it only when enough waits to be worth it: then the
// bank decides one while the store writes the other.
type lanes struct {
	limit int // of commands in a batch
	bound int // of commands waiting in all lanes

	mutex    sync.Mutex
	ready    *sync.Cond
	queues   []queue
	busy     []bool
	batches  int // under way
	waiting  int
	closed   bool
	inFlight map[bank.ID]*call
}

// besides is which part of a full batch has to wait in a lane to be one beside another.
const besides = 4

// all stands for every lane at once.
const all = -1

// queue is a lane: first in, first out.
type queue struct {
	calls []*call
	head  int
}

func (q *queue) len() int { return len(q.calls) - q.head }

func (q *queue) push(c *call) { q.calls = append(q.calls, c) }

// pop moves up to n calls to batch.
func (q *queue) pop(batch []*call, n int) []*call {
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

func newLanes(count, limit, bound int) *lanes {
	l := &lanes{
		limit: limit, bound: bound,
		queues: make([]queue, count), busy: make([]bool, count), inFlight: make(map[bank.ID]*call),
	}
	l.ready = sync.NewCond(&l.mutex)
	return l
}

// add puts calls on their lanes. One that cannot wait there is told at once: it has
// the call in flight with the same key as its twin, or errClosed or errBusy.
func (l *lanes) add(calls ...*call) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, c := range calls {
		twin, inFlight := l.inFlight[c.key]
		lane := &l.queues[laneOf(c, len(l.queues))]
		switch {
		case l.closed:
			c.refused = errClosed
		case inFlight:
			c.twin = twin
		case l.waiting >= l.bound:
			c.refused = errBusy.After(retryAfterBusy)
		default:
			lane.push(c)
			l.inFlight[c.key] = c
			l.waiting++
		}
	}
	l.wake()
}

// take waits for what makes a batch and appends it to batch. lane, or all of them, is
// the caller's until done. It reports false when the lanes are closed and empty.
func (l *lanes) take(batch []*call) (calls []*call, lane int, ok bool) {
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

// next chooses what the next batch is made of: everything while it fits, else of the
// free lanes that have enough the one whose first command has waited longest.
func (l *lanes) next() (lane int, ok bool) {
	if l.batches == 0 && l.waiting > 0 && l.waiting <= l.limit {
		return all, true
	}
	enough := 1
	if l.batches > 0 {
		enough = max(l.limit/besides, 1)
	}
	for i := range l.queues {
		if l.busy[i] || l.queues[i].len() < enough {
			continue
		}
		if !ok || l.first(i).arrived.Before(l.first(lane).arrived) {
			lane, ok = i, true
		}
	}
	return lane, ok
}

func (l *lanes) first(lane int) *call { return l.queues[lane].calls[l.queues[lane].head] }

func (l *lanes) pop(batch []*call, lane int) []*call {
	if lane != all {
		l.busy[lane] = true
		return l.queues[lane].pop(batch, l.limit)
	}
	for i := range l.queues {
		l.busy[i] = true
		batch = l.queues[i].pop(batch, l.limit)
	}
	return batch
}

// wake has another batch begun, if there is one to begin.
func (l *lanes) wake() {
	if _, ok := l.next(); ok {
		l.ready.Signal()
	}
}

// done gives back what take took.
func (l *lanes) done(lane int) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for i := range l.busy {
		if lane == all || lane == i {
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

// settled lets the keys of calls be used again.
func (l *lanes) settled(calls []*call) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, c := range calls {
		delete(l.inFlight, c.key)
	}
}

// close refuses further commands; those that wait are still taken.
func (l *lanes) close() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.closed = true
	l.ready.Broadcast()
}

// length returns how many commands wait.
func (l *lanes) length() int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.waiting
}
