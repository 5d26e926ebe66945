package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/postgres"
)

func TestAnAuditReadsEveryPaymentOnce(t *testing.T) {
	store, _ := open(t)
	var messages []payment.Message
	for i := range 1200 {
		messages = append(messages, codepixtest.Payment(i))
	}
	_, err := store.Apply(t.Context(), codepixtest.From(codepixtest.SenderBank, messages...))
	require.NoError(t, err)
	_, err = store.Apply(t.Context(), codepixtest.From(codepixtest.ReceiverBank, codepixtest.Answer(messages[7], payment.Confirm)))
	require.NoError(t, err)

	found := make(map[string]postgres.AuditedPayment)
	for p, err := range store.Audited(t.Context()) {
		require.NoError(t, err)
		require.NotContains(t, found, p.EndToEndID)
		found[p.EndToEndID] = p
	}
	require.Len(t, found, len(messages))
	require.Equal(t, postgres.AuditedPayment{
		EndToEndID: string(messages[7].ID), State: "CONFIRMED", SenderBankCode: codepixtest.SenderBank, ReceiverBankCode: codepixtest.ReceiverBank,
		AmountMinor: 1000, Currency: "BRL", InitiatedAt: codepixtest.Noon,
	}, found[string(messages[7].ID)])
	require.Equal(t, "PENDING", found[string(messages[8].ID)].State)

	for range store.Audited(t.Context()) {
		break // A caller may stop.
	}
}
