package order

import (
	"context"
	"sync"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
)

// flights are the requests that are being placed in this process. The zero value has none; it is
// safe for concurrent use.
type flights struct {
	mutex    sync.Mutex
	underWay map[flightKey]*flight
}

// flightKey says which requests are equal.
type flightKey struct {
	caller      string // as those of checkout.Requester
	user        string
	requestID   string
	fingerprint [32]byte
	refused     bool
	guest       bool
}

// flight is a request that is being placed. Its first caller places it, on the goroutine of its own
// call; the callers that join it wait.
type flight struct {
	done  chan struct{}
	order checkout.Order
	err   error
}

// errPanic is the answer to those that wait for a caller whose work has panicked.
var errPanic = fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.")

// join returns the flight of a request, and whether the caller is its first. The first places the
// request, writes order and err, and calls end.
func (f *flights) join(key flightKey) (joined *flight, first bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if joined, ok := f.underWay[key]; ok {
		return joined, false
	}
	if f.underWay == nil {
		f.underWay = make(map[flightKey]*flight)
	}
	joined = &flight{done: make(chan struct{}), err: errPanic}
	f.underWay[key] = joined
	return joined, true
}

// end lets those that wait for a flight go on. A request that comes later begins a flight of its own.
func (f *flights) end(key flightKey, ended *flight) {
	f.mutex.Lock()
	delete(f.underWay, key)
	f.mutex.Unlock()
	close(ended.done)
}

// wait returns what the first caller has placed, or the end of the waiting caller's context.
func (f *flight) wait(ctx context.Context) (checkout.Order, error) {
	select {
	case <-f.done:
		return f.order, f.err
	case <-ctx.Done():
		return checkout.Order{}, ctx.Err()
	}
}
