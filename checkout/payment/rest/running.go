package rest

import (
	"context"
	"errors"
	"sync"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// The pauses between tries of a request that another process is accepting. Accepting takes a few milliseconds, unless
// the other process hangs.
const firstPause, longestPause = 10 * time.Millisecond, 200 * time.Millisecond

// running are the requests that are being accepted in this process. Equal ones come one after the other, so that a
// client who sends one again and again occupies one connection of the database. The zero value has none; it is safe
// for concurrent use.
type running struct {
	mutex sync.Mutex
	ends  map[id.ID]chan struct{}
}

// enter lets a request in and returns nil or, while an equal one is in, what is closed when that one has left.
func (r *running) enter(request id.ID) (end <-chan struct{}) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if end, in := r.ends[request]; in {
		return end
	}
	if r.ends == nil {
		r.ends = make(map[id.ID]chan struct{})
	}
	r.ends[request] = make(chan struct{})
	return nil
}

func (r *running) leave(request id.ID) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	close(r.ends[request])
	delete(r.ends, request)
}

// untilAccepted calls accept once no other call of this process accepts the same request, and again as long as one of
// another process does. It waits no longer than Config.Wait. Errors: those of accept, payment.ErrRunning.
func (s *Server) untilAccepted(ctx context.Context, request id.ID, accept func() error) error {
	late := time.NewTimer(s.config.Wait)
	defer late.Stop()
	for pause := firstPause; ; {
		var again <-chan time.Time
		end := s.running.enter(request)
		if end == nil {
			err := s.alone(request, accept)
			if !errors.Is(err, payment.ErrRunning) {
				return err
			}
			again, pause = time.After(pause), min(2*pause, longestPause)
		}
		select {
		case <-end:
		case <-again:
		case <-late.C:
			return payment.ErrRunning
		case <-ctx.Done():
			return payment.ErrRunning
		}
	}
}

// alone calls accept for a request that has been let in, and lets the next one in, whatever happens.
func (s *Server) alone(request id.ID, accept func() error) error {
	defer s.running.leave(request)
	return accept()
}
