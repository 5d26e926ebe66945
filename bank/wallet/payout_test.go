package wallet_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

func payout(call wallet.Call, account bank.ID, amount int64) wallet.PayOutRequest {
	return wallet.PayOutRequest{
		Call: call, Account: name(account), AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant, MerchantReference: "payout-1", Description: "Payout",
	}
}

// A payout is a deposit from the merchant's settlement account, once for each request id.
func TestSalesArePaidOutToAWallet(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a := one.wallet(t, 10)
		ask := payout(service(), a.ID, 300)
		paid, err := one.PayOut(t.Context(), ask)
		require.NoError(t, err)
		entry := paid.Entry
		require.Equal(t, []any{bank.KindDeposit, bank.Credit, bank.Approved, int64(310)}, []any{entry.Kind, entry.Direction, entry.Status, entry.BalanceAfter})
		require.Equal(t, []bank.ID{banktest.Settlement, a.ID}, []bank.ID{entry.DebitAccount, entry.CreditAccount})
		require.Equal(t, banktest.Merchant, entry.Merchant)
		again, err := two.PayOut(t.Context(), ask)
		require.NoError(t, err)
		require.True(t, again.Repeat)
		require.Equal(t, entry, again.Entry)
		require.Equal(t, int64(310), two.account(t, a.ID).Balance)
		ask.AmountMinor++
		_, err = two.PayOut(t.Context(), ask)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
		_, err = two.Deposit(t.Context(), cash(wallet.Call{Caller: ask.Caller, RequestID: ask.RequestID, Subject: operator().Subject}, a.ID, 300))
		require.ErrorIs(t, err, bank.ErrRequestIDReused, "cash is another request")

		other := payout(operator(), a.ID, 5)
		_, err = one.PayOut(t.Context(), other)
		require.NoError(t, err)
		back := wallet.ReverseRequest{Call: operator(), Name: transactionName(entry.TransactionID)}
		_, err = one.Reverse(t.Context(), back)
		requireReason(t, "NOT_REVERSIBLE", "", err)

		never := service()
		_, err = one.Cancel(t.Context(), never)
		require.NoError(t, err)
		voided, err := two.PayOut(t.Context(), payout(never, a.ID, 7))
		require.NoError(t, err)
		require.Equal(t, bank.Voided, voided.Entry.Status)
		require.Equal(t, int64(315), two.account(t, a.ID).Balance)
	})
}

func TestAPayoutIsRefusedByTheFieldThatIsWrong(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		a := one.wallet(t, 0)
		for _, subject := range []bank.Subject{
			{Kind: principal.User, Customers: []bank.ID{a.CustomerID}}, {Kind: principal.Merchant, Name: banktest.Merchant.ID}, {},
		} {
			_, err := one.PayOut(t.Context(), payout(as("app", subject), a.ID, 1))
			requireReason(t, "NOT_ALLOWED", "", err, subject.Kind)
			require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))
		}
		for field, change := range map[string]func(*wallet.PayOutRequest){
			"request_id":         func(r *wallet.PayOutRequest) { r.RequestID = "" },
			"account":            func(r *wallet.PayOutRequest) { r.Account = name(banktest.NewID()) },
			"amount_minor":       func(r *wallet.PayOutRequest) { r.AmountMinor = 0 },
			"currency":           func(r *wallet.PayOutRequest) { r.Currency = "USD" },
			"merchant.id":        func(r *wallet.PayOutRequest) { r.Merchant.ID = "" },
			"merchant_reference": func(r *wallet.PayOutRequest) { r.MerchantReference = "a b" },
			"description":        func(r *wallet.PayOutRequest) { r.Description = "a\u202eb" },
		} {
			ask := payout(service(), a.ID, 1)
			change(&ask)
			_, err := one.PayOut(t.Context(), ask)
			require.Error(t, err, field)
			require.Equal(t, field, fault.Of(err).Field)
		}
		require.Zero(t, one.account(t, a.ID).Balance)
		closing := wallet.CloseRequest{Call: operator(), Name: name(a.ID)}
		_, err := one.Close(t.Context(), closing)
		require.NoError(t, err)
		ask := payout(service(), a.ID, 1)
		for range 2 {
			declined, err := one.PayOut(t.Context(), ask)
			require.NoError(t, err)
			require.Equal(t, []any{bank.Declined, bank.AccountClosed}, []any{declined.Entry.Status, declined.Entry.Decline})
		}
	})
}
