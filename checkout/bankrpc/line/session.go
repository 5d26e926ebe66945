package line

import (
	"context"
	"slices"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
)

// session is one stream and what is under way on it. An answer is looked for among the purchases
// that were sent over the same stream. So the answer of an earlier stream is never taken for one of
// a later stream. The line's mutex guards it.
type session struct {
	stream   grpc.BidiStreamingClient[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]
	cancel   context.CancelFunc
	opened   time.Time
	heard    time.Time               // of the last answer, or when something got under way after all was answered
	watched  bool                    // lookAgain waits
	messages int                     // without an answer
	answered bool                    // a message at least
	waiting  map[string][]*authorize // by request id; usually one
}

// silence is for how long the bank has answered nothing of what is under way.
func (s *session) silence() time.Duration {
	if s.messages == 0 {
		return 0
	}
	return time.Since(s.heard)
}

// await registers a purchase that is about to be sent.
func (s *session) await(a *authorize) {
	a.session = s
	id := a.request.GetRequestId()
	s.waiting[id] = append(s.waiting[id], a)
}

// forget drops a purchase without an answer.
func (s *session) forget(a *authorize) {
	id := a.request.GetRequestId()
	left := slices.DeleteFunc(s.waiting[id], func(waiting *authorize) bool { return waiting == a })
	if len(left) == 0 {
		delete(s.waiting, id)
	} else {
		s.waiting[id] = left
	}
}

// deliver answers the purchase that has waited longest for this result. When the same purchase was
// sent twice, each result answers one of the two: both are the bank's answers to the same request.
// A result that no purchase waits for is dropped.
func (s *session) deliver(result *bankv1.AuthorizePurchaseResult) {
	if waiting := s.waiting[result.GetRequestId()]; len(waiting) > 0 {
		first := waiting[0]
		s.forget(first)
		first.done <- answer{result: result}
	}
}
