package bankrpc //nolint:testpackage // What an answer means is not exported.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

func TestAnAnswerThatCannotBeTrustedLeavesTheOutcomeUnknown(t *testing.T) {
	asked := &payment.Authorization{Charge: id.ID{1}, Amount: money.Amount{Minor: 500, Currency: money.MustCurrency("BRL")}}
	expires := time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)
	good := &bankv1.Purchase{
		Name: "purchases/1", RequestId: asked.Charge.String(), Status: bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, AmountMinor: 500, Currency: "BRL",
		ExpireTime: timestamppb.New(expires),
	}
	decision, err := decisionOf(good, asked)
	require.NoError(t, err)
	require.Equal(t, payment.Decision{Approved: true, Purchase: "purchases/1", ExpiresAt: expires}, decision)
	for name, change := range map[string]func(*bankv1.Purchase){
		"another request":         func(p *bankv1.Purchase) { p.RequestId = "other" },
		"no status":               func(p *bankv1.Purchase) { p.Status = 0 },
		"a future status":         func(p *bankv1.Purchase) { p.Status = 99 },
		"taken, not set aside":    func(p *bankv1.Purchase) { p.Status = bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED },
		"another amount":          func(p *bankv1.Purchase) { p.AmountMinor++ },
		"another currency":        func(p *bankv1.Purchase) { p.Currency = "USD" },
		"no name":                 func(p *bankv1.Purchase) { p.Name = "" },
		"no end of authorization": func(p *bankv1.Purchase) { p.ExpireTime = nil },
	} {
		wrong := proto.CloneOf(good)
		change(wrong)
		_, err := decisionOf(wrong, asked)
		require.Equal(t, fault.Internal, fault.CodeOf(err), name)
	}
	_, err = decisionOf(nil, asked)
	require.Equal(t, fault.Internal, fault.CodeOf(err))
}

func TestADeclineAndAVoidAreRejections(t *testing.T) {
	asked := &payment.Authorization{Charge: id.ID{1}}
	for status, reason := range map[bankv1.PurchaseStatus]string{
		bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED: "BLOCKED", bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED: "REFUSED",
	} {
		decision, err := decisionOf(&bankv1.Purchase{
			RequestId: asked.Charge.String(), Status: status, Decline: &bankv1.Decline{Code: "62", Reason: bankv1.DeclineReason_DECLINE_REASON_BLOCKED, Message: "no"},
		}, asked)
		require.NoError(t, err)
		require.False(t, decision.Approved)
		require.Equal(t, reason, decision.Rejection.Reason)
	}
}

// What a bank refuses while its replicas are being replaced, it does not refuse for good.
func TestARefusalOfABankThatIsBeingReplacedIsNone(t *testing.T) {
	err := translate(fault.New(fault.FailedPrecondition, "EVENT_VERSION_TOO_OLD", "Not yet."))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	final := fault.New(fault.FailedPrecondition, "HOLD_VOIDED", "Voided.")
	require.ErrorIs(t, translate(final), final)
}
