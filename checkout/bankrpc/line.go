package bankrpc

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc/status"
)

const (
	// maxPerMessage is how many purchases the bank takes in one message, and how many cards in one call.
	maxPerMessage = 256
	// maxMessages is how many messages of a stream may be unanswered. What comes meanwhile shares
	// the next message. The bank reads no further after sixteen.
	maxMessages = 8
	// streamAge is how long new purchases are sent over the same stream. The next stream may go
	// to another replica of the bank, such as one that was started since. It is half of the minute for
	// which the bank lets the streams of a connection go on that has become too old. So nothing is under
	// way when that is over.
	streamAge = 30 * time.Second
	// firstReopen is the wait before a stream is opened after one that broke without an answer.
	// Each such wait is twice the one before, up to lastReopen.
	firstReopen = 10 * time.Millisecond
	lastReopen  = 500 * time.Millisecond
)

// errStream is the answer to the purchases that are under way on a stream that breaks, whatever the
// reason: their outcome is unknown, as that of a call without an answer.
var errStream = fault.New(fault.Unavailable, "BANK_STREAM", "The bank's answer did not come.")

func broken(stream error) error {
	return errStream.Wrap(stream).After(fault.Of(stream).RetryAfter)
}

// line sends purchases over one stream at a time, many at once. The stream is opened when there is
// something to send. A message has what came while the message before it was written; there is no
// timer. Make one with newLine; close ends it.
type line struct {
	client bankv1.PurchaseServiceClient
	age    time.Duration
	wake   chan struct{} // something was queued or answered, or the wait to open a stream is over
	ctx    context.Context
	stop   context.CancelFunc
	ended  sync.WaitGroup

	mutex     sync.Mutex
	queue     []*authorize // not sent yet
	session   *session     // nil while there is no stream to send over
	notBefore time.Time    // when the next stream may be opened
	reopen    time.Duration
}

// authorize is one purchase under way.
type authorize struct {
	request *bankv1.AuthorizePurchaseRequest
	done    chan answer // with room for the one answer
	session *session    // nil until it is sent
}

type answer struct {
	result *bankv1.AuthorizePurchaseResult
	err    error
}

func newLine(client bankv1.PurchaseServiceClient, age time.Duration) *line {
	l := &line{client: client, age: age, wake: make(chan struct{}, 1), reopen: firstReopen}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.ended.Go(l.run)
	return l
}

// close ends the stream. The purchases under way are answered errStream. Nothing may be sent
// afterwards.
func (l *line) close() {
	l.stop()
	l.ended.Wait()
}

// send sends a purchase and returns its decision. The end of ctx leaves the outcome unknown. A
// purchase that still waits for the stream then is not sent.
func (l *line) send(ctx context.Context, request *bankv1.AuthorizePurchaseRequest) (checkout.Decision, error) {
	a := &authorize{request: request, done: make(chan answer, 1)}
	l.mutex.Lock()
	l.queue = append(l.queue, a)
	l.mutex.Unlock()
	l.signal()
	select {
	case answer := <-a.done:
		return answer.decision(request.GetRequestId())
	case <-ctx.Done():
		l.leave(a)
		return checkout.Decision{}, fault.Of(ctx.Err())
	case <-l.ctx.Done():
		return checkout.Decision{}, errStream
	}
}

func (a answer) decision(requestID string) (checkout.Decision, error) {
	switch {
	case a.err != nil:
		return checkout.Decision{}, a.err
	case a.result.GetError() != nil:
		return checkout.Decision{}, serve.FromStatus(status.FromProto(a.result.GetError()).Err())
	}
	return decision(a.result.GetPurchase(), requestID)
}

// leave forgets a purchase that nobody waits for any more.
func (l *line) leave(a *authorize) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if a.session == nil {
		l.queue = slices.DeleteFunc(l.queue, func(queued *authorize) bool { return queued == a })
		return
	}
	a.session.forget(a)
}

