package hold_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

// store is what a bank needs; both ledgers implement it.
type store = banktest.Ledger

// replica is one bank process: its own executor on a shared store.
type replica struct {
	store     store
	clock     *banktest.Clock
	holds     *hold.Service
	purchases *purchase.Service
	wallets   *wallet.Service
	expirer   *hold.Expirer
	executor  *ledger.Executor
}

type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

func newReplica(t testing.TB, store store, keys *vault.Vault, clock *banktest.Clock) *replica {
	t.Helper()
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: clock.Now, ProducerVersion: "test"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	return &replica{
		store: store, clock: clock, executor: executor,
		holds: &hold.Service{Code: "001", Ledger: executor, Directory: store, Holds: store, Vault: keys},
		purchases: &purchase.Service{
			Code: "001", Ledger: executor, Directory: store, Reader: store, Vault: keys, Tokens: keys, Holds: store,
		},
		wallets: &wallet.Service{Code: "001", Ledger: executor, Directory: store, Reader: store, Accounts: store, Vault: keys},
		expirer: hold.NewExpirer(hold.ExpirerConfig{
			Code: "001", Holds: store, Ledger: executor, Now: clock.Now, Logger: slog.New(slog.DiscardHandler),
		}),
	}
}

// onBothStores runs a test with two replicas on one store.
func onBothStores(t *testing.T, test func(t *testing.T, one, two *replica)) {
	t.Helper()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			keys, err := vault.Generate()
			require.NoError(t, err)
			clock := banktest.NewClock()
			one, two := open(t, clock)
			test(t, newReplica(t, one, keys, clock), newReplica(t, two, keys, clock))
		})
	}
}

var stores = map[string]func(*testing.T, *banktest.Clock) (store, store){
	"inmem": func(_ *testing.T, clock *banktest.Clock) (store, store) {
		s := inmem.New(clock.Now)
		return s, s
	},
	"postgres": func(t *testing.T, _ *banktest.Clock) (store, store) {
		url := ledgertest.Migrated(t, postgrestest.Database(t))
		return openAt(t, url), openAt(t, url)
	},
}

func openAt(t testing.TB, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// wallet opens a wallet account with a balance.
func (r *replica) wallet(t testing.TB, balance int64) bank.Account {
	t.Helper()
	account := banktest.NewAccount()
	account.Kind = bank.AccountWallet
	deposit := bank.Entry{
		TransactionID: banktest.NewID(), AccountID: account.ID, Kind: bank.KindDeposit, Direction: bank.Credit, Status: bank.Approved,
		Amount: balance, DebitAccount: bank.Code("001").CashAccount("BRL"), CreditAccount: account.ID,
	}
	banktest.Commit(t, r.store, bank.Keys{}, func(book *bank.Book) error {
		book.Open(account)
		if _, err := book.Post(banktest.Opening(account.ID), bank.Effect{}, banktest.Start); err != nil {
			return err
		}
		_, err := book.Post(deposit, bank.Effect{Balance: balance}, banktest.Start)
		return err
	})
	return account
}

// ask returns a request for a hold of an amount for the fixtures' merchant.
func ask(account bank.ID, amount int64) hold.PlaceRequest {
	return hold.PlaceRequest{
		Caller: "shop", RequestID: banktest.NewID().String(), Subject: bank.Subject{Kind: principal.Service},
		Account: "accounts/" + account.String(), AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant,
		Description: "pão na chapa", MerchantReference: "order-7",
	}
}

func (r *replica) place(t testing.TB, account bank.ID, amount int64, change ...func(*hold.PlaceRequest)) bank.Entry {
	t.Helper()
	request := ask(account, amount)
	for _, change := range change {
		change(&request)
	}
	placed, err := r.holds.Place(t.Context(), request)
	require.NoError(t, err)
	return placed
}

func capture(of bank.ID, amount int64) hold.CaptureRequest {
	return hold.CaptureRequest{
		Caller: "shop", RequestID: banktest.NewID().String(), Subject: bank.Subject{Kind: principal.Service},
		Hold: of, AmountMinor: amount,
	}
}

func voiding(of bank.ID) hold.VoidRequest {
	return hold.VoidRequest{Caller: "shop", Subject: bank.Subject{Kind: principal.Service}, Hold: of}
}

func requireReason(t *testing.T, want string, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.Of(err).Reason, "%v", err)
}

