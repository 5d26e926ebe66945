package hashing

import (
	"context"
	"slices"
	"sync"
	"time"
)

// The bounds of the queue for slots.
const (
	// MaxWait is how long a caller waits for a slot at most.
	MaxWait = 3 * time.Second
	// MaxWaiting is how many callers of a network wait at once, of each kind.
	MaxWaiting = 2
	// maxStrangers and maxKnown are how many callers of all networks wait at once. Known callers have places
	// of their own, which strangers cannot fill.
	maxStrangers = 48
	maxKnown     = 16
)

// Caller is who asks for a slot. Callers that are equal are served one after another.
type Caller struct {
	// Network is the part of the network that one customer of a provider has, such as an IPv4 address.
	Network string
	// Known says that the caller has shown a secret that an account gave him: a device, a session or the
	// code of an e-mail.
	Known bool
}

// line returns the index of the line that a caller waits in.
func (c Caller) line() int {
	if c.Known {
		return knownLine
	}
	return strangerLine
}

const (
	knownLine = iota
	strangerLine
	lines
)

// queue gives out slots. Strangers and known callers wait in two lines, which take turns when callers wait
// in both: so known callers have half of the slots whatever strangers do, and strangers have the other half. Within a line the
// first one is served whose equal has no slot: so one network never has all slots of a line.
type queue struct {
	mutex sync.Mutex
	// served are the callers that have a slot.
	served  []Caller
	waiting [lines][]*ticket
	// next is the line that the next slot goes to if callers wait in both.
	next int
	// refused counts the callers that got no slot.
	refused int64
}

// ticket is a place in the queue.
type ticket struct {
	caller Caller
	// called is closed when the caller has a slot.
	called chan struct{}
}

// acquire waits for a slot. ok is false if the queue is full, or if MaxWait or ctx has ended.
func (q *queue) acquire(ctx context.Context, caller Caller) (ok bool) {
	place := q.enter(caller)
	if place == nil {
		return false
	}
	patience := time.NewTimer(MaxWait)
	defer patience.Stop()
	select {
	case <-place.called:
		return true
	case <-patience.C:
	case <-ctx.Done():
	}
	return !q.leave(place)
}

// enter returns a place in the queue, or nil if it is full.
func (q *queue) enter(caller Caller) *ticket {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	line := &q.waiting[caller.line()]
	equals := 0
	for _, other := range *line {
		if other.caller == caller {
			equals++
		}
	}
	longest := maxStrangers
	if caller.Known {
		longest = maxKnown
	}
	if equals >= MaxWaiting || len(*line) >= longest {
		q.refused++
		return nil
	}
	place := &ticket{caller, make(chan struct{})}
	*line = append(*line, place)
	q.call()
	return place
}

// leave gives a place up. It reports false if the place has a slot by now.
func (q *queue) leave(place *ticket) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	line := &q.waiting[place.caller.line()]
	at := slices.Index(*line, place)
	if at < 0 {
		return false
	}
	*line = slices.Delete(*line, at, at+1)
	q.refused++
	return true
}

// release takes the slot of a caller back.
func (q *queue) release(caller Caller) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	at := slices.Index(q.served, caller)
	q.served = slices.Delete(q.served, at, at+1)
	q.call()
}

// call gives free slots to those who wait.
func (q *queue) call() {
	for len(q.served) < AtOnce {
		if !q.callFrom(q.next) && !q.callFrom((q.next+1)%lines) {
			return
		}
	}
}

// callFrom gives a slot to the first in a line whose equal has none, and reports whether there was one.
func (q *queue) callFrom(line int) bool {
	at := slices.IndexFunc(q.waiting[line], func(place *ticket) bool { return !slices.Contains(q.served, place.caller) })
	if at < 0 {
		return false
	}
	place := q.waiting[line][at]
	q.waiting[line] = slices.Delete(q.waiting[line], at, at+1)
	q.served = append(q.served, place.caller)
	q.next = (line + 1) % lines
	close(place.called)
	return true
}
