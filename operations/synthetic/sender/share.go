package sender

import (
	"context"
	"fmt"
	"time"

	"codebank.dev/operations/synthetic"
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
// in which every card is at most once, and of what follows earlier purchases. The next round
// begins when all requests of the round are decided.
type share struct {
	*sending
	rounds
	purchases bankv1.PurchaseServiceClient
	stream    bankv1.PurchaseService_AuthorizePurchasesClient
	originals originals
	tally     tally
}

func newShare(w *sending) *share {
	return &share{
		sending: w, purchases: bankv1.NewPurchaseServiceClient(w.connection), originals: make(originals), tally: newTally(),
		rounds: rounds{size: perRound, busy: make(map[int]bool), keys: func(step *synthetic.Step) [2]int { return [2]int{step.Card, -1} }},
	}
}

// send sends all steps of a queue.
func (s *share) send(ctx context.Context, queue <-chan synthetic.Step) error {
	for {
		round := s.next(ctx, queue)
		if len(round) == 0 {
			return nil // The queue or ctx has ended.
		}
		if err := s.decide(ctx, round); err != nil {
			return err
		}
	}
}

// follower is a step that follows a purchase, and the name of the purchase.
type follower struct {
	*synthetic.Step
	purchase string
}

// decide lets the bank decide a round. It sends requests without an outcome again, with
// the same request ids, until everything is decided.
func (s *share) decide(ctx context.Context, round []synthetic.Step) error {
	message, latest := &bankv1.AuthorizePurchasesRequest{}, time.Time{}
	var followers []follower
	for i := range round {
		step := &round[i]
		if step.Follows != "" {
			if name := s.originals.followed(step); name != "" {
				followers = append(followers, follower{step, name})
			}
			continue
		}
		s.originals.expect(step)
		message.Purchases = append(message.Purchases, step.PurchaseRequest(s.card(step)))
		latest = step.At
	}
	followed, tally := make(chan error, 1), newTally()
	go func() { followed <- s.follow(ctx, followers, &tally) }()
	err := s.authorize(ctx, message)
	if failed := <-followed; err == nil {
		err = failed
	}
	s.tally.add(&tally)
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

// follow lets the bank decide captures, voids and reversals of approved purchases.
func (s *share) follow(ctx context.Context, followers []follower, tally *tally) error {
	for _, f := range followers {
		var err error
		switch f.Kind {
		case synthetic.Capture:
			tally.captures++
			_, err = s.purchases.CapturePurchase(ctx, f.CaptureRequest(f.purchase))
			tally.events += releases(f.Step)
		case synthetic.Void:
			tally.voids++
			_, err = s.purchases.VoidPurchase(ctx, f.VoidRequest())
		default:
			tally.reversals++
			_, err = s.purchases.ReversePurchase(ctx, f.ReversalRequest(f.purchase))
		}
		if err != nil {
			return fmt.Errorf("request %s: %w", f.RequestID, err)
		}
		tally.events++
	}
	return nil
}

// releases returns how many events release the rest of what a step captures: one when it captures a part.
func releases(step *synthetic.Step) int { return min(int(step.AmountMinor), 1) }

// count counts the decided purchase of a request, and keeps its name if a later step
// needs it.
func (s *share) count(requestID string, decided *bankv1.Purchase) {
	s.sent.Add(1)
	s.tally.events++
	switch decided.GetStatus() {
	case bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED:
		s.tally.holds++
		fallthrough
	case bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED:
		s.tally.approved++
		s.originals.note(requestID, decided.GetName())
	default:
		s.tally.declined[decided.GetDecline().GetReason()]++
	}
}
