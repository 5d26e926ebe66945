package bankrpc

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"codebank.dev/checkout/bankrpc/line"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// maxTokenCalls is how many calls for tokens may be under way. What comes meanwhile shares the next
	// call. At the rate of orders a second one costs no more, and a caller waits less behind a slow one.
	maxTokenCalls = 2
	// slowTokenCall is after how long a call no longer keeps later callers waiting: its replica of the
	// bank may be frozen, and the next call may go to another one.
	slowTokenCall = 100 * time.Millisecond
	// tokenCallTimeout bounds a call for a caller without a deadline.
	tokenCallTimeout = 5 * time.Second
	// oneByOneAge is how long a bank that does not know the call for many tokens is called for each one.
	oneByOneAge = time.Minute
)

var (
	errTokensClosed = fault.New(fault.Unavailable, "SHUTTING_DOWN", "The connection to the bank is closed.")
	// errOneByOne tells a caller to make a call of its own.
	errOneByOne = errors.New("the bank does not know the call for many tokens")
)

// tokens exchanges card data for tokens. Callers at the same time share a call: the first ones are sent
// at once, and what comes while their calls are under way is sent together in the next. No timer makes
// a batch wait. Make one with newTokens; close ends it.
type tokens struct {
	client bankv1.CardServiceClient
	slow   time.Duration // after how long a call no longer keeps others waiting
	wake   chan struct{} // something was queued
	ctx    context.Context
	stop   context.CancelFunc
	ended  sync.WaitGroup

	mutex    sync.Mutex
	closed   bool
	queue    []*exchange // not sent yet
	calls    int         // under way
	lastCall time.Time   // when the last of them began
	looking  bool        // a timer of lookLater runs
	oneByOne time.Time   // until when each token has a call of its own
}

// exchange is the card data of one caller, under way to its token.
type exchange struct {
	ctx     context.Context // the caller's
	request *bankv1.CreateCardTokenRequest
	done    chan tokenAnswer // with room for the one answer
}

type tokenAnswer struct {
	result *bankv1.CreateCardTokenResult
	err    error
}

func newTokens(client bankv1.CardServiceClient, slow time.Duration) *tokens {
	t := &tokens{client: client, slow: slow, wake: make(chan struct{}, maxTokenCalls)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	for range maxTokenCalls {
		t.ended.Go(t.run)
	}
	return t
}

// close ends the calls. The callers that wait are answered errTokensClosed.
func (t *tokens) close() {
	t.mutex.Lock()
	t.closed = true
	t.mutex.Unlock()
	t.stop()
	t.ended.Wait()
}

// create returns the bank's answer to one request. The end of ctx answers this caller alone. A request
// that still waits to be sent then is not sent.
func (t *tokens) create(ctx context.Context, request *bankv1.CreateCardTokenRequest) (*bankv1.CreateCardTokenResponse, error) {
	e := &exchange{ctx: ctx, request: request, done: make(chan tokenAnswer, 1)}
	if err := t.add(e); err != nil {
		return t.alone(e, err)
	}
	select {
	case answer := <-e.done:
		if answer.err != nil {
			return t.alone(e, answer.err)
		}
		if refusal := answer.result.GetError(); refusal != nil {
			return nil, serve.FromStatus(status.FromProto(refusal).Err())
		}
		return answer.result.GetToken(), nil
	case <-ctx.Done():
		t.leave(e)
		return nil, fault.Of(ctx.Err())
	case <-t.ctx.Done():
		return nil, errTokensClosed
	}
}

// alone makes a call for one request if err is errOneByOne.
func (t *tokens) alone(e *exchange, err error) (*bankv1.CreateCardTokenResponse, error) {
	if !errors.Is(err, errOneByOne) {
		return nil, err
	}
	return t.client.CreateCardToken(e.ctx, e.request)
}

// add queues a request, and sees to it that a call begins if another one may be under way.
func (t *tokens) add(e *exchange) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.closed {
		return errTokensClosed
	}
	if !t.oneByOne.IsZero() {
		if time.Now().Before(t.oneByOne) {
			return errOneByOne
		}
		t.oneByOne = time.Time{}
	}
	t.queue = append(t.queue, e)
	switch {
	case t.calls < maxTokenCalls:
		select {
		case t.wake <- struct{}{}:
		default:
		}
	case t.mayCall():
		t.ended.Go(t.sendQueued)
	default:
		t.lookLater()
	}
	return nil
}

