package hold_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

func (r *replica) get(t testing.TB, placed bank.Entry) purchase.Purchase {
	t.Helper()
	found, err := r.purchases.Get(t.Context(), "shop", bank.Subject{Kind: principal.Service}, "purchases/"+placed.TransactionID.String())
	require.NoError(t, err)
	return found
}

func (r *replica) voidPurchase(t testing.TB, placed bank.Entry) purchase.Purchase {
	t.Helper()
	voided, err := r.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: placed.Request.ID})
	require.NoError(t, err)
	return voided
}

func TestAPurchaseWithALaterCaptureSetsItsAmountAside(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		placed := one.buyLater(t, customer, 600)
		require.Equal(t, bank.KindHold, placed.Kind)
		require.Equal(t, placed.TransactionID, placed.HoldID)
		require.Equal(t, bank.FirstUse, placed.CardUse)
		require.Equal(t, [3]int64{0, 600, 400}, one.figures(t, customer.Account))
		require.Equal(t, purchase.Purchase{Entry: placed}, one.get(t, placed))

		captured, err := two.holds.Capture(t.Context(), capture(placed.TransactionID, 450))
		require.NoError(t, err)
		require.Equal(t, customer.Card, captured.Entry.Card.ID)
		require.Equal(t, [3]int64{-450, 0, 550}, one.figures(t, customer.Account))
		require.Equal(t, purchase.Purchase{Entry: placed, EndedBy: bank.KindCapture, Captured: 450}, two.get(t, placed))

		reversed, err := one.purchases.Reverse(t.Context(), purchase.ReverseRequest{
			Caller: "shop", RequestID: "back", Name: "purchases/" + placed.TransactionID.String(), AmountMinor: 100,
		})
		require.NoError(t, err)
		require.Equal(t, captured.Entry.TransactionID, reversed.Entry.OriginalID)
		require.Equal(t, placed.TransactionID, reversed.Entry.HoldID)
		require.Equal(t, purchase.Purchase{Entry: placed, EndedBy: bank.KindCapture, Captured: 450, Reversed: 100}, two.get(t, placed))
		require.Equal(t, [3]int64{-350, 0, 650}, one.figures(t, customer.Account))
	})
}

func TestTheCardsRulesDecideAPurchaseWithALaterCapture(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		banktest.Commit(t, one.store, banktest.KeysOf(customer), func(book *bank.Book) error {
			card, _ := book.Card(customer.Card)
			card.Rules = bank.PurchaseRules{Minimum: 10, Limit: 800, PerMinute: 1}
			book.SetCard(card)
			return nil
		})
		request := purchase.Request{
			Caller: "shop", Card: "cards/" + customer.Card.String(), Currency: "BRL", Merchant: banktest.Merchant, CaptureLater: true,
		}
		for _, test := range []struct {
			amount int64
			want   bank.DeclineReason
		}{{9, bank.AmountBelowMinimum}, {801, bank.OverPurchaseLimit}, {700, 0}, {400, bank.InsufficientFunds}, {10, bank.TooFrequent}} {
			request.RequestID, request.AmountMinor = banktest.NewID().String(), test.amount
			decided, err := one.purchases.Authorize(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, test.want, decided.Entry.Decline, test.amount)
			require.Equal(t, bank.KindHold, decided.Entry.Kind)
		}
		require.Equal(t, [3]int64{0, 700, 300}, one.figures(t, customer.Account))
	})
}

