package checkout_test

import (
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"github.com/stretchr/testify/require"
)

// The states an order can be in, and what can be done to it.
func TestAnOrderChangesAlongTheDrawnEdgesOnly(t *testing.T) {
	now := checkouttest.Start()
	pending := checkouttest.Order(t, "shop", "r1", now)
	voiding := must(pending.GivenUp(checkout.TimedOut, now))
	states := map[string]checkout.Order{
		"pending":  pending,
		"voiding":  voiding,
		"approved": must(pending.Answered(decision(checkout.OutcomeApproved), now)),
		"declined": must(pending.Answered(decision(checkout.OutcomeDeclined), now)),
		"voided":   must(voiding.Voided(decision(checkout.OutcomeVoided), now)),
	}
	changes := map[string]func(checkout.Order) (checkout.Order, error){
		"approve": func(o checkout.Order) (checkout.Order, error) {
			return o.Answered(decision(checkout.OutcomeApproved), now)
		},
		"decline": func(o checkout.Order) (checkout.Order, error) {
			return o.Answered(decision(checkout.OutcomeDeclined), now)
		},
		"give up": func(o checkout.Order) (checkout.Order, error) { return o.GivenUp(checkout.Refused, now) },
		"void":    func(o checkout.Order) (checkout.Order, error) { return o.Voided(decision(checkout.OutcomeVoided), now) },
		"keep": func(o checkout.Order) (checkout.Order, error) {
			return o.Voided(decision(checkout.OutcomeApproved), now)
		},
		"postpone": func(o checkout.Order) (checkout.Order, error) { return o.Postponed(now) },
	}
	refusals := map[string]map[string]error{
		"pending": {"void": checkout.ErrNotVoiding, "keep": checkout.ErrNotVoiding},
		"voiding": {"approve": checkout.ErrVoiding, "decline": checkout.ErrVoiding, "keep": checkout.ErrKept},
	}
	for name, order := range states {
		for what, change := range changes {
			want := refusals[name][what]
			if order.State != checkout.Pending {
				want = checkout.ErrEnded
			}
			changed, err := change(order)
			if want != nil {
				require.ErrorIs(t, err, want, "%s: %s", name, what)
				require.Equal(t, order, changed)
				continue
			}
			require.NoError(t, err, "%s: %s", name, what)
		}
	}
}

func decision(outcome checkout.Outcome) checkout.Decision {
	d := checkout.Decision{Outcome: outcome, Purchase: "purchases/1"}
	if outcome == checkout.OutcomeDeclined {
		d.Decline = checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "No."}
	}
	return d
}

func must(order checkout.Order, err error) checkout.Order {
	if err != nil {
		panic(err)
	}
	return order
}

func TestAnEndedOrderHasNothingLeftToDo(t *testing.T) {
	now := checkouttest.Start()
	order := checkouttest.Order(t, "shop", "r1", now)
	ended := must(order.Answered(decision(checkout.OutcomeApproved), now.Add(1500*time.Microsecond)))
	require.Equal(t, checkout.PendingCharge{}, ended.PendingCharge)
	require.Equal(t, now.Add(time.Millisecond), ended.EndedAt, "whole milliseconds")
	require.Equal(t, order.CreatedAt, order.UpdatedAt())
	require.Equal(t, ended.EndedAt, ended.UpdatedAt())
}

func TestTheFirstReasonToVoidStays(t *testing.T) {
	now := checkouttest.Start()
	order := must(checkouttest.Order(t, "shop", "r1", now).Postponed(now))
	order = must(order.GivenUp(checkout.TimedOut, now.Add(time.Minute)))
	require.Zero(t, order.PendingCharge.Tries)
	again := must(order.GivenUp(checkout.Refused, now.Add(time.Hour)))
	require.Equal(t, order, again)
	require.Equal(t, "68", must(again.Voided(decision(checkout.OutcomeVoided), now)).Decline.Code)
}

func TestAPurchaseVoidedByOthersIsDeclined(t *testing.T) {
	now := checkouttest.Start()
	order := must(checkouttest.Order(t, "shop", "r1", now).Answered(decision(checkout.OutcomeVoided), now))
	require.Equal(t, checkout.Declined, order.State)
	require.Equal(t, checkout.ReasonVoided, order.Decline.Reason)
}
