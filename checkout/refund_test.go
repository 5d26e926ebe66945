package checkout_test

import (
	"strconv"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// paid returns an approved order.
func paid(t testing.TB) checkout.Order {
	o, err := checkouttest.Order(t, "shop", "r1", checkouttest.Start()).Answered(
		checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/1"}, checkouttest.Start())
	require.NoError(t, err)
	return o
}

func TestOnlyWhatWasPaidIsRefunded(t *testing.T) {
	pending := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	declined, err := pending.Answered(checkout.Decision{Outcome: checkout.OutcomeDeclined, Decline: checkout.Decline{Code: "51", Reason: "X"}}, checkouttest.Start())
	require.NoError(t, err)
	for _, o := range []checkout.Order{pending, declined} {
		same, err := o.Refunding(checkouttest.NewID(t), checkout.RefundRequest{}, checkouttest.Start(), checkouttest.Start())
		require.ErrorIs(t, err, checkout.ErrNotPaid)
		require.Equal(t, o, same)
	}
}

func TestARefundEndsOnce(t *testing.T) {
	now := checkouttest.Start()
	o, id := paid(t), checkouttest.NewID(t)
	o, err := o.Refunding(id, checkout.RefundRequest{Caller: "shop", RequestID: "f1"}, now, now)
	require.NoError(t, err)
	require.Equal(t, o.Total.Minor, o.Refund(id).Amount, "0 is all that is left")
	require.Equal(t, checkout.Approved, o.State, "nothing was given back yet")
	_, err = o.Refunding(checkouttest.NewID(t), checkout.RefundRequest{Asked: 1}, now, now)
	require.ErrorIs(t, err, checkout.ErrNothingLeft, "it is reserved")
	refused, err := o.RefundRefused(id, checkout.Refusal{Reason: "X"}, now)
	require.NoError(t, err)
	require.Equal(t, checkout.Approved, refused.State)
	require.Equal(t, o.Total.Minor, refused.Refundable(), "the amount is free again")
	done, err := o.RefundAnswered(id, "reversals/1", now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, checkout.Refunded, done.State)
	require.Equal(t, now.Add(time.Hour), done.UpdatedAt())
	for _, ended := range []checkout.Order{refused, done} {
		_, err = ended.RefundAnswered(id, "reversals/2", now)
		require.ErrorIs(t, err, checkout.ErrRefundEnded)
		_, err = ended.RefundRefused(id, checkout.Refusal{}, now)
		require.ErrorIs(t, err, checkout.ErrRefundEnded)
		_, err = ended.RefundPostponed(id, now)
		require.ErrorIs(t, err, checkout.ErrRefundEnded)
		_, err = ended.RefundAnswered(checkouttest.NewID(t), "reversals/1", now)
		require.ErrorIs(t, err, checkout.ErrNoRefund)
	}
}

// Whatever is asked for and answered in whatever order, no more is given back than was paid, and the state
// says how much it is.
func TestNoMoreIsRefundedThanWasPaid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o, now := paid(t), checkouttest.Start()
		total := o.Total.Minor
		for step := range rapid.IntRange(1, 30).Draw(r, "steps") {
			before := o
			var err error
			if len(o.Refunds) == 0 || rapid.Bool().Draw(r, "ask") {
				left := o.Refundable()
				asked := rapid.SampledFrom([]int64{0, 1, total / 3, left, left + 1}).Draw(r, "asked")
				o, err = o.Refunding(checkouttest.NewID(t), checkout.RefundRequest{RequestID: strconv.Itoa(step), Asked: asked}, now, now)
				require.Equal(r, left > 0 && asked <= left, err == nil)
			} else {
				refund := rapid.SampledFrom(o.Refunds).Draw(r, "refund")
				switch rapid.IntRange(0, 2).Draw(r, "answer") {
				case 0:
					o, err = o.RefundAnswered(refund.ID, "reversals/1", now)
				case 1:
					o, err = o.RefundRefused(refund.ID, checkout.Refusal{Reason: "X"}, now)
				case 2:
					o, err = o.RefundPostponed(refund.ID, now)
				}
				require.Equal(r, refund.State == checkout.RefundPending, err == nil)
			}
			if err != nil {
				require.Equal(r, before, o)
			}
			require.GreaterOrEqual(r, o.Refundable(), int64(0))
			require.GreaterOrEqual(r, o.Refunded(), before.Refunded())
			want := checkout.PartiallyRefunded
			switch o.Refunded() {
			case 0:
				want = checkout.Approved
			case total:
				want = checkout.Refunded
			}
			require.Equal(r, want, o.State)
		}
	})
}
