package rpc

import (
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
