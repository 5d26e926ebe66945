package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
)

// refunded is a charge that was paid and given back in part, with the record of the refund in the audit log.
func refunded(t *testing.T, o *opened, owner payment.Owner, key string) (payment.Charge, payment.Operation) {
	t.Helper()
	a := paymenttest.Acceptance(t, owner, key, true)
	charge, _, err := o.store.AcceptCharge(t.Context(), a)
	require.NoError(t, err)
	answer := paymenttest.Approval(charge.ID, id.ID{})
	if owner.Mode == payment.Live {
		answer.Decision.Purchase = "purchases/" + charge.ID.String()
	}
	_, err = o.store.Apply(t.Context(), []payment.Result{answer})
	require.NoError(t, err)
	request := paymenttest.Operation(t, &charge, key+"-back", paymenttest.Ask{Kind: payment.Refund, AmountMinor: 100})
	request.Audit = &auditlog.Record{At: paymenttest.Start, Act: "REFUND_CHARGE", WhoKind: "MERCHANT", Who: owner.Merchant, What: "charges/" + charge.ID.String(), Result: auditlog.ResultOK}
	for range 2 { // The second one is a repeat.
		_, _, err = o.store.AcceptOperation(t.Context(), request)
		require.NoError(t, err)
	}
	operation := payment.Operation{ID: request.ID}
	_, err = o.store.Apply(t.Context(), []payment.Result{paymenttest.Approval(charge.ID, request.ID)})
	require.NoError(t, err)
	return charge, operation
}

// The auditor's role reads every change of every merchant in the order of merchant, mode and sequence, and no more than it
// needs for that. A refund is in the audit log once.
func TestAnAuditReadsEveryChangeOfEveryMerchant(t *testing.T) {
	o := open(t)
	charge, refund := refunded(t, o, paymenttest.Cafe, "k")
	other, _ := refunded(t, o, paymenttest.OtherMode, "live")
	auditor, err := checkout.Open(t.Context(), checkout.Config{URL: databasetest.As(t, o.url, checkout.AuditorRole)})
	require.NoError(t, err)
	defer auditor.Close()
	read := func(before time.Time) (found []checkout.AuditedChange) {
		for change, err := range auditor.AuditedChanges(t.Context(), before) {
			require.NoError(t, err)
			found = append(found, change)
		}
		return found
	}
	all := read(paymenttest.Start.Add(time.Hour))
	require.Len(t, all, 8)
	for i, c := range all {
		mode, of := "LIVE", other.ID
		if i >= 4 {
			mode, of = "TEST", charge.ID
		}
		require.Equal(t, []any{paymenttest.Cafe.Merchant, mode, int64(i%4 + 1), of}, []any{c.Merchant, c.Mode, c.Sequence, c.Charge})
		require.Equal(t, []any{int64(paymenttest.Minor), "BRL"}, []any{c.Amount, c.Currency})
	}
	accepted, ended := all[6], all[7]
	require.Equal(t, []any{"OPERATION_ACCEPTED", refund.ID, "REFUND", "PENDING", int64(100), int64(0)},
		[]any{accepted.Kind, accepted.Operation, accepted.OperationKind, accepted.OperationOutcome, accepted.OperationAmount, accepted.Refunded})
	require.Equal(t, []any{"OPERATION_ENDED", "REFUND", "DONE", int64(100), "APPROVED", charge.ID.String() + "/4"},
		[]any{ended.Kind, ended.OperationKind, ended.OperationOutcome, ended.Refunded, ended.State, ended.EventID()})
	require.Equal(t, []any{"CHARGE_ACCEPTED", "PENDING", "NONE", "NONE", true},
		[]any{all[4].Kind, all[4].State, all[4].OperationKind, all[4].OperationOutcome, all[4].Operation.IsZero()})
	require.Empty(t, read(all[0].At.Add(-time.Hour)), "later changes are left out")
	for range auditor.AuditedChanges(t.Context(), time.Now()) {
		break // A caller may stop.
	}
	head, err := table.Verify(t.Context(), o.conn)
	require.NoError(t, err)
	require.EqualValues(t, 2, head.Sequence, "one row for each refund")
}
