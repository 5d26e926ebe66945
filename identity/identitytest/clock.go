// Package identitytest is for tests of identity: a clock that a test moves.
package identitytest

import (
	"sync"
	"time"
)

// Clock is a clock that a test moves. It begins at the present and goes on with it.
type Clock struct {
	mutex sync.Mutex
	ahead time.Duration
}

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ahead += by
}
