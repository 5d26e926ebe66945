package rpc

import (
	"errors"
	"io"
	"sync"

	"codebank.dev/bank/fault"
	"codebank.dev/bank/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
)

const (
	// maxPerMessage is how many purchases one message of the stream may hold.
	maxPerMessage = 256
	// maxMessagesInFlight is how many messages of one stream are decided at once: beyond
	// it the stream is read no further and flow control slows the caller down.
	maxMessagesInFlight = 16
)

// AuthorizePurchases implements bankv1.PurchaseServiceServer. One message in is
// answered by one message out, whose results are in the order of the purchases;
// messages are answered in any order. A refused purchase is an error in its own
// result; a message with too many purchases ends the stream.
func (p *Purchases) AuthorizePurchases(stream grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]) error {
	var (
		slots   = make(chan struct{}, maxMessagesInFlight)
		sending sync.Mutex
		working sync.WaitGroup
		failed  error
	)
	defer working.Wait()
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			working.Wait()
			return failed
		}
		if err != nil {
			return err
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

// decideAll submits every purchase of a message before it waits for any, so that
// they share batches.
func (p *Purchases) decideAll(stream grpc.ServerStream, purchases []*bankv1.AuthorizePurchaseRequest) *bankv1.AuthorizePurchasesResponse {
	out := &bankv1.AuthorizePurchasesResponse{Results: make([]*bankv1.AuthorizePurchaseResult, len(purchases))}
	var working sync.WaitGroup
	for i, in := range purchases {
		working.Go(func() {
			result := &bankv1.AuthorizePurchaseResult{RequestId: in.GetRequestId()}
			decided, err := p.authorize(stream.Context(), in)
			if err != nil {
				result.Result = &bankv1.AuthorizePurchaseResult_Error{Error: serve.ToStatus(err).Proto()}
			} else {
				result.Result = &bankv1.AuthorizePurchaseResult_Purchase{Purchase: decided}
			}
			out.Results[i] = result
		})
	}
	working.Wait()
	return out
}