func TestThePresentIsNotTheFuture(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		now := one.clock.Now()
		request := purchase.Request{
			Caller: "shop", RequestID: "r", Card: "cards/" + customer.Card.String(), AmountMinor: 10, Currency: "BRL",
			Merchant: banktest.Merchant, CaptureLater: true,
		}
		for name, change := range map[string]func(*purchase.Request){
			"too soon":     func(r *purchase.Request) { r.ExpiresAt = now },
			"too late":     func(r *purchase.Request) { r.ExpiresAt = now.Add(31 * 24 * time.Hour) },
			"of no hold":   func(r *purchase.Request) { r.ExpiresAt, r.CaptureLater = now.Add(time.Hour), false },
			"no reference": func(r *purchase.Request) { r.MerchantReference = "two words" },
		} {
			bad := request
			change(&bad)
			_, err := one.purchases.Authorize(t.Context(), bad)
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "%s: %v", name, err)
		}
		request.ExpiresAt = now.Add(time.Minute)
		first, err := one.purchases.Authorize(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, request.ExpiresAt, first.Entry.HoldExpiresAt)
		one.clock.Advance(time.Hour)
		again, err := two.purchases.Authorize(t.Context(), request)
		require.NoError(t, err, "a repeat gets the first answer, also when its expiry has passed")
		require.Equal(t, first, again)
		for _, change := range []func(*purchase.Request){
			func(r *purchase.Request) { r.CaptureLater, r.ExpiresAt = false, time.Time{} },
			func(r *purchase.Request) { r.ExpiresAt = time.Time{} },
			func(r *purchase.Request) { r.ExpiresAt = r.ExpiresAt.Add(time.Millisecond) },
			func(r *purchase.Request) { r.MerchantReference = "order-1" },
		} {
			other := request
			change(&other)
			_, err := two.purchases.Authorize(t.Context(), other)
			require.ErrorIs(t, err, bank.ErrRequestIDReused)
		}
	})
}

func TestTheVoidOfAPurchaseReleasesWhatIsHeld(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		placed := one.buyLater(t, customer, 600)
		voided := two.voidPurchase(t, placed)
		require.Equal(t, bank.Voided, voided.Entry.Status)
		require.Equal(t, bank.KindVoid, voided.EndedBy)
		require.Zero(t, voided.Captured+voided.Reversed)
		require.Equal(t, [3]int64{0, 0, 1000}, one.figures(t, customer.Account))
		require.Equal(t, voided.Entry.Status, one.voidPurchase(t, placed).Entry.Status, "again")
		require.Equal(t, purchase.Purchase{Entry: placed, EndedBy: bank.KindVoid}, one.get(t, placed))
		_, err := one.holds.Capture(t.Context(), capture(placed.TransactionID, 0))
		requireReason(t, "HOLD_VOIDED", err)
		entry, _, err := one.store.Transaction(t.Context(), bank.Code("001").VoidID(placed.TransactionID))
		require.NoError(t, err)
		require.Equal(t, bank.Released, entry.Relation())
		require.Equal(t, bank.NoDirection, entry.Direction)
		require.Equal(t, placed.TransactionID, entry.HoldID)
	})
}

func TestTheVoidOfACapturedPurchaseGivesBackWhatIsLeft(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		for name, before := range map[string]int64{"nothing was given back": 0, "a part was given back": 150, "all was given back": 450} {
			customer := banktest.OpenCustomer(t, one.store, 1000)
			placed := one.buyLater(t, customer, 600)
			captured, err := one.holds.Capture(t.Context(), capture(placed.TransactionID, 450))
			require.NoError(t, err)
			if before > 0 {
				_, err = one.purchases.Reverse(t.Context(), purchase.ReverseRequest{
					Caller: "shop", RequestID: banktest.NewID().String(), Name: "purchases/" + placed.TransactionID.String(), AmountMinor: before,
				})
				require.NoError(t, err)
			}
			want := purchase.Purchase{Entry: placed, EndedBy: bank.KindCapture, Captured: 450, Reversed: 450}
			voided := two.voidPurchase(t, placed)
			require.Equal(t, want, one.get(t, placed), name)
			want.Entry.Status = bank.Voided
			require.Equal(t, want, voided, name)
			require.Equal(t, want, one.voidPurchase(t, placed), "%s: again", name)
			require.Equal(t, [3]int64{0, 0, 1000}, one.figures(t, customer.Account), name)
			entry, _, err := one.store.Transaction(t.Context(), bank.Code("001").VoidID(placed.TransactionID))
			if before == 450 {
				require.ErrorIs(t, err, bank.ErrNotFound)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, bank.GivenBack, entry.Relation())
			require.Equal(t, captured.Entry.TransactionID, entry.OriginalID)
			require.Equal(t, placed.TransactionID, entry.HoldID)
			require.Equal(t, 450-before, entry.Amount)
		}
	})
}

