package demo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
)

const (
	// rateCallers is how many orders are in flight while the rate is measured. Each caller has a card
	// of its own.
	rateCallers = 64
	// rateOrders is how many orders are placed for the rate. A caller places two before that, so that
	// connections and caches are not part of it.
	rateOrders = 1024
	rateFirst  = 2 * rateCallers
)

// printOrderRate places orders as fast as the checkout ends them, and prints the rate. The whole
// system runs meanwhile: the relay publishes the events, and the sinks follow.
func (d *demonstration) printOrderRate(ctx context.Context) error {
	cards := make([]*customer, rateCallers)
	for i := range cards {
		issued, err := d.cards.IssueCard(ctx, &bankv1.IssueCardRequest{
			RequestId: fmt.Sprintf("demo-rate-card-%d", i), HolderName: "Hurried Shopper", Currency: "BRL", CreditLimitMinor: 10_000_000,
		})
		if err != nil {
			return err
		}
		cards[i] = &customer{card: issued.GetCard(), data: issued.GetCardData()}
	}
	if _, err := d.placeMany(ctx, cards, "first", rateFirst); err != nil {
		return err
	}
	began := time.Now()
	approved, err := d.placeMany(ctx, cards, "rate", rateOrders)
	if err != nil {
		return err
	}
	took := time.Since(began)
	d.printf("  %d orders in %.1f s with %d in flight: %.0f orders/s, %d approved\n",
		rateOrders, took.Seconds(), rateCallers, rateOrders/took.Seconds(), approved)
	return nil
}

// placeMany places n orders, one at a time with each card, and returns how many were approved.
func (d *demonstration) placeMany(ctx context.Context, cards []*customer, name string, n int64) (approved int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var placing sync.WaitGroup
	var placed, kept atomic.Int64
	for _, who := range cards {
		placing.Go(func() {
			for number := placed.Add(1); number <= n && ctx.Err() == nil; number = placed.Add(1) {
				cart := newCart(who, cheapProduct, nil)
				cart.RequestId = fmt.Sprintf("demo-%s-%d", name, number)
				order, err := d.place(ctx, cart)
				if err != nil {
					cancel(err)
					return
				}
				if order.GetState() == checkoutv1.OrderState_ORDER_STATE_APPROVED {
					kept.Add(1)
				}
			}
		})
	}
	placing.Wait()
	return kept.Load(), context.Cause(ctx)
}