// lookLater sees to it that what is queued does not wait for slow calls, even if no other caller comes.
func (t *tokens) lookLater() {
	if t.looking {
		return
	}
	t.looking = true
	time.AfterFunc(t.slow, func() {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.looking = false
		switch {
		case t.closed || len(t.queue) == 0:
		case t.mayCall():
			t.ended.Go(t.sendQueued)
		default:
			t.lookLater()
		}
	})
}

// mayCall reports whether another call may begin.
func (t *tokens) mayCall() bool {
	return t.calls < maxTokenCalls || time.Since(t.lastCall) > t.slow
}

// leave forgets a request that nobody waits for any more, unless it is sent already.
func (t *tokens) leave(e *exchange) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.queue = slices.DeleteFunc(t.queue, func(queued *exchange) bool { return queued == e })
}

// run sends what is queued until the end. Its goroutine is kept because a call needs a deep stack.
func (t *tokens) run() {
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.wake:
		}
		// Callers that can run already are let in first, so that they share the call.
		runtime.Gosched()
		t.sendQueued()
	}
}

// sendQueued makes calls, one after the other, until nothing is queued. It also ends when enough other
// calls are under way: what is queued goes with the next one of those.
func (t *tokens) sendQueued() {
	for batch := t.begin(); batch != nil; batch = t.begin() {
		results, err := t.call(batch)
		if status.Code(err) == codes.Unimplemented {
			batch, err = t.fallBack(batch), errOneByOne
		}
		t.end()
		for i, e := range batch {
			if err != nil {
				e.done <- tokenAnswer{err: err}
			} else {
				e.done <- tokenAnswer{result: results[i]}
			}
		}
	}
}

// begin returns what the next call sends. It returns nil if nothing is queued or enough calls are under
// way.
func (t *tokens) begin() []*exchange {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.queue) == 0 || !t.mayCall() {
		return nil
	}
	t.calls++
	t.lastCall = time.Now()
	n := min(len(t.queue), line.MaxPerMessage)
	batch := slices.Clone(t.queue[:n])
	t.queue = slices.Delete(t.queue, 0, n)
	return batch
}

func (t *tokens) end() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.calls--
}

// call sends a batch and returns as many results.
func (t *tokens) call(batch []*exchange) ([]*bankv1.CreateCardTokenResult, error) {
	message := &bankv1.BatchCreateCardTokensRequest{Requests: make([]*bankv1.CreateCardTokenRequest, len(batch))}
	for i, e := range batch {
		message.Requests[i] = e.request
	}
	ctx := t.ctx
	if len(batch) == 1 { // The call of several callers is part of no one's trace.
		ctx = inTrace(ctx, serve.TraceID(batch[0].ctx))
	}
	ctx, cancel := context.WithDeadline(ctx, latestDeadline(batch))
	defer cancel()
	answer, err := t.client.BatchCreateCardTokens(ctx, message)
	switch results := answer.GetResults(); {
	case err != nil:
		return nil, notTheirs(err)
	case len(results) != len(batch):
		return nil, senseless("another number of card tokens than were asked for")
	default:
		return results, nil
	}
}

// latestDeadline returns until when somebody waits for the answer.
func latestDeadline(batch []*exchange) time.Time {
	latest := time.Time{}
	for _, e := range batch {
		deadline, ok := e.ctx.Deadline()
		if !ok {
			deadline = time.Now().Add(tokenCallTimeout)
		}
		if deadline.After(latest) {
			latest = deadline
		}
	}
	return latest
}

// notTheirs returns the error of a whole call as the answer to each of its callers. The bank refuses a
// request in the request's own result. So the refusal of a whole call is nothing that a payer could
// correct, and must not look like it.
func notTheirs(err error) error {
	switch fault.CodeOf(err) {
	case fault.InvalidArgument, fault.NotFound, fault.Aborted, fault.FailedPrecondition:
		return errSenseless.Wrap(err)
	}
	return err
}

// fallBack remembers that the bank does not know the call for many tokens. It returns the batch and
// all that is queued.
func (t *tokens) fallBack(batch []*exchange) []*exchange {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.oneByOne = time.Now().Add(oneByOneAge)
	batch = append(batch, t.queue...)
	t.queue = nil
	return batch
}
