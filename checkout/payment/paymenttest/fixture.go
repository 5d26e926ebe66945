// Package paymenttest has the suite that every payment.Store passes.
package paymenttest

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Subject is a store under test, as the programs around it see it.
type Subject struct {
	Store    payment.Store
	Feed     payment.Feed
	Figures  payment.Figures
	Keys     payment.Keys
	Records  outbox.Store
	Expiries payment.Expiries
	// Publications are the events of Feed that others are told.
	Publications payment.Publications
	Payouts      payment.Payouts
	// SetAccount says which account of the bank a merchant is paid to.
	SetAccount func(t require.TestingT, merchant, account string)
	// NewMerchant makes a merchant known, unless he is. Cafe and Other are known.
	NewMerchant func(t require.TestingT, merchant string)
}

// Start is when the charges of a suite are accepted.
var Start = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)

// Cafe and Other are owners; OtherMode is Cafe in live mode.
var (
	Cafe      = payment.Owner{Merchant: "cafe", Mode: payment.Test}
	OtherMode = payment.Owner{Merchant: "cafe", Mode: payment.Live}
	Other     = payment.Owner{Merchant: "livraria", Mode: payment.Test}
)

// Fingerprint returns a fingerprint of a text.
func Fingerprint(text string) payment.Fingerprint { return sha256.Sum256([]byte(text)) }

// Minor is the amount of each charge.
const Minor = 500

// Acceptance returns a charge to accept under a key.
func Acceptance(t require.TestingT, owner payment.Owner, key string, captureNow bool) *payment.Acceptance {
	request, err := payment.RequestID(owner, key)
	require.NoError(t, err)
	charge, err := payment.New(payment.Proposal{
		ID: request, Merchant: owner.Merchant, Mode: owner.Mode, Amount: money.Amount{Minor: Minor, Currency: money.MustCurrency("BRL")},
		CaptureNow: captureNow, Card: payment.CardOf("4111111111111111"), Description: "2 × Café coado",
	}, Start)
	require.NoError(t, err)
	secret := sha256.Sum256([]byte("key of " + key))
	return &payment.Acceptance{Charge: charge, Fingerprint: Fingerprint(key), Key: secret[:], Record: record(request)}
}

func record(request id.ID) outbox.Row {
	return outbox.Row{
		ID: request, Topic: "charges", Key: []byte("cafe"), Folder: "charges", Version: 1, Body: []byte{0, 1, 2},
		Headers: []outbox.Header{{Key: command.HeaderKey, Value: []byte("key-1")}, {Key: command.HeaderMAC, Value: []byte("mac")}},
	}
}

// Ask is an operation that is asked for.
type Ask struct {
	Kind        payment.Kind
	AmountMinor int64
}

// Operation returns an operation to accept under a key.
func Operation(t require.TestingT, charge *payment.Charge, key string, ask Ask) *payment.OperationRequest {
	request, err := payment.RequestID(charge.Owner(), key)
	require.NoError(t, err)
	return &payment.OperationRequest{
		Owner: charge.Owner(), ID: request, Fingerprint: Fingerprint(key), Charge: charge.ID, Kind: ask.Kind, AmountMinor: ask.AmountMinor, At: Start.Add(time.Minute),
		Record: func(_ payment.Charge, o payment.Operation) (outbox.Row, error) { return record(o.ID), nil },
	}
}

// Approval returns the acquirer's agreement to a charge or, if operation is not zero, to an operation.
func Approval(charge, operation id.ID) payment.Result {
	decision := payment.Decision{Approved: true}
	if operation.IsZero() {
		decision.ExpiresAt = Start.Add(time.Hour)
	}
	return payment.Result{Charge: charge, Operation: operation, Decision: decision, At: Start.Add(time.Second)}
}

// Refusal returns the acquirer's refusal.
func Refusal(charge, operation id.ID) payment.Result {
	rejection := payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "not enough"}
	return payment.Result{Charge: charge, Operation: operation, Decision: payment.Decision{Rejection: rejection}, At: Start.Add(time.Second)}
}

// Lapse returns the acquirer's answer to the question whether the authorization of a charge has ended.
func Lapse(charge id.ID, lapsed bool) payment.Result {
	result := payment.Result{Charge: charge, Expiry: true, At: Start.Add(time.Second), Decision: payment.Decision{Approved: true, Lapsed: lapsed}}
	if !lapsed {
		result.Decision = payment.Decision{Rejection: payment.Rejection{Code: "12", Reason: "NOT_EXPIRED", Message: "not yet"}}
	}
	return result
}

// KeyOf returns the key of a charge; nil if it is decided.
func KeyOf(ctx context.Context, t require.TestingT, keys payment.Keys, charge id.ID) []byte {
	found, err := keys.KeysOf(ctx, []id.ID{charge})
	require.NoError(t, err)
	return found[charge]
}

// EventsOf returns the events of changes, as payment.Feed returns them.
func EventsOf(changes []payment.Change, err error) ([]payment.Event, error) {
	events := make([]payment.Event, len(changes))
	for i := range changes {
		events[i] = changes[i].Event
	}
	return events, err
}

// ask asks after the authorizations whose time is over.
func (s *Subject) ask(ctx context.Context, t require.TestingT, now time.Time) (asked []id.ID) {
	const all = 10_000
	count, err := s.Expiries.AskExpiries(ctx, now, all, func(c payment.Charge) (outbox.Row, error) {
		asked = append(asked, c.ID)
		return record(payment.ExpiryID(c.ID)), nil
	})
	require.NoError(t, err)
	require.Len(t, asked, count)
	return asked
}

// accept accepts a new charge.
func (s *Subject) accept(ctx context.Context, t require.TestingT, a *payment.Acceptance) payment.Charge {
	stored, known, err := s.Store.AcceptCharge(ctx, a)
	require.NoError(t, err)
	require.False(t, known)
	require.Equal(t, a.Charge, stored)
	return stored
}

// apply applies answers, each of which changes something or nothing.
func (s *Subject) apply(ctx context.Context, t require.TestingT, changes bool, results ...payment.Result) {
	applied, err := s.Store.Apply(ctx, results)
	require.NoError(t, err)
	if !changes {
		results = nil
	}
	require.Equal(t, results, applied)
}

// waiting returns the ids of the records that are not answered.
func (s *Subject) waiting(ctx context.Context, t require.TestingT) (waiting []id.ID) {
	const all = 10_000
	rows, err := s.Records.Claim(ctx, all, 0)
	require.NoError(t, err)
	for i := range rows {
		waiting = append(waiting, rows[i].ID)
	}
	return waiting
}
