package payment_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

var (
	brl   = money.MustCurrency("BRL")
	start = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)
)

func charge(t require.TestingT, minor int64, captureNow bool) payment.Charge {
	made, err := payment.New(payment.Proposal{
		ID: id.Derive(id.ID{}, "charge"), Merchant: "cafe", Mode: payment.Test, Amount: money.Amount{Minor: minor, Currency: brl}, CaptureNow: captureNow,
	}, start)
	require.NoError(t, err)
	return made
}

func decided(t require.TestingT, c payment.Charge) payment.Charge {
	after, err := c.Decided(payment.Decision{Approved: true, ExpiresAt: start.Add(time.Hour)}, start)
	require.NoError(t, err)
	return after
}

func TestAChargeIsDecidedOnce(t *testing.T) {
	pending := charge(t, 500, true)
	approved := decided(t, pending)
	require.Equal(t, payment.Approved, approved.State)
	require.Equal(t, int64(500), approved.Captured)
	require.Equal(t, payment.Pending, pending.State)
	again, err := approved.Decided(payment.Decision{Rejection: payment.Rejection{Code: "51"}}, start)
	require.ErrorIs(t, err, payment.ErrDecided)
	require.Equal(t, approved, again)

	rejected, err := pending.Decided(payment.Decision{Rejection: payment.Rejection{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "no"}}, start)
	require.NoError(t, err)
	require.Equal(t, payment.Rejected, rejected.State)
	require.Equal(t, "51", rejected.Rejection.Code)
	require.Zero(t, rejected.Captured)
	_, err = payment.New(payment.Proposal{Merchant: "cafe", Mode: payment.Test, Amount: money.Amount{Currency: brl}}, start)
	require.ErrorIs(t, err, payment.ErrAmount)
}

func TestAnAuthorizationEndsOnce(t *testing.T) {
	authorized := decided(t, charge(t, 500, false))
	require.Zero(t, authorized.Captured)
	capturing, capture, err := authorized.Accept(id.ID{1}, payment.Capture, 300, start)
	require.NoError(t, err)
	_, _, err = capturing.Accept(id.ID{2}, payment.Void, 0, start)
	require.ErrorIs(t, err, payment.ErrEnding)
	_, err = capturing.Lapsed(start.Add(2 * time.Hour))
	require.ErrorIs(t, err, payment.ErrEnding)
	captured, ended, err := capturing.End(capture, nil, start)
	require.NoError(t, err)
	require.Equal(t, payment.Approved, captured.State)
	require.Equal(t, int64(300), captured.Captured)
	_, _, err = captured.End(ended, nil, start)
	require.ErrorIs(t, err, payment.ErrDecided)
	_, _, err = captured.Accept(id.ID{3}, payment.Capture, 1, start)
	require.ErrorIs(t, err, payment.ErrState)

	// A refused capture leaves the authorization, which may then end by itself.
	refused, ended, err := capturing.End(capture, &payment.Rejection{Code: "05"}, start)
	require.NoError(t, err)
	require.Equal(t, payment.Refused, ended.Outcome)
	require.Equal(t, payment.Authorized, refused.State)
	expired, err := refused.Lapsed(start.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, payment.Expired, expired.State)
	_, err = expired.Lapsed(start.Add(time.Hour))
	require.ErrorIs(t, err, payment.ErrState)

	voiding, void, err := authorized.Accept(id.ID{4}, payment.Void, 0, start)
	require.NoError(t, err)
	voided, _, err := voiding.End(void, nil, start)
	require.NoError(t, err)
	require.Equal(t, payment.Voided, voided.State)
}

func TestWhatCannotBeDoneIsRefused(t *testing.T) {
	pending, authorized, approved := charge(t, 500, true), decided(t, charge(t, 500, false)), decided(t, charge(t, 500, true))
	for _, rule := range []struct {
		charge payment.Charge
		kind   payment.Kind
		amount int64
		err    error
	}{
		{pending, payment.Capture, 0, payment.ErrPending},
		{pending, payment.Refund, 1, payment.ErrPending},
		{authorized, payment.Refund, 1, payment.ErrState},
		{authorized, payment.Capture, 501, payment.ErrAmount},
		{authorized, payment.Capture, -1, payment.ErrAmount},
		{authorized, payment.Void, 1, payment.ErrAmount},
		{authorized, payment.NoOperation, 1, payment.ErrState},
		{approved, payment.Void, 0, payment.ErrState},
		{approved, payment.Refund, 501, payment.ErrAmount},
	} {
		after, _, err := rule.charge.Accept(id.ID{9}, rule.kind, rule.amount, start)
		require.ErrorIs(t, err, rule.err, "%s %s %d", rule.charge.State, rule.kind, rule.amount)
		require.Equal(t, rule.charge, after)
	}
	_, err := pending.Lapsed(start)
	require.ErrorIs(t, err, payment.ErrPending)
}

// Whatever is accepted and answered, in whatever order: no more is given back than was captured, no more is captured
// than was agreed to, a final state stays, and each change counts once.
func TestTheFiguresOfAChargeAlwaysHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := charge(t, rapid.Int64Range(1, 1_000).Draw(t, "amount"), rapid.Bool().Draw(t, "capture now"))
		var open []payment.Operation
		given := int64(0)
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			before := c
			var err error
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				c, err = c.Decided(payment.Decision{Approved: rapid.Bool().Draw(t, "approved"), ExpiresAt: start.Add(time.Minute)}, start)
			case 1:
				kind := payment.Kind(rapid.IntRange(0, 4).Draw(t, "kind"))
				var accepted payment.Operation
				c, accepted, err = c.Accept(id.ID{byte(step)}, kind, rapid.Int64Range(-1, 1_100).Draw(t, "part"), start)
				if err == nil {
					open = append(open, accepted)
				}
			case 2:
				if len(open) == 0 {
					continue
				}
				var rejection *payment.Rejection
				if rapid.Bool().Draw(t, "refused") {
					rejection = &payment.Rejection{Code: "05"}
				}
				var ended payment.Operation
				c, ended, err = c.End(open[0], rejection, start)
				require.NoError(t, err)
				if open = open[1:]; ended.Kind == payment.Refund && ended.Outcome == payment.Done {
					given += ended.Amount.Minor
				}
			case 3:
				c, err = c.Lapsed(start.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "minutes")) * time.Minute))
			}
			if err != nil {
				require.Equal(t, before, c)
				continue
			}
			require.Equal(t, before.Version+1, c.Version)
			require.LessOrEqual(t, c.Captured, c.Amount.Minor)
			require.GreaterOrEqual(t, c.Refundable(), int64(0))
			require.GreaterOrEqual(t, c.Reserved, int64(0))
			require.Equal(t, given, c.Refunded)
			if final := before.State != payment.Pending && before.State != payment.Authorized; final {
				require.Equal(t, before.State, c.State)
			}
			if c.State != payment.Approved {
				require.Zero(t, c.Captured)
			}
		}
	})
}

func TestNamesAreThoseOfTheWire(t *testing.T) {
	require.Equal(t, "AUTHORIZED", payment.Authorized.String())
	require.Equal(t, "LIVE", payment.Live.String())
	require.Equal(t, "REFUND", payment.Refund.String())
	require.Equal(t, "REFUSED", payment.Refused.String())
	require.Equal(t, "UNSPECIFIED", payment.State(99).String())
	require.Equal(t, "UNSPECIFIED", payment.Mode(0).String())
}
