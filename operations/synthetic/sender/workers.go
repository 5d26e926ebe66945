package sender

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"codebank.dev/operations/synthetic"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// issueCards lets the bank issue every card of the load at the card's time, and block
// the cards that are lost.
func (w *sending) issueCards(ctx context.Context) error {
	service := bankv1.NewCardServiceClient(w.connection)
	return concurrently(ctx, issuers, func(ctx context.Context, _ int, next func() int) error {
		for i := next(); i < len(w.cards); i = next() {
			issued, err := service.IssueCard(ctx, w.load.IssueRequest(i))
			if err == nil && w.load.Cards()[i].BlockedSoon {
				_, err = service.BlockCard(ctx, &bankv1.BlockCardRequest{Name: issued.GetCard().GetName()})
			}
			if err != nil {
				return err
			}
			w.cards[i] = issued
		}
		return nil
	})
}

// openWallets lets the bank open every wallet of the load at the wallet's time.
func (w *sending) openWallets(ctx context.Context) error {
	service := bankv1.NewWalletServiceClient(w.connection)
	return concurrently(ctx, issuers, func(ctx context.Context, _ int, next func() int) error {
		for i := next(); i < len(w.accounts); i = next() {
			customer := w.cards[w.load.Wallets()[i].Card].GetCard().GetCustomerId()
			opened, err := service.OpenAccount(ctx, w.load.OpenRequest(i, customer))
			if err != nil {
				return err
			}
			w.accounts[i] = opened.GetAccount().GetName()
		}
		return nil
	})
}

// sendAll gives the steps of the load to the shares, and those on wallets to a worker of their own. One
// share gets all steps of a card.
func (w *sending) sendAll(ctx context.Context) error {
	shares := w.options.Shares
	queues := make([]chan synthetic.Step, shares+1)
	for i := range queues {
		queues[i] = make(chan synthetic.Step, 4*perRound)
	}
	return concurrently(ctx, shares+3, func(ctx context.Context, worker int, _ func() int) error {
		switch worker {
		case shares:
			wallets := newWallets(w)
			defer func() { w.counts.add(&wallets.tally) }()
			return wallets.send(ctx, queues[shares])
		case shares + 1:
			return give(ctx, w.load.WalletSteps(), queues[shares:], func(*synthetic.Step) int { return 0 })
		case shares + 2:
			unknown := 0
			return give(ctx, w.load.Steps(), queues[:shares], func(step *synthetic.Step) int {
				if step.Card >= 0 {
					return step.Card
				}
				unknown++
				return unknown
			})
		}
		share := newShare(w)
		defer func() { w.counts.add(&share.tally) }()
		return share.send(ctx, queues[worker])
	})
}

// give gives steps to queues by a number of each step, and closes the queues.
func give(ctx context.Context, steps iter.Seq[synthetic.Step], queues []chan synthetic.Step, number func(*synthetic.Step) int) error {
	defer func() {
		for _, queue := range queues {
			close(queue)
		}
	}()
	for step := range steps {
		select {
		case queues[number(&step)%len(queues)] <- step:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// concurrently runs several workers. Each call of next gives a number that no other call
// gets, from 0 on. The first error ends all workers and is returned.
func concurrently(ctx context.Context, workers int, work func(ctx context.Context, worker int, next func() int) error) error {
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
