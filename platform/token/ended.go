package token

import (
	"sync"
	"time"
)

// Ended are the sessions that have ended while tokens of them may be alive. Make one with
// NewEnded. It is safe for concurrent use, and a nil one is empty.
type Ended struct {
	now func() time.Time

	mutex sync.RWMutex
	// until is when the last token of a session expires.
	until    map[string]time.Time
	sequence int64
	heard    time.Time
}

// NewEnded returns an empty set. now is the clock; nil means time.Now.
func NewEnded(now func() time.Time) *Ended {
	if now == nil {
		now = time.Now
	}
	return &Ended{now: now, until: make(map[string]time.Time)}
}

// Has reports whether a session has ended.
func (e *Ended) Has(session string) bool {
	if e == nil {
		return false
	}
	e.mutex.RLock()
	defer e.mutex.RUnlock()
	_, ended := e.until[session]
	return ended
}

// HeardWithin reports whether the issuer has told, within the last time, which sessions have
// ended. If it has not, a program must not move money or change credentials for a user.
func (e *Ended) HeardWithin(last time.Duration) bool {
	e.mutex.RLock()
	defer e.mutex.RUnlock()
	return e.now().Sub(e.heard) <= last
}

// hear takes what the issuer tells: sessions that have ended, and how far the set is complete
// now. It forgets sessions whose tokens have all expired.
func (e *Ended) hear(ended map[string]time.Time, sequence int64) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.heard, e.sequence = e.now(), sequence
	for session, until := range ended {
		e.until[session] = until
	}
	for session, until := range e.until {
		if e.heard.After(until) {
			delete(e.until, session)
		}
	}
}

// position returns the sequence to go on behind.
func (e *Ended) position() int64 {
	e.mutex.RLock()
	defer e.mutex.RUnlock()
	return e.sequence
}
