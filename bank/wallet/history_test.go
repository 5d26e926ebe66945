package wallet_test

import (
	"maps"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// moves are the requests that may name their time, on a wallet and another one. Each returns the time of
// its decision.
var moves = map[string]func(t *testing.T, r *replica, call wallet.Call, one, other bank.ID) (time.Time, error){
	"open": func(t *testing.T, r *replica, call wallet.Call, _, _ bank.ID) (time.Time, error) {
		opened, err := r.Open(t.Context(), wallet.OpenRequest{Call: call, Currency: "BRL", DepositMinor: 5})
		return opened.Account.LastAt, err
	},
	"deposit": func(t *testing.T, r *replica, call wallet.Call, one, _ bank.ID) (time.Time, error) {
		return decidedAt(r.Deposit(t.Context(), cash(call, one, 5)))
	},
	"withdraw": func(t *testing.T, r *replica, call wallet.Call, one, _ bank.ID) (time.Time, error) {
		return decidedAt(r.Withdraw(t.Context(), cash(call, one, 5)))
	},
	"purchase": func(t *testing.T, r *replica, call wallet.Call, one, _ bank.ID) (time.Time, error) {
		return decidedAt(r.Purchase(t.Context(), wallet.PurchaseRequest{
			Call: call, Account: name(one), AmountMinor: 5, Currency: "BRL", Merchant: banktest.Merchant,
		}))
	},
	"transfer": func(t *testing.T, r *replica, call wallet.Call, one, other bank.ID) (time.Time, error) {
		return decidedAt(r.Transfer(t.Context(), wallet.TransferRequest{
			Call: call, Source: name(one), Destination: name(other), AmountMinor: 5, Currency: "BRL",
		}))
	},
}

func decidedAt(details bank.TransactionDetails, err error) (time.Time, error) {
	return details.Entry.OccurredAt, err
}

func TestAHistoryOfWalletsIsDecidedAtTheTimesOfItsRequests(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		source, destination := one.wallet(t, 1000).ID, one.wallet(t, 1000).ID
		opened := one.clock.Now()
		one.clock.Advance(365 * 24 * time.Hour)
		one.History, two.History = &bank.History{Now: one.clock.Now}, &bank.History{Now: two.clock.Now}
		at := opened
		for what, move := range moves {
			at = at.AddDate(0, 0, 1)
			call := operator()
			call.At = at
			first, err := move(t, one, call, source, destination)
			require.NoError(t, err, what)
			require.True(t, at.Equal(first), what)
			again, err := move(t, two, call, source, destination)
			require.NoError(t, err, what)
			require.True(t, first.Equal(again), what)
			call.At = at.Add(time.Millisecond)
			_, err = move(t, two, call, source, destination)
			require.ErrorIs(t, err, bank.ErrRequestIDReused, "%s at another time is a different request", what)
			call.At = time.Time{}
			_, err = move(t, two, call, source, destination)
			require.ErrorIs(t, err, bank.ErrRequestIDReused, "%s at the present time is a different request", what)
		}
		transferred, err := one.Transfer(t.Context(), wallet.TransferRequest{
			Call: operator(), Source: name(source), Destination: name(destination), AmountMinor: 5, Currency: "BRL",
		})
		require.NoError(t, err)
		back := wallet.ReverseRequest{Call: operator(), Name: transactionName(transferred.Entry.TransactionID), AmountMinor: 2}
		back.At = one.clock.Now()
		one.clock.Advance(time.Hour)
		reversed, err := decidedAt(one.Reverse(t.Context(), back))
		require.NoError(t, err)
		require.True(t, back.At.Equal(reversed))
		back.At = back.At.Add(time.Minute)
		_, err = two.Reverse(t.Context(), back)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
	})
}

func TestABankOfThePresentRefusesWalletsOfAnotherTime(t *testing.T) {
	onBothStores(t, func(t *testing.T, present, past *replica) {
		source, destination := present.wallet(t, 1000), present.wallet(t, 1000)
		past.History = &bank.History{Now: past.clock.Now}
		refused := maps.Clone(moves)
		refused["reverse"] = func(t *testing.T, r *replica, call wallet.Call, _, _ bank.ID) (time.Time, error) {
			return decidedAt(r.Reverse(t.Context(), wallet.ReverseRequest{Call: call, Name: transactionName(banktest.NewID())}))
		}
		for what, move := range refused {
			for _, test := range []struct {
				r  *replica
				at time.Time
			}{{present, present.clock.Now().Add(-time.Hour)}, {past, past.clock.Now().Add(time.Hour)}} {
				call := operator()
				call.At = test.at
				_, err := move(t, test.r, call, source.ID, destination.ID)
				require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), what)
				require.Equal(t, "request_time", fault.Of(err).Field, what)
			}
		}
		require.Equal(t, source, present.account(t, source.ID), "nothing was decided")
	})
}
