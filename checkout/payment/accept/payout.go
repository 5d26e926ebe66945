package accept

import (
	"context"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
)

// PayoutRequest is a payout that a merchant asks for.
type PayoutRequest struct {
	Key string
	// AmountMinor is in minor units of Currency; 0 means all that is available.
	AmountMinor int64
	Currency    money.Currency
}

// Payout accepts a payout of an owner's balance, idempotently as Charge does. Errors: fault.InvalidArgument with the
// name of the field, payment.ErrKeyReused, payment.ErrRunning, payment.ErrNoPayoutAccount, payment.ErrPayoutAmount,
// fault.Unavailable.
func (s *Service) Payout(ctx context.Context, owner payment.Owner, request *PayoutRequest) (payout payment.Payout, repeated bool, err error) {
	name, err := payment.RequestID(owner, request.Key)
	if err == nil {
		err = field.Limit("amount_minor", request.AmountMinor)
	}
	if err != nil {
		return payment.Payout{}, false, err
	}
	var profile payment.Profile
	if owner.Mode == payment.Live {
		if profile, err = s.config.Profile(ctx, owner.Merchant); err != nil {
			return payment.Payout{}, false, err
		}
	}
	stored, repeated, err := s.config.Payouts.AcceptPayout(ctx, &payment.PayoutRequest{
		Owner: owner, ID: name, Fingerprint: s.ofPayout(owner, request), AmountMinor: request.AmountMinor, Currency: request.Currency, At: s.now(),
		Record: func(p payment.Payout) (outbox.Row, error) { return s.payoutRecord(ctx, &p, &profile) },
	})
	if err != nil {
		return payment.Payout{}, false, err
	}
	if !repeated {
		s.config.Wake()
	}
	return stored.AsAccepted(), repeated, nil
}
