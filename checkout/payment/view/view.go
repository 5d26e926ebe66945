// Package view has the JSON of charges and of what is done to them: one form for REST, webhooks and the live feed.
// Words are those of the contract schemas/openapi/payment-gateway.v1.yaml.
package view

import (
	"strings"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/pan"
)

// Charge is a charge as merchants read it. Amounts are in minor units of Currency.
type Charge struct {
	ID              string `json:"id"`
	Status          string `json:"status"`
	Mode            string `json:"mode"`
	AmountMinor     int64  `json:"amount_minor"`
	Currency        string `json:"currency"`
	Capture         bool   `json:"capture"`
	CapturedMinor   int64  `json:"captured_minor"`
	RefundedMinor   int64  `json:"refunded_minor"`
	RefundableMinor int64  `json:"refundable_minor"`
	Card            Card   `json:"card"`
	Description     string `json:"description"`
	// Error is why the charge was rejected; nil unless it was.
	Error *Error `json:"error"`
	// ExpiresAt is when an authorization ends by itself; nil unless the charge is authorized.
	ExpiresAt *Time `json:"expires_at"`
	CreatedAt Time  `json:"created_at"`
	// DecidedAt is nil while the charge is pending.
	DecidedAt *Time `json:"decided_at"`
	UpdatedAt Time  `json:"updated_at"`
	Version   int64 `json:"version"`
}

// Card is all that stays readable of a card; its texts are empty if the merchant sent no card number.
type Card struct {
	Brand string `json:"brand"`
	BIN   string `json:"bin"`
	Last4 string `json:"last4"`
}

// Error is why a charge was rejected, an operation refused, or why a payout failed.
type Error struct {
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Operation is a capture, a void or a refund as merchants read it.
type Operation struct {
	ID          string `json:"id"`
	ChargeID    string `json:"charge_id"`
	Kind        string `json:"kind"`
	Status      string `json:"status"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	// Error is why the operation was refused; nil unless it was.
	Error     *Error `json:"error"`
	CreatedAt Time   `json:"created_at"`
	// EndedAt is nil while the operation is pending.
	EndedAt *Time `json:"ended_at"`
}

// OfCharge returns the view of a charge.
func OfCharge(c *payment.Charge) Charge {
	var expires *Time
	if c.State == payment.Authorized {
		expires = TimeOrNil(c.ExpiresAt)
	}
	return Charge{
		ID: c.ID.String(), Status: word(c.State), Mode: word(c.Mode), AmountMinor: c.Amount.Minor, Currency: c.Amount.Currency.String(),
		Capture: c.CaptureNow, CapturedMinor: c.Captured, RefundedMinor: c.Refunded, RefundableMinor: c.Refundable(), Card: ofCard(c.Card),
		Description: c.Description, Error: ofRejection(c.Rejection), ExpiresAt: expires, CreatedAt: Time(c.CreatedAt),
		DecidedAt: TimeOrNil(c.DecidedAt), UpdatedAt: Time(c.ChangedAt), Version: c.Version,
	}
}

// OfOperation returns the view of an operation.
func OfOperation(o *payment.Operation) Operation {
	return Operation{
		ID: o.ID.String(), ChargeID: o.Charge.String(), Kind: word(o.Kind), Status: word(o.Outcome), AmountMinor: o.Amount.Minor,
		Currency: o.Amount.Currency.String(), Error: ofRejection(o.Rejection), CreatedAt: Time(o.CreatedAt), EndedAt: TimeOrNil(o.EndedAt),
	}
}

func ofCard(c payment.Card) Card {
	if c == (payment.Card{}) {
		return Card{}
	}
	brand := ""
	if c.Brand != pan.BrandUnknown {
		brand = strings.ToLower(c.Brand.String())
	}
	return Card{Brand: brand, BIN: c.BIN, Last4: c.Last4}
}

func ofRejection(r payment.Rejection) *Error {
	if r == (payment.Rejection{}) {
		return nil
	}
	return &Error{Code: r.Code, Reason: r.Reason, Message: r.Message}
}

// word returns a name of the wire as the JSON has it.
func word(name interface{ String() string }) string { return strings.ToLower(name.String()) }