func TestTheVoidOfAnExpiredPurchaseChangesNothing(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		placed := one.buyLater(t, customer, 600)
		one.clock.Set(placed.HoldExpiresAt)
		one.expirer.Round(t.Context())
		want := purchase.Purchase{Entry: placed, EndedBy: bank.KindExpiry}
		require.Equal(t, want, two.get(t, placed))
		require.Equal(t, want, two.voidPurchase(t, placed))
		account, err := one.store.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.EqualValues(t, 3, account.Sequence)
	})
}

func TestAHoldOnAWalletIsNoPurchase(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		placed := one.place(t, one.wallet(t, 1000).ID, 10)
		_, err := one.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: placed.Request.ID})
		requireReason(t, "NOT_A_PURCHASE", err)
		_, err = one.purchases.Get(t.Context(), "shop", bank.Subject{Kind: principal.Service}, "purchases/"+placed.TransactionID.String())
		requireReason(t, "PURCHASE_NOT_FOUND", err)
		request := capture(placed.TransactionID, 0)
		request.ByCard = true
		_, err = one.holds.Capture(t.Context(), request)
		requireReason(t, "HOLD_NOT_FOUND", err)
		_, err = one.holds.Capture(t.Context(), hold.CaptureRequest{Caller: "shop", RequestID: "two words", Hold: placed.TransactionID})
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	})
}

// The caller of a purchase gives it back, whoever has captured it.
func TestAPurchaseThatTheBankCapturedIsGivenBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		placed := one.buyLater(t, customer, 600)
		request := purchase.ReverseRequest{Caller: "shop", RequestID: "back", Name: "purchases/" + placed.TransactionID.String(), AmountMinor: 100}
		_, err := one.purchases.Reverse(t.Context(), request)
		requireReason(t, "NOT_REVERSIBLE", err)
		byBank := capture(placed.TransactionID, 450)
		byBank.Caller, byBank.Subject = "operator", bank.Subject{Kind: principal.Operator}
		captured, err := two.holds.Capture(t.Context(), byBank)
		require.NoError(t, err)

		stranger := request
		stranger.Caller = "operator"
		_, err = one.purchases.Reverse(t.Context(), stranger)
		requireReason(t, "PURCHASE_NOT_FOUND", err)
		first, err := one.purchases.Reverse(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, captured.Entry.TransactionID, first.Entry.OriginalID)
		again, err := two.purchases.Reverse(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, first, again)
		require.Equal(t, purchase.Purchase{Entry: placed, EndedBy: bank.KindCapture, Captured: 450, Reversed: 100}, two.get(t, placed))
		require.Equal(t, [3]int64{-350, 0, 650}, one.figures(t, customer.Account))
	})
}

// A replica whose events cannot say what becomes of a hold leaves the holds of other replicas to them.
func TestAReplicaWithOldEventsEndsNoHold(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		open, captured := one.buyLater(t, customer, 100), one.buyLater(t, customer, 200)
		_, err := one.holds.Capture(t.Context(), capture(captured.TransactionID, 0))
		require.NoError(t, err)
		two.purchases.NoHolds = true
		for _, placed := range []bank.Entry{open, captured} {
			_, err := two.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: placed.Request.ID})
			require.ErrorIs(t, err, bank.ErrEventVersion)
		}
		back := purchase.ReverseRequest{Caller: "shop", RequestID: "back", Name: "purchases/" + captured.TransactionID.String(), AmountMinor: 50}
		_, err = two.purchases.Reverse(t.Context(), back)
		require.ErrorIs(t, err, bank.ErrEventVersion)
		require.Equal(t, [3]int64{-200, 100, 700}, one.figures(t, customer.Account))

		first, err := one.purchases.Reverse(t.Context(), back)
		require.NoError(t, err)
		again, err := two.purchases.Reverse(t.Context(), back)
		require.NoError(t, err, "a repeat needs no event")
		require.Equal(t, first, again)
		for _, placed := range []bank.Entry{open, captured} {
			want := one.voidPurchase(t, placed)
			require.Equal(t, want, two.voidPurchase(t, placed))
		}
	})
}