// figures are the balance, the held and the available amount of an account.
func (r *replica) figures(t testing.TB, account bank.ID) [3]int64 {
	t.Helper()
	a, err := r.store.Account(t.Context(), account)
	require.NoError(t, err)
	return [3]int64{a.Balance, a.Held, a.Available()}
}

func TestAHoldSetsAnAmountAside(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := one.wallet(t, 1000)
		request := ask(account.ID, 600)
		placed, err := one.holds.Place(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, bank.KindHold, placed.Kind)
		require.Equal(t, bank.Approved, placed.Status)
		require.Equal(t, bank.Debit, placed.Direction)
		require.False(t, placed.Moves())
		require.Equal(t, placed.TransactionID, placed.HoldID)
		require.Equal(t, one.clock.Now().Add(bank.HoldLife), placed.HoldExpiresAt)
		require.Equal(t, [3]int64{1000, 600, 400}, one.figures(t, account.ID))

		again, err := two.holds.Place(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, placed, again, "a repeat gets the first answer")
		request.AmountMinor++
		_, err = two.holds.Place(t.Context(), request)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		declined := two.place(t, account.ID, 401)
		require.Equal(t, bank.Declined, declined.Status)
		require.Equal(t, bank.InsufficientFunds, declined.Decline)
		require.Equal(t, [3]int64{1000, 600, 400}, one.figures(t, account.ID))
		require.Equal(t, bank.Approved, two.place(t, account.ID, 400).Status)
	})
}

func TestAHoldIsRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		account := one.wallet(t, 1000)
		now := one.clock.Now()
		for name, test := range map[string]struct {
			change func(*hold.PlaceRequest)
			reason string
		}{
			"no amount":         {func(r *hold.PlaceRequest) { r.AmountMinor = 0 }, "INVALID_FIELD"},
			"a negative amount": {func(r *hold.PlaceRequest) { r.AmountMinor = -1 }, "INVALID_FIELD"},
			"another currency":  {func(r *hold.PlaceRequest) { r.Currency = "USD" }, "INVALID_FIELD"},
			"no account":        {func(r *hold.PlaceRequest) { r.Account = "accounts/" + banktest.NewID().String() }, "ACCOUNT_NOT_FOUND"},
			"a card's account": {func(r *hold.PlaceRequest) {
				r.Account = "accounts/" + banktest.OpenCustomer(t, one.store, 1000).Account.String()
			}, "NOT_A_WALLET"},
			"another's account": {func(r *hold.PlaceRequest) {
				r.Subject = bank.Subject{Kind: principal.User, Customers: []bank.ID{banktest.NewID()}}
			}, "ACCOUNT_NOT_FOUND"},
			"an expiry too soon":    {func(r *hold.PlaceRequest) { r.ExpiresAt = now.Add(999 * time.Millisecond) }, "INVALID_FIELD"},
			"an expiry too late":    {func(r *hold.PlaceRequest) { r.ExpiresAt = now.Add(bank.MaxHoldLife + time.Millisecond) }, "INVALID_FIELD"},
			"an expiry with micros": {func(r *hold.PlaceRequest) { r.ExpiresAt = now.Add(time.Hour + time.Microsecond) }, "INVALID_FIELD"},
		} {
			request := ask(account.ID, 10)
			test.change(&request)
			_, err := one.holds.Place(t.Context(), request)
			require.Error(t, err, name)
			require.Equal(t, test.reason, fault.Of(err).Reason, "%s: %v", name, err)
		}
		require.Equal(t, [3]int64{1000, 0, 1000}, one.figures(t, account.ID))
		for _, life := range []time.Duration{bank.MinHoldLife, bank.MaxHoldLife} {
			placed := one.place(t, account.ID, 10, func(r *hold.PlaceRequest) { r.ExpiresAt = now.Add(life) })
			require.Equal(t, now.Add(life), placed.HoldExpiresAt)
		}
	})
}

