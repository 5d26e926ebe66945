package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/bank"
	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// perRound is how many purchases a message of the stream may hold.
	perRound = 256
	// maxHeld bounds what waits for a card that is in the round already.
	maxHeld = 2 * perRound
	// again is how long a share waits before it sends what nobody has answered once more.
	again = 250 * time.Millisecond
)

// share sends the requests of some of the cards, in rounds: one message, in which every
// card is at most once, and the reversals beside it. A round follows when all of the one
// before is decided, so the requests of a card are decided in their order.
type share struct {
	*seeder
	purchases bankv1.PurchaseServiceClient
	stream    bankv1.PurchaseService_AuthorizePurchasesClient
	merchants map[*bank.Merchant]*bankv1.Merchant

	held []synthetic.Step // for a later round, in their order
	busy map[int]bool     // cards that are in the round or have something held

	approved, reversals int
	declined            map[bankv1.DeclineReason]int
}

func newShare(s *seeder) *share {
	return &share{
		seeder: s, purchases: bankv1.NewPurchaseServiceClient(s.connection),
		merchants: make(map[*bank.Merchant]*bankv1.Merchant), busy: make(map[int]bool), declined: make(map[bankv1.DeclineReason]int),
	}
}

func (s *share) run(ctx context.Context, queue <-chan synthetic.Step) error {
	for {
		round := s.gather(ctx, queue)
		if len(round) == 0 {
			return nil // the end, or the end of ctx
		}
		if err := s.settle(ctx, round); err != nil {
			return err
		}
	}
}

// gather takes the next round: what was held first.
func (s *share) gather(ctx context.Context, queue <-chan synthetic.Step) []synthetic.Step {
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

// settle has a round decided, whatever it takes: what nobody knows the outcome of is sent
// again, with the same id.
func (s *share) settle(ctx context.Context, round []synthetic.Step) error {
	message, open := &bankv1.AuthorizePurchasesRequest{}, make([]synthetic.Step, 0, len(round))
	var back []synthetic.Step
	for _, step := range round {
		if step.Reverses != "" {
			back = append(back, step)
			continue
		}
		message.Purchases = append(message.Purchases, s.request(&step))
		open = append(open, step)
	}
	given := make(chan error, 1)
	go func() { given <- s.giveBack(ctx, back) }()
	deadline := time.Now().Add(s.app.timeout)
	var err error
	for len(message.Purchases) > 0 && err == nil {
		before := len(message.Purchases)
		var unknown error
		if unknown, err = s.send(ctx, message); unknown == nil || err != nil {
			continue
		}
		if len(message.Purchases) < before {
			deadline = time.Now().Add(s.app.timeout)
		} else if time.Now().After(deadline) {
			err = fmt.Errorf("the bank has answered nothing for %v: %w", s.app.timeout, unknown)
		}
		if err == nil {
			err = rest(ctx, again)
		}
	}
	if failed := <-given; err == nil {
		err = failed
	}
	if err == nil && len(open) > 0 {
		s.reached(open[len(open)-1].At)
	}
	return err
}

// send asks once and leaves in the message what has no answer yet. The first error says
// why something was left, the second that there is no use in going on.
func (s *share) send(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (unknown, refused error) {
	answer, err := s.exchange(ctx, message)
	if err != nil {
		s.stream = nil
		if passes(err) && ctx.Err() == nil {
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
			s.count(decided)
			continue
		}
		err := serve.FromStatus(grpcstatus.FromProto(result.GetError()).Err())
		if !passes(err) {
			return nil, fmt.Errorf("purchase %s: %w", result.GetRequestId(), err)
		}
		left, unknown = append(left, message.GetPurchases()[i]), err
	}
	message.Purchases = left
	return unknown, nil
}

// exchange sends a message and receives its answer, over a stream that it opens when
// there is none.
func (s *share) exchange(ctx context.Context, message *bankv1.AuthorizePurchasesRequest) (answer *bankv1.AuthorizePurchasesResponse, err error) {
	if s.stream == nil {
		if s.stream, err = s.purchases.AuthorizePurchases(ctx); err != nil {
			return nil, err
		}
	}
	// Why a stream has ended is told by receiving.
	_ = s.stream.Send(message)
	return s.stream.Recv()
}

// passes reports whether an error says that the outcome is unknown, or that nothing was
// done this time.
func passes(err error) bool {
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.DeadlineExceeded, fault.ResourceExhausted:
		return true
	}
	return false
}

func (s *share) count(decided *bankv1.Purchase) {
	s.sent.Add(1)
	if decided.GetStatus() == bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED {
		s.approved++
		return
	}
	s.declined[decided.GetDecline().GetReason()]++
}

// giveBack reverses purchases of the history. What was declined cannot be.
func (s *share) giveBack(ctx context.Context, steps []synthetic.Step) error {
	code := bank.Code(s.app.bankCode)
	for i := range steps {
		step := &steps[i]
		_, err := s.purchases.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{
			RequestId: step.RequestID, Name: "purchases/" + code.TransactionID(seedCaller, step.Reverses).String(),
			Description: step.Description, RequestTime: timestamppb.New(step.At),
		})
		switch {
		case err == nil:
			s.reversals++
		case fault.Of(err).Reason == "NOT_REVERSIBLE":
		default:
			return fmt.Errorf("reversal %s: %w", step.RequestID, err)
		}
	}
	return nil
}