// Two customers use one program. The request ids of one answer the other nothing.
func TestTheRepeatOfAnotherCustomerIsNotAnswered(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := one.wallet(t, 1000)
		owner := bank.Subject{Kind: principal.User, Customers: []bank.ID{account.CustomerID}}
		other := bank.Subject{Kind: principal.User, Customers: []bank.ID{banktest.NewID()}}
		request := ask(account.ID, 100)
		request.Subject = owner
		placed, err := one.holds.Place(t.Context(), request)
		require.NoError(t, err)
		take := capture(placed.TransactionID, 40)
		take.Subject = owner
		captured, err := one.holds.Capture(t.Context(), take)
		require.NoError(t, err)
		for _, r := range []*replica{one, two} {
			again, err := r.holds.Place(t.Context(), request)
			require.NoError(t, err)
			require.Equal(t, placed, again)
			repeated, err := r.holds.Capture(t.Context(), take)
			require.NoError(t, err)
			require.Equal(t, captured.Entry, repeated.Entry)
			foreign, taking := request, take
			foreign.Subject, taking.Subject = other, other
			_, err = r.holds.Place(t.Context(), foreign)
			requireReason(t, "ACCOUNT_NOT_FOUND", err)
			_, err = r.holds.Capture(t.Context(), taking)
			requireReason(t, "HOLD_NOT_FOUND", err)
		}
	})
}

// A closing loses no refund: what was paid before is given back, and nothing opens the account again.
func TestAClosedAccountGetsItsPurchasesBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		now := purchase.Request{
			Caller: "shop", RequestID: "now", Card: "cards/" + customer.Card.String(), AmountMinor: 100, Currency: "BRL", Merchant: banktest.Merchant,
		}
		part := now
		part.RequestID, part.AmountMinor = "part", 40
		paid, err := one.purchases.Authorize(t.Context(), now)
		require.NoError(t, err)
		_, err = one.purchases.Authorize(t.Context(), part)
		require.NoError(t, err)
		later := one.buyLater(t, customer, 600)
		_, err = one.holds.Capture(t.Context(), capture(later.TransactionID, 450))
		require.NoError(t, err)
		bill := wallet.CashRequest{
			Call:    wallet.Call{Caller: "cashier", RequestID: "bill", Subject: bank.Subject{Kind: principal.Operator}},
			Account: "accounts/" + customer.Account.String(), AmountMinor: 590, Currency: "BRL",
		}
		_, err = one.wallets.Deposit(t.Context(), bill)
		require.NoError(t, err)
		bill.Call.RequestID = "close"
		closed, err := two.wallets.Close(t.Context(), wallet.CloseRequest{Call: bill.Call, Name: bill.Account})
		require.NoError(t, err)

		back := purchase.ReverseRequest{Caller: "shop", RequestID: "back", Name: "purchases/" + paid.Entry.TransactionID.String(), AmountMinor: 30}
		_, err = one.purchases.Reverse(t.Context(), back)
		require.NoError(t, err)
		for _, requestID := range []string{"now", "part", later.Request.ID, "now"} {
			voided, err := two.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: requestID})
			require.NoError(t, err)
			require.Equal(t, bank.Voided, voided.Entry.Status, requestID)
		}
		account, err := one.store.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.Equal(t, closed.ClosedAt, account.ClosedAt)
		require.Equal(t, [3]int64{590, 0, 1590}, one.figures(t, customer.Account))
		now.RequestID = "new"
		declined, err := two.purchases.Authorize(t.Context(), now)
		require.NoError(t, err)
		require.Equal(t, bank.AccountClosed, declined.Entry.Decline)
	})
}