func TestACaptureTakesWhatIsHeldOrAPart(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := one.wallet(t, 1000)
		whole, part := one.place(t, account.ID, 300), one.place(t, account.ID, 500)
		captured, err := two.holds.Capture(t.Context(), capture(whole.TransactionID, 0))
		require.NoError(t, err)
		require.Equal(t, [3]int64{700, 500, 200}, one.figures(t, account.ID))
		entry := captured.Entry
		require.Equal(t, bank.KindCapture, entry.Kind)
		require.Equal(t, whole.TransactionID, entry.OriginalID)
		require.Equal(t, whole.TransactionID, entry.HoldID)
		require.Equal(t, account.ID, entry.DebitAccount)
		require.Equal(t, banktest.Settlement, entry.CreditAccount)
		require.Equal(t, banktest.Merchant, entry.Merchant)
		require.Equal(t, "order-7", entry.MerchantReference)

		ask := capture(part.TransactionID, 120)
		taken, err := two.holds.Capture(t.Context(), ask)
		require.NoError(t, err)
		require.EqualValues(t, 120, taken.Entry.Amount)
		require.Equal(t, [3]int64{580, 0, 580}, one.figures(t, account.ID), "the rest is released in the same commit")
		again, err := one.holds.Capture(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, taken, again)
		state, err := one.store.Hold(t.Context(), part.TransactionID)
		require.NoError(t, err)
		require.Equal(t, bank.HoldState{
			Hold: part, EndedBy: bank.KindCapture, EndID: taken.Entry.TransactionID, Captured: 120, Released: 380,
		}, state)
	})
}

func TestAHoldWithoutAMerchantIsCapturedInCash(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		one.holds.SimulatedCash = true
		placed := one.place(t, one.wallet(t, 1000).ID, 300, func(r *hold.PlaceRequest) { r.Merchant = bank.Merchant{} })
		captured, err := one.holds.Capture(t.Context(), capture(placed.TransactionID, 0))
		require.NoError(t, err)
		require.Equal(t, bank.Code("001").CashAccount("BRL"), captured.Entry.CreditAccount)
	})
}

func TestACaptureNeverAsksTheLimit(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		customer := banktest.OpenCustomer(t, one.store, 1000)
		placed := one.buyLater(t, customer, 1000)
		banktest.Commit(t, one.store, banktest.KeysOf(customer), func(book *bank.Book) error {
			entry := banktest.Opening(customer.Account)
			entry.Kind = bank.KindLimitChange
			_, err := book.Post(entry, bank.Effect{CreditLimit: -900}, banktest.Start)
			return err
		})
		_, err := one.holds.Capture(t.Context(), capture(placed.TransactionID, 0))
		require.NoError(t, err)
		require.Equal(t, [3]int64{-1000, 0, -900}, one.figures(t, customer.Account))
	})
}

// ends are the ways in which a hold ends.
var ends = map[string]func(*testing.T, *replica, bank.Entry){
	"HOLD_CAPTURED": func(t *testing.T, r *replica, placed bank.Entry) {
		_, err := r.holds.Capture(t.Context(), capture(placed.TransactionID, 1))
		require.NoError(t, err)
	},
	"HOLD_VOIDED": func(t *testing.T, r *replica, placed bank.Entry) {
		_, err := r.holds.Void(t.Context(), voiding(placed.TransactionID))
		require.NoError(t, err)
	},
	"HOLD_EXPIRED": func(t *testing.T, r *replica, placed bank.Entry) {
		r.clock.Set(placed.HoldExpiresAt)
		r.expirer.Round(t.Context())
		state, err := r.store.Hold(t.Context(), placed.TransactionID)
		require.NoError(t, err)
		require.Equal(t, bank.KindExpiry, state.EndedBy)
	},
}

