package sender

import (
	"context"
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

// sendAll gives the steps of the load to the shares. One share gets all steps of a card.
func (w *sending) sendAll(ctx context.Context) error {
	shares := w.options.Shares
	queues := make([]chan synthetic.Step, shares)
	for i := range queues {
		queues[i] = make(chan synthetic.Step, 4*perRound)
	}
	return concurrently(ctx, shares+1, func(ctx context.Context, worker int, _ func() int) error {
		if worker < shares {
			share := newShare(w)
			defer w.counts.add(share)
			return share.send(ctx, queues[worker])
		}
		defer func() {
			for _, queue := range queues {
				close(queue)
			}
		}()
		unknown := 0
		for step := range w.load.Steps() {
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
