package view

import "codebank.dev/checkout/payment"

// Payout is a payout as merchants read it. The amount is in minor units of Currency.
type Payout struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Mode        string `json:"mode"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	// Account is accounts/{uuid} at the bank; it may be empty in test mode.
	Account string `json:"account"`
	// Error is why the payout failed; nil unless it did.
	Error     *Error `json:"error"`
	CreatedAt Time   `json:"created_at"`
	// EndedAt is nil while the payout is pending.
	EndedAt *Time `json:"ended_at"`
}

// OfPayout returns the view of a payout.
func OfPayout(p *payment.Payout) Payout {
	return Payout{
		ID: p.ID.String(), Status: word(p.State), Mode: word(p.Mode), AmountMinor: p.Amount.Minor, Currency: p.Amount.Currency.String(),
		Account: p.Account, Error: ofRejection(p.Rejection), CreatedAt: Time(p.CreatedAt), EndedAt: TimeOrNil(p.EndedAt),
	}
}
