package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/platform/pan"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/bank"
	"codebank.dev/operations/synthetic"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// maxShares is how many messages can be under way; the bank's queue holds no more.
	maxShares = 64
	// issuers is how many cards are being issued at any moment.
	issuers = 64
	// seedWindow is how much of an answer may be under way before it is read: a message of
	// the stream is larger than what HTTP/2 allows by itself.
	seedWindow = 4 << 20
)

// seeder has a bank decide a history.
type seeder struct {
	app        *application
	past       *synthetic.History
	connection *grpc.ClientConn
	cards      []*bankv1.IssueCardResponse

	sent   atomic.Int64 // purchases answered
	latest atomic.Int64 // Unix milliseconds of the furthest request
	mutex  sync.Mutex
	done   seeded
}

func newSeeder(app *application, past *synthetic.History, address string) (*seeder, error) {
	connection, err := serve.Dial(address, serve.WithCaller(seedCaller),
		serve.WithRetry("bank.v1.CardService", "bank.v1.PurchaseService/ReversePurchase"),
		serve.WithGRPC(grpc.WithInitialWindowSize(seedWindow), grpc.WithInitialConnWindowSize(seedWindow)))
	if err != nil {
		return nil, err
	}
	plan := past.Plan()
	s := &seeder{app: app, past: past, connection: connection, cards: make([]*bankv1.IssueCardResponse, len(past.Cards()))}
	s.done = seeded{Seed: plan.Seed, Days: plan.Days, Cards: plan.Cards, Declined: make(map[string]int)}
	return s, nil
}

// explained adds to a refusal what an operator can do about it.
func explained(err error) error {
	switch refused := fault.Of(err); {
	case refused.Field == "request_time":
		return fmt.Errorf("%w (start the bank with --history, and end the history before today)", err)
	case errors.Is(err, bank.ErrRequestIDReused):
		return fmt.Errorf("%w (this bank was seeded by another version of bankctl: take another --seed)", err)
	}
	return err
}

// issueCards has every card of the history issued as of its time, and blocks those that
// are lost.
func (s *seeder) issueCards(ctx context.Context) error {
	service := bankv1.NewCardServiceClient(s.connection)
	return sideBySide(ctx, issuers, func(ctx context.Context, _ int, next func() int) error {
		for i := next(); i < len(s.cards); i = next() {
			card := &s.past.Cards()[i]
			issued, err := service.IssueCard(ctx, &bankv1.IssueCardRequest{
				RequestId: s.past.CardRequest(i), HolderName: card.Holder, Brand: brandOf(card.Brand),
				Currency: synthetic.Currency, CreditLimitMinor: card.LimitMinor, PurchaseLimitMinor: card.Rules.Limit,
				PurchaseMinimumMinor: card.Rules.Minimum, PurchasesPerMinute: card.Rules.PerMinute,
				RequestTime: timestamppb.New(card.Issued),
			})
			if err == nil && card.BlockedSoon {
				_, err = service.BlockCard(ctx, &bankv1.BlockCardRequest{Name: issued.GetCard().GetName()})
			}
			if err != nil {
				return err
			}
			s.cards[i] = issued
		}
		return nil
	})
}

// sideBySide runs several workers, to each of which next gives numbers that no other
// gets, and returns the first error, which ends them all.
func sideBySide(ctx context.Context, workers int, work func(ctx context.Context, worker int, next func() int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var working sync.WaitGroup
	var taken atomic.Int64
	for worker := range workers {
		working.Go(func() {
			if err := work(ctx, worker, func() int { return int(taken.Add(1)) - 1 }); err != nil {
				cancel(err)
			}
		})
	}
	working.Wait()
	return context.Cause(ctx)
}

// sendAll hands the requests out, all those of a card to the same share.
func (s *seeder) sendAll(ctx context.Context, shares int) error {
	queues := make([]chan synthetic.Step, shares)
	for i := range queues {
		queues[i] = make(chan synthetic.Step, 4*perRound)
	}
	return sideBySide(ctx, shares+1, func(ctx context.Context, worker int, _ func() int) error {
		if worker < shares {
			share := newShare(s)
			defer s.add(share)
			return share.run(ctx, queues[worker])
		}
		defer func() {
			for _, queue := range queues {
				close(queue)
			}
		}()
		unknown := 0
		for step := range s.past.Steps() {
			of := step.Card
			if of < 0 {
				unknown++
				of = unknown
			}
			select {
			case queues[of%shares] <- step:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

func (s *seeder) add(share *share) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.done.Approved += share.approved
	s.done.Reversals += share.reversals
	for reason, count := range share.declined {
		s.done.Declined[strings.TrimPrefix(bankv1.DeclineReason(reason).String(), "DECLINE_REASON_")] += count
	}
}

func (s *seeder) result(took time.Duration) seeded {
	done := s.done
	done.Purchases = int(s.sent.Load())
	done.Events = done.Cards + done.Purchases + done.Reversals
	done.Millis = took.Milliseconds()
	done.PerSecond = int64(done.Purchases) * 1000 / max(done.Millis, 1)
	return done
}

// reached notes how far a share is; another may be further.
func (s *seeder) reached(at time.Time) {
	for {
		before := s.latest.Load()
		if at.UnixMilli() <= before || s.latest.CompareAndSwap(before, at.UnixMilli()) {
			return
		}
	}
}

// tell writes how far it is, now and then.
func (s *seeder) tell(ctx context.Context, began time.Time) {
	tick := time.NewTicker(quiet)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sent := s.sent.Load()
		fmt.Fprintf(s.app.streams.err, "%s  %d of %d purchases, %d a second\n", moment(time.UnixMilli(s.latest.Load())),
			sent, s.past.Plan().Purchases, sent*1000/max(time.Since(began).Milliseconds(), 1))
	}
}

func brandOf(brand pan.Brand) bankv1.CardBrand {
	return bankv1.CardBrand(bankv1.CardBrand_value["CARD_BRAND_"+brand.String()])
}
