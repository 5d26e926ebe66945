package groupcommit

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"codebank.dev/platform/id"
)

// scheduler holds the waiting commands and chooses which of them share the next batch.
//
// A batch holds the resources of its commands until it ends, so commands on one resource never wait
// for each other's locks. A command is ready while no batch holds any of its resources. Otherwise it
// is parked on a batch that does, and is placed again when that batch ends. A command takes all of its
// resources at once and waits for batches in flight only, so there is no deadlock.
//
// Later commands may pass a parked one on those of its resources that nobody holds. A command on two busy
// resources would starve, so one that was parked often enough (patience) reserves them. If each parked
// command did, the commands that wait for one batch would soon reserve most resources, and no second
// batch could overlap.
type scheduler[C, R any] struct {
	maxBatch   int // commands in a batch
	maxWaiting int // commands waiting, ready or parked

	mutex    sync.Mutex
	wakeUp   *sync.Cond
	ready    []*Call[C, R] // in the order of arrival
	spare    []*Call[C, R] // the memory of the next ready
	holders  map[id.ID]*batch[C, R]
	batches  int // being decided or committed
	waiting  int
	arrivals uint64
	closed   bool
	inFlight map[id.ID]*Call[C, R]
}

// batch is commands that are decided and committed together.
type batch[C, R any] struct {
	calls []*Call[C, R]
	// parked are commands that wait for the end of the batch.
	parked []*Call[C, R]
}

// Why a call never waited.
var (
	errBusy   = errors.New("groupcommit: the queue is full")
	errClosed = errors.New("groupcommit: the executor is closed")
)

// patience is how often a command is parked before it reserves its other resources.
const patience = 4

func newScheduler[C, R any](limit, bound int) *scheduler[C, R] {
	s := &scheduler[C, R]{
		maxBatch: limit, maxWaiting: bound, holders: make(map[id.ID]*batch[C, R]), inFlight: make(map[id.ID]*Call[C, R]),
	}
	s.wakeUp = sync.NewCond(&s.mutex)
	return s
}

// add lets calls wait. A call that cannot wait is marked at once: duplicateOf is the call in flight
// with the same key, or refused is errClosed or errBusy.
func (s *scheduler[C, R]) add(calls ...*Call[C, R]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range calls {
		first, inFlight := s.inFlight[c.Key]
		switch {
		case s.closed:
			c.refused = errClosed
		case inFlight:
			c.duplicateOf = first
		case s.waiting >= s.maxWaiting:
			c.refused = errBusy
		default:
			s.inFlight[c.Key] = c
			s.waiting++
			s.arrivals++
			c.arrival = s.arrivals
			s.place(c)
		}
	}
	s.wake()
}

// place makes a call ready, or parks it.
func (s *scheduler[C, R]) place(c *Call[C, R]) {
	holder := s.holder(c)
	if holder == nil {
		s.ready = append(s.ready, c)
		return
	}
	holder.parked = append(holder.parked, c)
	c.parked++
	if c.parked <= patience {
		return
	}
	for _, resource := range c.Resources {
		if s.holders[resource] == nil {
			s.holders[resource] = holder
		}
	}
}

// holder returns a batch that holds a resource of c, or for which one is reserved; nil when there is none.
func (s *scheduler[C, R]) holder(c *Call[C, R]) *batch[C, R] {
	if len(s.holders) == 0 {
		return nil
	}
	for _, resource := range c.Resources {
		if holder := s.holders[resource]; holder != nil {
			return holder
		}
	}
	return nil
}

// take waits until a batch may start and fills b with it. The batch holds its resources until end. It
// reports false when the scheduler is closed and no call waits.
func (s *scheduler[C, R]) take(b *batch[C, R]) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for !s.mayStart() {
		if s.closed && s.waiting == 0 {
			return false
		}
		s.wakeUp.Wait()
	}
	n := min(len(s.ready), s.maxBatch)
	b.calls = append(b.calls[:0], s.ready[:n]...)
	for _, c := range b.calls {
		for _, resource := range c.Resources {
			s.holders[resource] = b
		}
	}
	s.placeAgain(s.ready[n:], nil)
	s.batches++
	s.waiting -= n
	s.wake()
	return true
}

// mayStart reports whether a batch may start. Every batch has a fixed cost. So all ready calls go into
// one batch as long as they fit. A second batch overlaps with it only when a full one is ready: then the
// service decides one batch while the store writes the other. Smaller batches beside each other would cost
// more than they gain.
func (s *scheduler[C, R]) mayStart() bool {
	if s.batches == 0 {
		return len(s.ready) > 0
	}
	return len(s.ready) >= s.maxBatch
}

// wake starts another batch when one may start.
func (s *scheduler[C, R]) wake() {
	if s.mayStart() {
		s.wakeUp.Signal()
	}
}

// end gives back what the batch b holds, and places the calls that were parked on it.
func (s *scheduler[C, R]) end(b *batch[C, R]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.release(b, b.calls)
	s.release(b, b.parked)
	s.batches--
	if len(b.parked) > 0 {
		slices.SortFunc(b.parked, func(x, y *Call[C, R]) int { return cmp.Compare(x.arrival, y.arrival) })
		s.placeAgain(s.ready, b.parked)
	}
	clear(b.calls)
	clear(b.parked)
	b.calls, b.parked = b.calls[:0], b.parked[:0]
	if s.closed {
		s.wakeUp.Broadcast()
		return
	}
	s.wake()
}

func (s *scheduler[C, R]) release(b *batch[C, R], calls []*Call[C, R]) {
	for _, c := range calls {
		for _, resource := range c.Resources {
			if s.holders[resource] == b {
				delete(s.holders, resource)
			}
		}
	}
}

// placeAgain places the calls that were ready, and those that were parked on a batch that ended, in the
// order of arrival. Both lists are in that order.
func (s *scheduler[C, R]) placeAgain(ready, parked []*Call[C, R]) {
	before := s.ready
	s.ready = s.spare[:0]
	for len(ready)+len(parked) > 0 {
		from := &ready
		if len(ready) == 0 || len(parked) > 0 && parked[0].arrival < ready[0].arrival {
			from = &parked
		}
		s.place((*from)[0])
		*from = (*from)[1:]
	}
	clear(before)
	s.spare = before[:0]
}

// forget removes calls from those in flight, so that their keys can be used again.
func (s *scheduler[C, R]) forget(calls []*Call[C, R]) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, c := range calls {
		delete(s.inFlight, c.Key)
	}
}

// close refuses further calls; take still returns those that wait.
func (s *scheduler[C, R]) close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.closed = true
	s.wakeUp.Broadcast()
}

// length returns how many calls wait.
func (s *scheduler[C, R]) length() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.waiting
}
