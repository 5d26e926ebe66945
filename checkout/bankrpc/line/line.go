// Package line sends purchases to the bank over one stream at a time, many at once, for whoever has them decided:
// orders and charges.
//
//	line.go     Line: purchases over one stream at a time
//	session.go  what is under way on a stream
//	decline.go  why the bank has declined, for people and programs
package line

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc/status"
)

const (
	// MaxPerMessage is how many purchases the bank takes in one message, and how many cards in one call.
	MaxPerMessage = 256
	// maxMessages is how many messages of a stream may be unanswered. What comes meanwhile shares
	// the next message. The bank reads no further after sixteen.
	maxMessages = 8
	// streamAge is how long new purchases are sent over the same stream. The next stream may go
	// to another replica of the bank, such as one that was started since. It is half of the minute for
	// which the bank lets the streams of a connection go on that has become too old. So nothing is under
	// way when that is over.
	streamAge = 30 * time.Second
	// stallAfter is how long a stream may answer nothing of what is under way until new purchases are sent over another
	// one, which may go to another replica of the bank. What is under way is still answered, for streamAge at most.
	stallAfter = time.Second
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

// Line sends purchases over one stream at a time, many at once. The stream is opened when there is
// something to send. A message has what came while the message before it was written; there is no
// timer. Make one with New; Close ends it. It is safe for concurrent use.
type Line struct {
	client bankv1.PurchaseServiceClient
	age    time.Duration
	stall  time.Duration // stallAfter
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

// New returns a Line. It connects when there is something to send.
func New(client bankv1.PurchaseServiceClient) *Line { return newLine(client, streamAge) }

func newLine(client bankv1.PurchaseServiceClient, age time.Duration) *Line {
	l := &Line{client: client, age: age, stall: stallAfter, wake: make(chan struct{}, 1), reopen: firstReopen}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.ended.Go(l.run)
	return l
}

// Close ends the stream. The purchases under way are answered errStream. Nothing may be sent
// afterwards.
func (l *Line) Close() {
	l.stop()
	l.ended.Wait()
}

// Send sends a purchase and returns it as the bank has decided it; it may be any message, since nothing about it is
// checked. An error is a *fault.Error. It is a refusal if the bank has refused this purchase. Everything else leaves the
// outcome unknown, as does the end of ctx. A purchase that still waits for the stream then is not sent.
func (l *Line) Send(ctx context.Context, request *bankv1.AuthorizePurchaseRequest) (*bankv1.Purchase, error) {
	a := &authorize{request: request, done: make(chan answer, 1)}
	l.mutex.Lock()
	l.queue = append(l.queue, a)
	l.mutex.Unlock()
	l.signal()
	select {
	case answer := <-a.done:
		return answer.purchase()
	case <-ctx.Done():
		l.leave(a)
		return nil, fault.Of(ctx.Err())
	case <-l.ctx.Done():
		return nil, errStream
	}
}

func (a answer) purchase() (*bankv1.Purchase, error) {
	switch {
	case a.err != nil:
		return nil, a.err
	case a.result.GetError() != nil:
		return nil, serve.FromStatus(status.FromProto(a.result.GetError()).Err())
	}
	return a.result.GetPurchase(), nil
}

// leave forgets a purchase that nobody waits for any more.
func (l *Line) leave(a *authorize) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if a.session == nil {
		l.queue = slices.DeleteFunc(l.queue, func(queued *authorize) bool { return queued == a })
		return
	}
	a.session.forget(a)
}

// signal lets run see what has changed.
func (l *Line) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run sends what is queued until the line is closed.
func (l *Line) run() {
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
func (l *Line) sendMessage() bool {
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
func (l *Line) openSession() (*session, error) {
	l.mutex.Lock()
	s, wait := l.session, time.Until(l.notBefore)
	idle := len(l.queue) == 0
	full := s != nil && s.messages >= maxMessages
	stalls := s != nil && s.silence() >= l.stall
	l.mutex.Unlock()
	switch {
	case idle:
		return nil, nil
	case full && !stalls:
		l.lookAgain(s)
		return nil, nil
	case s != nil && !stalls && time.Since(s.opened) < l.age:
		return s, nil
	case s != nil:
		l.retire(s)
		_ = s.stream.CloseSend() // What is under way is still answered.
		time.AfterFunc(streamAge, s.cancel)
	case wait > 0:
		time.AfterFunc(wait, l.signal)
		return nil, nil
	}
	return l.open()
}

// open opens a stream. If none can be opened, what is queued is answered so.
func (l *Line) open() (*session, error) {
	ctx, cancel := context.WithCancel(l.ctx)
	stream, err := l.client.AuthorizePurchases(ctx)
	if err != nil {
		cancel()
		l.failQueued(err)
		return nil, err
	}
	opened := &session{stream: stream, cancel: cancel, opened: time.Now(), waiting: make(map[string][]*authorize)}
	l.mutex.Lock()
	l.session = opened
	l.mutex.Unlock()
	l.ended.Go(func() { l.receive(opened) })
	return opened, nil
}

// lookAgain lets run see whether a full session has stalled.
func (l *Line) lookAgain(s *session) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if !s.watched {
		s.watched = true
		time.AfterFunc(l.stall-s.silence(), func() {
			l.mutex.Lock()
			s.watched = false
			l.mutex.Unlock()
			l.signal()
		})
	}
}

// take moves what is queued to the session. It returns nil when nothing is queued any more, or when
// the session's stream has broken.
func (l *Line) take(s *session) *bankv1.AuthorizePurchasesRequest {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session != s || len(l.queue) == 0 {
		return nil
	}
	n := min(len(l.queue), MaxPerMessage)
	message := &bankv1.AuthorizePurchasesRequest{Purchases: make([]*bankv1.AuthorizePurchaseRequest, n)}
	for i, a := range l.queue[:n] {
		message.Purchases[i] = a.request
		s.await(a)
	}
	l.queue = slices.Delete(l.queue, 0, n)
	if s.messages == 0 {
		s.heard = time.Now()
	}
	s.messages++
	return message
}

// retire sends nothing more over a session.
func (l *Line) retire(s *session) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session == s {
		l.session = nil
	}
}

// receive hands out the answers of a stream until it ends.
func (l *Line) receive(s *session) {
	defer s.cancel()
	for {
		message, err := s.stream.Recv()
		if err != nil {
			l.end(s, err)
			return
		}
		l.mutex.Lock()
		s.messages--
		s.answered, s.heard = true, time.Now()
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
func (l *Line) end(s *session, err error) {
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
func (l *Line) failQueued(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.postpone()
	for _, a := range l.queue {
		a.done <- answer{err: broken(err)}
	}
	l.queue = nil
}

// postpone puts off the next opening of a stream.
func (l *Line) postpone() {
	l.notBefore = time.Now().Add(l.reopen)
	l.reopen = min(2*l.reopen, lastReopen)
}