// request is a step of the history as the bank is asked.
func (s *share) request(step *synthetic.Step) *bankv1.AuthorizePurchaseRequest {
	request := &bankv1.AuthorizePurchaseRequest{
		RequestId: step.RequestID, AmountMinor: step.AmountMinor, Currency: synthetic.Currency, Merchant: s.merchant(step.Merchant),
		Description: step.Description, Channel: channelOf(step.Channel), Attempt: step.Attempt, RequestTime: timestamppb.New(step.At),
	}
	if step.Presented == synthetic.OnFile {
		request.CardSource = &bankv1.AuthorizePurchaseRequest_Card{Card: s.cards[step.Card].GetCard().GetName()}
		return request
	}
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: s.typed(step)}
	return request
}

// typed is a card's data as somebody types it, with the mistake that the step wants.
func (s *share) typed(step *synthetic.Step) *bankv1.CardData {
	if step.Presented == synthetic.Unknown {
		return &bankv1.CardData{
			Number: step.Number, HolderName: "NOBODY", Cvv: "123", ExpiryMonth: 12, ExpiryYear: int32(step.At.Year()) + 1,
		}
	}
	data := s.cards[step.Card].GetCardData()
	if step.Presented != synthetic.Typed {
		data = proto.CloneOf(data)
	}
	switch step.Presented {
	case synthetic.WrongCVV:
		data.Cvv = anotherCode(data.GetCvv())
	case synthetic.WrongExpiry:
		data.ExpiryYear++
	case synthetic.WrongName:
		data.HolderName = "M " + data.GetHolderName()
	}
	return data
}

// anotherCode returns a security code as long as this one and another.
func anotherCode(code string) string {
	first, rest := code[0], code[1:]
	return strconv.Itoa(int(first-'0'+1)%10) + rest
}

func (s *share) merchant(of *bank.Merchant) *bankv1.Merchant {
	known, ok := s.merchants[of]
	if !ok {
		known = &bankv1.Merchant{Id: of.ID, Name: of.Name, CategoryCode: of.CategoryCode, City: of.City, Country: of.Country}
		s.merchants[of] = known
	}
	return known
}

func channelOf(channel bank.Channel) bankv1.Channel {
	return bankv1.Channel(bankv1.Channel_value["CHANNEL_"+channel.String()])
}

// rest waits, and returns why ctx has ended when it does.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
