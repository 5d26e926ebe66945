package bench

import (
	"errors"
	"sync"

	"github.com/google/uuid"
)

// arrivals tell who waits for something that it has ended. It is safe for concurrent use.
type arrivals struct {
	mutex   sync.Mutex
	waiting map[uuid.UUID]chan struct{}
	// early are ends that were seen before anybody waited for them.
	early map[uuid.UUID]bool
	err   error
}

func newArrivals() arrivals {
	return arrivals{waiting: make(map[uuid.UUID]chan struct{}), early: make(map[uuid.UUID]bool)}
}

// decided returns a channel that is closed when something has ended.
func (a *arrivals) decided(one uuid.UUID) <-chan struct{} {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	done := make(chan struct{})
	if a.early[one] {
		delete(a.early, one)
		close(done)
		return done
	}
	a.waiting[one] = done
	return done
}

// failure returns why an end was not the one that the load expects, or could not be read.
func (a *arrivals) failure() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.err
}

func (a *arrivals) fail(err error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.err = errors.Join(a.err, err)
}

// tell wakes who waits for something that has ended, or notes it for who will.
func (a *arrivals) tell(one uuid.UUID) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if done := a.waiting[one]; done != nil {
		delete(a.waiting, one)
		close(done)
		return
	}
	a.early[one] = true
}
