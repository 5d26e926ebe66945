package rpc

import (
	"slices"
	"testing"

	"codebank.dev/bank"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
)

func TestTheEnumsOfContractAndBusinessMatch(t *testing.T) {
	for number, name := range bankv1.CardBrand_name {
		brand, ok := brands[bankv1.CardBrand(number)]
		require.True(t, ok, name)
		if number != 0 {
			require.Equal(t, "CARD_BRAND_"+brand.String(), name)
		}
	}
	for number, name := range bankv1.Channel_name {
		channel, ok := channels[bankv1.Channel(number)]
		require.True(t, ok, name)
		if number != 0 {
			require.Equal(t, "CHANNEL_"+channel.String(), name)
		}
	}
	require.Len(t, reasons, len(bankv1.DeclineReason_name)-1)
	for _, reason := range bank.DeclineReasons() {
		require.Equal(t, "DECLINE_REASON_"+reason.String(), reasons[reason].String())
	}
	for status, message := range statuses {
		require.Equal(t, "PURCHASE_STATUS_"+status.String(), message.String())
	}
	ofHolds := []bankv1.PurchaseStatus{
		bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, bankv1.PurchaseStatus_PURCHASE_STATUS_CAPTURED, bankv1.PurchaseStatus_PURCHASE_STATUS_EXPIRED,
	}
	require.Len(t, statuses, len(bankv1.PurchaseStatus_name)-1-len(ofHolds))
}

func TestTheEnumsOfAccountsAndTransactionsMatch(t *testing.T) {
	require.Len(t, transactionKinds, len(bankv1.TransactionKind_name)-1)
	for kind, message := range transactionKinds {
		require.Equal(t, "TRANSACTION_KIND_"+kind.String(), message.String())
	}
	require.Len(t, transactionStatuses, len(bankv1.TransactionStatus_name)-1)
	for status, message := range transactionStatuses {
		require.Equal(t, "TRANSACTION_STATUS_"+status.String(), message.String())
	}
	require.Len(t, accountKinds, len(bankv1.AccountKind_name)-1)
	for kind, message := range accountKinds {
		require.Equal(t, "ACCOUNT_KIND_"+kind.String(), message.String())
	}
	// What is no transaction of the contract: what an account or a card does by itself.
	for _, rules := range bank.AllRules() {
		_, shown := transactionKinds[rules.Kind]
		require.Equal(t, !slices.Contains([]bank.Kind{bank.KindOpening, bank.KindLimitChange, bank.KindClosing}, rules.Kind), shown, rules.Kind)
	}
}

func TestTheEnumsOfPixMatch(t *testing.T) {
	require.Len(t, pixStates, len(bankv1.PixState_name)-1)
	for number, name := range bankv1.PixKeyKind_name {
		if number != 0 {
			require.Equal(t, bankv1.PixKeyKind(number), pixKindMessage(pixKind(bankv1.PixKeyKind(number))), name)
		}
	}
	require.Empty(t, pixKind(bankv1.PixKeyKind_PIX_KEY_KIND_UNSPECIFIED))
}