func TestAHoldEndsOnce(t *testing.T) {
	for reason, end := range ends {
		t.Run(reason, func(t *testing.T) {
			onBothStores(t, func(t *testing.T, one, two *replica) {
				account := one.wallet(t, 1000)
				placed := one.place(t, account.ID, 300)
				end(t, one, placed)
				after := one.figures(t, account.ID)
				require.Zero(t, after[1])
				for _, amount := range []int64{0, 1, 300, 301} {
					_, err := two.holds.Capture(t.Context(), capture(placed.TransactionID, amount))
					requireReason(t, reason, err)
				}
				one.clock.Set(placed.HoldExpiresAt.Add(time.Second))
				_, err := two.holds.Capture(t.Context(), capture(placed.TransactionID, 1))
				requireReason(t, reason, err)
				state, err := two.holds.Void(t.Context(), voiding(placed.TransactionID))
				if reason == "HOLD_CAPTURED" {
					requireReason(t, reason, err)
				} else {
					require.NoError(t, err)
					require.EqualValues(t, 300, state.Released)
					stored, err := two.store.Hold(t.Context(), placed.TransactionID)
					require.NoError(t, err)
					require.Equal(t, stored, state, "the hold as it is")
				}
				two.expirer.Round(t.Context())
				require.Equal(t, after, two.figures(t, account.ID))
			})
		})
	}
}

func TestACaptureAboveTheHoldOrAfterItsTimeIsRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := one.wallet(t, 1000)
		placed := one.place(t, account.ID, 300, func(r *hold.PlaceRequest) { r.ExpiresAt = one.clock.Now().Add(time.Minute) })
		_, err := two.holds.Capture(t.Context(), capture(placed.TransactionID, 301))
		requireReason(t, "AMOUNT_ABOVE_HOLD", err)
		_, err = two.holds.Capture(t.Context(), capture(placed.TransactionID, -1))
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))

		one.clock.Set(placed.HoldExpiresAt)
		_, err = two.holds.Capture(t.Context(), capture(placed.TransactionID, 1))
		requireReason(t, "HOLD_EXPIRED", err) // Nobody has ended it yet.
		require.Equal(t, [3]int64{1000, 300, 700}, two.figures(t, account.ID))

		// The account has an entry at the expiry. A replica whose clock is behind captures nothing.
		one.place(t, account.ID, 1)
		one.clock.Set(placed.HoldExpiresAt.Add(-time.Second))
		_, err = two.holds.Capture(t.Context(), capture(placed.TransactionID, 1))
		requireReason(t, "HOLD_EXPIRED", err)

		declined := one.place(t, account.ID, 5000)
		_, err = two.holds.Capture(t.Context(), capture(declined.TransactionID, 1))
		requireReason(t, "HOLD_DECLINED", err)
		state, err := two.holds.Void(t.Context(), voiding(declined.TransactionID))
		require.NoError(t, err)
		require.Zero(t, state.Released)
	})
}

