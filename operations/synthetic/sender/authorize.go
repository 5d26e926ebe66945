package sender

import (
	"context"
	"fmt"
	"time"

	grpcstatus "google.golang.org/grpc/status"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// authorize lets the bank decide the purchases of a message. It fails if the bank gives
// no outcome for Options.Patience.
func (s *share) authorize(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) error {
	deadline := time.Now().Add(s.options.Patience)
	for len(message.Purchases) > 0 {
		before := len(message.Purchases)
		unknown, err := s.authorizeOnce(ctx, message)
		if err != nil {
			return err
		}
		if unknown == nil {
			continue
		}
		if len(message.Purchases) < before {
			deadline = time.Now().Add(s.options.Patience)
		} else if time.Now().After(deadline) {
			return fmt.Errorf("the bank has answered nothing for %v: %w", s.options.Patience, unknown)
		}
		if err := pause(ctx, retryAfter); err != nil {
			return err
		}
	}
	return nil
}

// authorizeOnce sends the message once, and leaves in it only the purchases without an
// outcome. unknown says why some have no outcome. After err another try is of no use.
func (s *share) authorizeOnce(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (unknown, err error) {
	answer, err := s.exchange(ctx, message)
	if err != nil {
		s.stream = nil
		if mayPass(err) && ctx.Err() == nil {
			return err, nil
		}
		return nil, err
	}
	if len(answer.GetResults()) != len(message.GetPurchases()) {
		return nil, fmt.Errorf("the bank has answered %d purchases of %d", len(answer.GetResults()), len(message.GetPurchases()))
	}
	var left []*bankv1.AuthorizePurchaseRequest
	for i, result := range answer.GetResults() {
		if decided := result.GetPurchase(); decided != nil {
			s.count(message.GetPurchases()[i].GetRequestId(), decided)
			continue
		}
		err := serve.FromStatus(grpcstatus.FromProto(result.GetError()).Err())
		if !mayPass(err) {
			return nil, fmt.Errorf("purchase %s: %w", result.GetRequestId(), err)
		}
		left, unknown = append(left, message.GetPurchases()[i]), err
	}
	message.Purchases = left
	return unknown, nil
}

// exchange sends a message and receives its answer. It opens a stream if there is none.
func (s *share) exchange(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (answer *bankv1.AuthorizePurchasesResponse, err error) {
	if s.stream == nil {
		if s.stream, err = s.purchases.AuthorizePurchases(ctx); err != nil {
			return nil, err
		}
	}
	// A receive returns why a stream has ended. A send does not.
	_ = s.stream.Send(message)
	return s.stream.Recv()
}

// mayPass reports whether another try may succeed, because the outcome is unknown or the
// bank has done nothing.
func mayPass(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.DeadlineExceeded, fault.ResourceExhausted:
		return true
	}
	return false
}

// pause waits. If ctx ends first, it returns the reason.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
