package sender

import (
	"context"
	"fmt"
	"time"

	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// perRound is how many purchases a message of the stream can hold.
	perRound = 256
	// maxHeld bounds the steps that wait because their card is in the round already.
	maxHeld = 2 * perRound
	// retryAfter is how long a share waits before it sends requests without an outcome
	// again.
	retryAfter = 250 * time.Millisecond
)

// share sends the steps of some of the cards, in rounds. A round consists of one message,
// in which every card is at most once, and some reversals. The next round begins when all
// requests of the round are decided, so the requests of a card are decided in their
// order.
type share struct {
	*sending
	purchases bankv1.PurchaseServiceClient
	stream    bankv1.PurchaseService_AuthorizePurchasesClient

	held []synthetic.Step // for a later round, in their order
	busy map[int]bool     // cards that are in the round or have something held
	// names are the names of the purchases that a later step reverses, by request id. A name
	// is empty until its purchase is decided.
	names map[string]string

	approved, reversals int
	declined            map[bankv1.DeclineReason]int
}

func newShare(w *sending) *share {
	return &share{
		sending: w, purchases: bankv1.NewPurchaseServiceClient(w.connection),
		busy: make(map[int]bool), names: make(map[string]string), declined: make(map[bankv1.DeclineReason]int),
	}
}

// send sends all steps of a queue.
func (s *share) send(ctx context.Context, queue <-chan synthetic.Step) error {
	for {
		round := s.nextRound(ctx, queue)
		if len(round) == 0 {
			return nil // The queue or ctx has ended.
		}
		if err := s.decide(ctx, round); err != nil {
			return err
		}
	}
}

// nextRound takes the steps of the next round, beginning with those that were held.
func (s *share) nextRound(ctx context.Context, queue <-chan synthetic.Step) []synthetic.Step {
	clear(s.busy)
	round := make([]synthetic.Step, 0, perRound)
	held := s.held
	s.held = nil
	take := func(step synthetic.Step) {
		if len(round) == perRound || step.Card >= 0 && s.busy[step.Card] {
			s.held = append(s.held, step)
		} else {
			round = append(round, step)
		}
		if step.Card >= 0 {
			s.busy[step.Card] = true
		}
	}
	for _, step := range held {
		take(step)
	}
	for len(round) < perRound && len(s.held) < maxHeld {
		select {
		case step, ok := <-queue:
			if !ok {
				return round
			}
			take(step)
		case <-ctx.Done():
			return nil
		}
	}
	return round
}

// decide lets the bank decide a round. It sends requests without an outcome again, with
// the same request ids, until everything is decided.
func (s *share) decide(ctx context.Context, round []synthetic.Step) error {
	message, latest := &bankv1.AuthorizePurchasesRequest{}, time.Time{}
	var reversals []*bankv1.ReversePurchaseRequest
	for i := range round {
		step := &round[i]
		if step.Reverses != "" {
			reversals = append(reversals, step.ReversalRequest(s.names[step.Reverses]))
			delete(s.names, step.Reverses)
			continue
		}
		if step.GivenBack() {
			s.names[step.RequestID] = ""
		}
		message.Purchases = append(message.Purchases, step.PurchaseRequest(s.card(step)))
		latest = step.At
	}
	reversed := make(chan error, 1)
	go func() { reversed <- s.reverse(ctx, reversals) }()
	err := s.authorize(ctx, message)
	if failed := <-reversed; err == nil {
		err = failed
	}
	if err == nil && !latest.IsZero() {
		s.noteDecided(latest)
	}
	return err
}

// card returns the bank's answer to the issue of a step's card, or nil if the step has no
// card.
func (s *share) card(step *synthetic.Step) *bankv1.IssueCardResponse {
	if step.Card < 0 {
		return nil
	}
	return s.cards[step.Card]
}

// reverse lets the bank decide reversals. A purchase that was declined cannot be
// reversed.
func (s *share) reverse(ctx context.Context, reversals []*bankv1.ReversePurchaseRequest) error {
	for _, request := range reversals {
		_, err := s.purchases.ReversePurchase(ctx, request)
		switch {
		case err == nil:
			s.reversals++
		case fault.Of(err).Reason == "NOT_REVERSIBLE":
		default:
			return fmt.Errorf("reversal %s: %w", request.GetRequestId(), err)
		}
	}
	return nil
}

// count counts the decided purchase of a request, and keeps its name if a later step
// needs it.
func (s *share) count(requestID string, decided *bankv1.Purchase) {
	s.sent.Add(1)
	if _, reversed := s.names[requestID]; reversed {
		s.names[requestID] = decided.GetName()
	}
	if decided.GetStatus() == bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED {
		s.approved++
		return
	}
	s.declined[decided.GetDecline().GetReason()]++
}