func TestWhoMayEndAHold(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		account := one.wallet(t, 1000)
		for name, test := range map[string]struct {
			caller  string
			subject bank.Subject
			may     bool
		}{
			"its caller":                   {"shop", bank.Subject{Kind: principal.Service}, true},
			"another caller":               {"other", bank.Subject{Kind: principal.Service}, false},
			"a caller that is not known":   {"other", bank.Subject{}, false},
			"an operator":                  {"operator", bank.Subject{Kind: principal.Operator}, true},
			"its merchant":                 {"till", bank.Subject{Kind: principal.Merchant, Name: banktest.Merchant.ID}, true},
			"another merchant":             {"shop", bank.Subject{Kind: principal.Merchant, Name: "m-2"}, false},
			"its customer, by its caller":  {"shop", bank.Subject{Kind: principal.User, Customers: []bank.ID{account.CustomerID}}, true},
			"its customer, by another":     {"other", bank.Subject{Kind: principal.User, Customers: []bank.ID{account.CustomerID}}, false},
			"another customer":             {"shop", bank.Subject{Kind: principal.User, Customers: []bank.ID{banktest.NewID()}}, false},
			"a merchant without an id":     {"shop", bank.Subject{Kind: principal.Merchant}, false},
			"nobody, of a purchase's kind": {"bank", bank.Subject{Kind: principal.Nobody}, false},
		} {
			for _, end := range []func(bank.ID) error{
				func(id bank.ID) error {
					request := capture(id, 1)
					request.Caller, request.Subject = test.caller, test.subject
					_, err := one.holds.Capture(t.Context(), request)
					return err
				},
				func(id bank.ID) error {
					request := voiding(id)
					request.Caller, request.Subject = test.caller, test.subject
					_, err := one.holds.Void(t.Context(), request)
					return err
				},
				func(id bank.ID) error {
					_, err := one.holds.Get(t.Context(), test.caller, test.subject, id)
					return err
				},
			} {
				err := end(one.place(t, account.ID, 5).TransactionID)
				if test.may {
					require.NoError(t, err, name)
					continue
				}
				requireReason(t, "HOLD_NOT_FOUND", err)
			}
		}
	})
}

func TestOnlyAHoldIsCaptured(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		bought := banktest.Buy(t, one.store, banktest.OpenCustomer(t, one.store, 1000), 10)
		for name, id := range map[string]bank.ID{"a purchase": bought.TransactionID, "nothing": banktest.NewID()} {
			request := capture(id, 0)
			request.Subject.Kind = principal.Operator
			_, err := one.holds.Capture(t.Context(), request)
			require.Error(t, err, name)
			requireReason(t, "HOLD_NOT_FOUND", err)
		}
	})
}

// buyLater makes an approved purchase with a later capture.
func (r *replica) buyLater(t testing.TB, customer banktest.Customer, amount int64, change ...func(*purchase.Request)) bank.Entry {
	t.Helper()
	request := purchase.Request{
		Caller: "shop", RequestID: banktest.NewID().String(), Card: "cards/" + customer.Card.String(),
		AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant, Channel: bank.ChannelECommerce, CaptureLater: true,
	}
	for _, change := range change {
		change(&request)
	}
	decided, err := r.purchases.Authorize(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, bank.Approved, decided.Entry.Status)
	return decided.Entry
}

// A hold without a merchant is captured in cash, so whoever may not pay cash out neither places nor captures one.
func TestAHoldWithoutAMerchantIsForWhoeverPaysOutCash(t *testing.T) {
	onBothStores(t, func(t *testing.T, r, _ *replica) {
		account := r.wallet(t, 1_000)
		owner := bank.Subject{Kind: principal.User, Name: account.CustomerID.String(), Customers: []bank.ID{account.CustomerID}}
		cash := func(subject bank.Subject) hold.PlaceRequest {
			request := ask(account.ID, 300)
			request.Merchant, request.Subject = bank.Merchant{}, subject
			return request
		}
		_, err := r.holds.Place(t.Context(), cash(owner))
		requireReason(t, "CASH_NOT_ALLOWED", err)
		_, err = r.holds.Place(t.Context(), cash(bank.Subject{Kind: principal.Service}))
		requireReason(t, "CASH_NOT_ALLOWED", err)
		_, err = r.holds.Place(t.Context(), cash(bank.Subject{Kind: principal.Operator}))
		require.NoError(t, err)

		// One that was placed while everybody might stays where it is.
		r.holds.SimulatedCash = true
		request := cash(owner)
		placed, err := r.holds.Place(t.Context(), request)
		require.NoError(t, err)
		r.holds.SimulatedCash = false
		again, err := r.holds.Place(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, placed.TransactionID, again.TransactionID)
		take := capture(placed.TransactionID, 0)
		take.Subject = owner
		_, err = r.holds.Capture(t.Context(), take)
		requireReason(t, "CASH_NOT_ALLOWED", err)
		take.Subject = bank.Subject{Kind: principal.Operator}
		_, err = r.holds.Capture(t.Context(), take)
		require.NoError(t, err)
	})
}
