package rpc

import (
	"context"
	"errors"
	"io"
	"sync"

	"codebank.dev/bank/purchase"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
)

const (
	// maxPerMessage is how many purchases one message of the stream may hold, and how many requests a
	// batch.
	maxPerMessage = 256
	// maxMessagesInFlight is how many messages of one stream are decided at once. At this limit the
	// stream is not read any further, and flow control slows the caller down.
	maxMessagesInFlight = 16
)

// errDraining ends a stream of a bank that is shutting down. Messages without an answer may not
// have been read.
var errDraining = fault.New(fault.Unavailable, "SHUTTING_DOWN", "The bank is shutting down. Please send the purchases without an answer again.")

// AuthorizePurchases implements bankv1.PurchaseServiceServer. Each message is answered by one
// message, with the results in the order of its purchases. The messages are answered in any order.
// A refused purchase is an error in its own result; a message with too many purchases ends the
// stream. A stream does not keep the bank from shutting down: it ends when Draining is closed, after
// the messages that were read are answered.
func (p *Purchases) AuthorizePurchases(stream grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]) error {
	var (
		slots   = make(chan struct{}, maxMessagesInFlight)
		sending sync.Mutex
		working sync.WaitGroup
		failed  error
	)
	defer working.Wait()
	messages, ended := p.receive(stream)
	for {
		var in *bankv1.AuthorizePurchasesRequest
		select {
		case in = <-messages:
		case err := <-ended:
			working.Wait()
			return errors.Join(err, failed)
		case <-p.Draining:
			return errDraining
		}
		if len(in.GetPurchases()) > maxPerMessage {
			return fault.Invalid("purchases", "At most 256 purchases are allowed in one message.")
		}
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			out := p.decideAll(stream, in.GetPurchases())
			sending.Lock()
			defer sending.Unlock()
			if err := stream.Send(out); err != nil {
				failed = err
			}
		})
	}
}

// receive returns the messages of a stream, and its error at the end: nil when the caller has ended
// the stream.
func (p *Purchases) receive(stream grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]) (<-chan *bankv1.AuthorizePurchasesRequest, <-chan error) {
	messages, ended := make(chan *bankv1.AuthorizePurchasesRequest), make(chan error, 1)
	go func() {
		for {
			in, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if err != nil || in == nil {
				ended <- err
				return
			}
			select {
			case messages <- in:
			case <-stream.Context().Done():
				return
			}
		}
	}()
	return messages, ended
}

// shareSize is how many purchases of a message one goroutine decides. A larger share costs less
// work; with smaller ones more unknown cards are looked up at the same time.
const shareSize = 32

// decideAll submits the purchases of a message in shares, all of them before it waits for any, so
// that they share batches.
func (p *Purchases) decideAll(stream grpc.ServerStream, purchases []*bankv1.AuthorizePurchaseRequest) *bankv1.AuthorizePurchasesResponse {
	out := &bankv1.AuthorizePurchasesResponse{Results: make([]*bankv1.AuthorizePurchaseResult, len(purchases))}
	inShares(len(purchases), shareSize, func(first, last int) {
		p.decideShare(stream.Context(), purchases[first:last], out.Results[first:last])
	})
	return out
}

// inShares calls do for every share of n things: for those from first up to last. Several shares are
// done at the same time; inShares returns when all are.
func inShares(n, size int, do func(first, last int)) {
	if n <= size {
		do(0, n)
		return
	}
	var working sync.WaitGroup
	for first := 0; first < n; first += size {
		working.Go(func() { do(first, min(first+size, n)) })
	}
	working.Wait()
}

func (p *Purchases) decideShare(ctx context.Context, purchases []*bankv1.AuthorizePurchaseRequest, results []*bankv1.AuthorizePurchaseResult) {
	requests, of := make([]purchase.Request, 0, len(purchases)), make([]int, 0, len(purchases))
	caller, trace, subject := serve.Caller(ctx), serve.TraceID(ctx), p.Principals.of(ctx)
	for i, in := range purchases {
		results[i] = &bankv1.AuthorizePurchaseResult{RequestId: in.GetRequestId()}
		request, err := p.purchaseRequest(in)
		if err != nil {
			results[i].Result = refusedResult(err)
			continue
		}
		request.Caller, request.TraceID, request.Subject = caller, traceOf(in, trace), subject
		requests, of = append(requests, request), append(of, i)
	}
	decided := p.Service.AuthorizeAll(ctx, requests)
	for i := range decided {
		result := results[of[i]]
		if err := decided[i].Err; err != nil {
			result.Result = refusedResult(err)
			continue
		}
		result.Result = &bankv1.AuthorizePurchaseResult_Purchase{Purchase: purchaseMessage(&decided[i].Purchase, purchases[of[i]])}
	}
}

func refusedResult(err error) *bankv1.AuthorizePurchaseResult_Error {
	return &bankv1.AuthorizePurchaseResult_Error{Error: serve.ToStatus(err).Proto()}
}
