package inmem

import (
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
)

var _ payment.Payer = (*Acquirer)(nil)

// payoutOrder is a payout that was decided.
type payoutOrder struct {
	asked    payment.PayoutOrder
	decision payment.Decision
}

// Paid returns what was paid to an account, in minor units.
func (a *Acquirer) Paid(account string) (sum int64) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, order := range a.orders {
		if order.decision.Approved && order.asked.Account == account {
			sum += order.asked.Amount.Minor
		}
	}
	return sum
}

// CloseAccount declines every payout to an account.
func (a *Acquirer) CloseAccount(account string, why payment.Rejection) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.declined[account] = why
}

// PayOut implements payment.Payer.
func (a *Acquirer) PayOut(ctx context.Context, order *payment.PayoutOrder) (payment.Decision, error) {
	return do(ctx, a, order.ID, func() (payment.Decision, error) {
		key := *order
		key.TraceID = ""
		if p, voided := a.purchases[order.ID]; voided && p.decision == (payment.Decision{}) {
			return payment.Decision{Rejection: payment.Rejection{Code: "05", Reason: "REFUSED", Message: "voided"}}, nil
		}
		before, known := a.orders[order.ID]
		switch {
		case known && before.asked != key:
			return payment.Decision{}, fault.New(fault.Aborted, "REQUEST_ID_REUSED", "Used before.")
		case known:
			return before.decision, nil
		case order.Account == "":
			return payment.Decision{}, fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.")
		}
		decision := payment.Decision{Approved: true}
		if why, closed := a.declined[order.Account]; closed {
			decision = payment.Decision{Rejection: why}
		}
		a.orders[order.ID] = payoutOrder{key, decision}
		return decision, nil
	})
}
