package serve

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/platform/fault"
)

// startRetryAfter is how long a caller is asked to wait while the program starts.
const startRetryAfter = time.Second

// errStarting answers calls that come before the program can take them. Nothing was done.
var errStarting = fault.New(fault.Unavailable, "STARTING", "The service is starting and takes no calls yet. Please try again.").After(startRetryAfter)

// start is the work of a program beside its listeners: first the steps of Prepare, which
// its calls need, and then its own work in the background.
type start struct {
	prepare    func(context.Context) error
	background []func(context.Context)
	// done is set when the steps are done and calls are accepted.
	done atomic.Bool
}

// Prepare makes Run call steps once, beside the listeners. Until steps has returned nil,
// every call is answered Unavailable with a wait, and /readyz answers 503. Handlers of
// calls may read variables that steps has set. An error of steps ends Run, which returns
// it. The context of steps ends when the server begins to drain. Only gRPC and the gateway
// wait for steps: health, reflection and handlers of Handle do not. Call it before Run,
// once.
func (s *Server) Prepare(steps func(context.Context) error) { s.start.prepare = steps }

// Background makes Run call work after Prepare's steps, beside the calls. Its context ends
// when the server begins to drain, and Run waits until work has returned. Call it before
// Run, any number of times.
func (s *Server) Background(work func(context.Context)) {
	s.start.background = append(s.start.background, work)
}

// run calls the steps and then the work, until ctx ends. It returns the error of the steps,
// unless ctx ended first.
func (s *start) run(ctx context.Context) error {
	if !s.done.Load() {
		err := s.prepare(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		s.done.Store(true)
	}
	var working sync.WaitGroup
	for _, work := range s.background {
		working.Go(func() { work(ctx) })
	}
	working.Wait()
	return nil
}

// isCommon reports whether a method is one that every program has: of health or reflection. Everybody may
// call it.
func isCommon(fullMethod string) bool { return strings.HasPrefix(fullMethod, "/grpc.") }

// admits returns errStarting for a call of the program's own services that comes too early.
func (s *start) admits(fullMethod string) error {
	if s.done.Load() || isCommon(fullMethod) {
		return nil
	}
	return errStarting
}