// signal lets run see what has changed.
func (l *line) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run sends what is queued until the line is closed.
func (l *line) run() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-l.wake:
		}
		// The callers that one commit has answered come one after the other. Those that can run
		// already are let in first, so that they share a message.
		runtime.Gosched()
		for l.sendMessage() {
		}
	}
}

// sendMessage sends what is queued in one message, and reports whether there may be more to send
// now.
func (l *line) sendMessage() bool {
	s, err := l.openSession()
	if s == nil || err != nil {
		return false
	}
	message := l.take(s)
	if message == nil {
		return true
	}
	if err := s.stream.Send(message); err != nil {
		// The receiver learns why, and answers what is under way.
		l.retire(s)
	}
	return true
}

// openSession returns the stream to send over, and opens one if necessary. It returns nil when there
// is nothing to send, or when it has to wait; run is woken when that is over.
func (l *line) openSession() (*session, error) {
	l.mutex.Lock()
	s, wait := l.session, time.Until(l.notBefore)
	idle := len(l.queue) == 0
	full := s != nil && s.messages >= maxMessages
	l.mutex.Unlock()
	switch {
	case idle || full:
		return nil, nil
	case s != nil && time.Since(s.opened) < l.age:
		return s, nil
	case s != nil:
		l.retire(s)
		_ = s.stream.CloseSend() // What is under way is still answered.
	case wait > 0:
		time.AfterFunc(wait, l.signal)
		return nil, nil
	}
	stream, err := l.client.AuthorizePurchases(l.ctx)
	if err != nil {
		l.failQueued(err)
		return nil, err
	}
	opened := &session{stream: stream, opened: time.Now(), waiting: make(map[string][]*authorize)}
	l.mutex.Lock()
	l.session = opened
	l.mutex.Unlock()
	l.ended.Go(func() { l.receive(opened) })
	return opened, nil
}

// take moves what is queued to the session. It returns nil when nothing is queued any more, or when
// the session's stream has broken.
func (l *line) take(s *session) *bankv1.AuthorizePurchasesRequest {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session != s || len(l.queue) == 0 {
		return nil
	}
	n := min(len(l.queue), maxPerMessage)
	message := &bankv1.AuthorizePurchasesRequest{Purchases: make([]*bankv1.AuthorizePurchaseRequest, n)}
	for i, a := range l.queue[:n] {
		message.Purchases[i] = a.request
		s.await(a)
	}
	l.queue = slices.Delete(l.queue, 0, n)
	s.messages++
	return message
}

// retire sends nothing more over a session.
func (l *line) retire(s *session) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session == s {
		l.session = nil
	}
}

// receive hands out the answers of a stream until it ends.
func (l *line) receive(s *session) {
	for {
		message, err := s.stream.Recv()
		if err != nil {
			l.end(s, err)
			return
		}
		l.mutex.Lock()
		s.messages--
		s.answered = true
		for _, result := range message.GetResults() {
			s.deliver(result)
		}
		more := len(l.queue) > 0
		l.mutex.Unlock()
		if more {
			l.signal()
		}
	}
}

// end answers what is under way on a stream that has ended, and says when the next may be opened.
func (l *line) end(s *session, err error) {
	l.retire(s)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if s.answered {
		l.reopen = firstReopen
	} else {
		l.postpone()
	}
	for _, waiting := range s.waiting {
		for _, a := range waiting {
			a.done <- answer{err: broken(err)}
		}
	}
	clear(s.waiting)
	l.signal()
}

// failQueued answers what is queued when no stream can be opened: the bank is away.
func (l *line) failQueued(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.postpone()
	for _, a := range l.queue {
		a.done <- answer{err: broken(err)}
	}
	l.queue = nil
}

// postpone puts off the next opening of a stream.
func (l *line) postpone() {
	l.notBefore = time.Now().Add(l.reopen)
	l.reopen = min(2*l.reopen, lastReopen)
}
