package consumer

import (
	"sync"
	"time"
)

// Suspects are the messages of a handler that have met an internal error. Trying again seldom helps against one, so a
// message that meets it at every try would hold up its partition for ever. A handler asks Failed at each such error and
// makes the message a letter when it is given up. It tries again without asking while a database or another program is
// away, because then every message waits.
//
// A message is given up at the fifth try, if another one was dealt with since its first: then the trouble is the message's
// own. If none was, the trouble may be everybody's, and the message is given up after two minutes. One that was given up
// and comes again is tried once, so whoever repeats what is not answered holds up nobody.
//
// The zero value is ready for use. It is safe for concurrent use, and remembers what this process has seen.
type Suspects struct {
	// Now is the clock; nil for time.Now.
	Now func() time.Time

	mutex sync.Mutex
	known map[string]*suspect
	// dealt counts the messages that were dealt with.
	dealt int64
}

// suspect is a message that has failed.
type suspect struct {
	since time.Time
	// dealt is that of the Suspects at the first failure.
	dealt   int64
	tries   int
	givenUp bool
}

const (
	// suspectTries is how often a message is tried at least before it is given up.
	suspectTries = 5
	// suspectPatience is for how long a message is tried while no other is dealt with.
	suspectPatience = 2 * time.Minute
	// maxSuspects bounds what is remembered. Beyond it counting begins again.
	maxSuspects = 10_000
)

// Failed says that a message has met an internal error, and reports whether it is given up. message names it in the same
// way whenever it comes.
func (s *Suspects) Failed(message string) bool {
	now := time.Now()
	if s.Now != nil {
		now = s.Now()
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.known[message]
	if found == nil {
		if s.known == nil || len(s.known) >= maxSuspects {
			s.known = make(map[string]*suspect)
		}
		found = &suspect{since: now, dealt: s.dealt}
		s.known[message] = found
	}
	found.tries++
	if found.tries >= suspectTries && (s.dealt > found.dealt || now.Sub(found.since) >= suspectPatience) {
		found.givenUp = true
	}
	return found.givenUp
}

// Dealt says that a message was dealt with, whatever became of it. It is not suspected any more.
func (s *Suspects) Dealt(message string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.dealt++
	delete(s.known, message)
}
