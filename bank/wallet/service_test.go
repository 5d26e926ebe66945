package wallet_test

import (
	"context"
	"sync"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

// replica is one bank process on a shared ledger.
type replica struct {
	*wallet.Service
	executor *ledger.Executor
	store    banktest.Ledger
	clock    *banktest.Clock
}

func newReplica(t *testing.T, store banktest.Ledger, keys *vault.Vault, clock *banktest.Clock) *replica {
	t.Helper()
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: clock.Now, ProducerVersion: "test"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	return &replica{executor: executor, store: store, clock: clock, Service: &wallet.Service{
		Code: "001", Ledger: executor, Directory: ledger.NewCachedDirectory(store), Reader: store, Accounts: store, Vault: keys,
	}}
}

// onBothStores runs a test with two replicas on one ledger: once in memory, once in Postgres.
func onBothStores(t *testing.T, test func(t *testing.T, one, two *replica)) {
	t.Helper()
	stores := map[string]func(t *testing.T, clock *banktest.Clock) (banktest.Ledger, banktest.Ledger){
		"inmem": func(_ *testing.T, clock *banktest.Clock) (banktest.Ledger, banktest.Ledger) {
			s := inmem.New(clock.Now)
			return s, s
		},
		"postgres": func(t *testing.T, _ *banktest.Clock) (banktest.Ledger, banktest.Ledger) {
			url := ledgertest.Migrated(t, postgrestest.Database(t))
			open := func() *postgres.Store {
				s, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
				require.NoError(t, err)
				t.Cleanup(s.Close)
				return s
			}
			return open(), open()
		},
	}
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

// as returns a call with a new request id.
func as(caller string, subject bank.Subject) wallet.Call {
	return wallet.Call{Caller: caller, RequestID: banktest.NewID().String(), Subject: subject}
}

func operator() wallet.Call { return as("cashier", bank.Subject{Kind: principal.Operator}) }

func service() wallet.Call { return as("app", bank.Subject{Kind: principal.Service}) }

func user(customer bank.ID) wallet.Call {
	return as("app", bank.Subject{Kind: principal.User, Customers: []bank.ID{customer}})
}

func name(account bank.ID) string { return "accounts/" + account.String() }

func transactionName(id bank.ID) string { return "transactions/" + id.String() }

// wallet opens an account with an opening deposit.
func (r *replica) wallet(t *testing.T, deposit int64) bank.Account {
	t.Helper()
	opened, err := r.Open(t.Context(), wallet.OpenRequest{Call: operator(), Currency: "BRL", DepositMinor: deposit})
	require.NoError(t, err)
	return opened.Account
}

func (r *replica) account(t *testing.T, id bank.ID) bank.Account {
	t.Helper()
	account, err := r.Balance(t.Context(), bank.Subject{Kind: principal.Operator}, name(id))
	require.NoError(t, err)
	return account
}

func cash(call wallet.Call, account bank.ID, amount int64) wallet.CashRequest {
	return wallet.CashRequest{Call: call, Account: name(account), AmountMinor: amount, Currency: "BRL"}
}

func transfer(call wallet.Call, from, to bank.ID, amount int64) wallet.TransferRequest {
	return wallet.TransferRequest{Call: call, Source: name(from), Destination: name(to), AmountMinor: amount, Currency: "BRL", Message: "lunch"}
}

func purchase(call wallet.Call, account bank.ID, amount int64) wallet.PurchaseRequest {
	return wallet.PurchaseRequest{Call: call, Account: name(account), AmountMinor: amount, Currency: "BRL", Merchant: banktest.Merchant, MerchantReference: "order-1"}
}

func requireReason(t *testing.T, reason, field string, err error, message ...any) {
	t.Helper()
	require.Error(t, err, message...)
	require.Equal(t, reason, fault.Of(err).Reason, message...)
	require.Equal(t, field, fault.Of(err).Field, message...)
}

func TestACustomerHasSeveralAccountsEachWithItsOpeningDeposit(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		customer := banktest.NewID()
		ask := wallet.OpenRequest{Call: operator(), CustomerID: customer.String(), Currency: "BRL", DepositMinor: 500}
		opened, err := one.Open(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.Account{
			ID: opened.Account.ID, CustomerID: customer, Kind: bank.AccountWallet, Currency: banktest.BRL, Balance: 500, Sequence: 2, LastAt: banktest.Start,
		}, opened.Account)
		require.Equal(t, opened.Account, two.account(t, opened.Account.ID))
		deposit := opened.Deposit
		require.Equal(t, bank.KindDeposit, deposit.Kind)
		require.Equal(t, bank.Code("001").CashAccount("BRL"), deposit.DebitAccount)
		require.Equal(t, principal.Operator, deposit.Request.PrincipalKind)
		require.NotEqual(t, deposit.TransactionID, bank.Code("001").TransactionID(ask.Caller, ask.RequestID), "a transaction of its own")
		details, err := two.Get(t.Context(), operator(), transactionName(deposit.TransactionID))
		require.NoError(t, err)
		require.EqualValues(t, 500, details.Entry.BalanceAfter)

		one.clock.Advance(1)
		_, err = two.Deposit(t.Context(), cash(operator(), opened.Account.ID, 1))
		require.NoError(t, err)
		again, err := two.Open(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, opened, again, "a repeat gets the account as it was opened")
		other := ask
		other.DepositMinor++
		_, err = two.Open(t.Context(), other)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		for _, currency := range []string{"USD", "BRL", "JPY"} {
			more, err := one.Open(t.Context(), wallet.OpenRequest{Call: user(customer), Currency: currency})
			require.NoError(t, err)
			require.Nil(t, more.Deposit)
			require.Equal(t, customer, more.Account.CustomerID, "a user opens accounts for himself")
		}
		list, err := two.List(t.Context(), user(customer).Subject, customer.String(), bank.ID{}, 100)
		require.NoError(t, err)
		require.Len(t, list, 4)
		stranger, err := one.Open(t.Context(), wallet.OpenRequest{Call: service(), Currency: "BRL"})
		require.NoError(t, err)
		require.False(t, stranger.Account.CustomerID.IsZero(), "no customer is named: a new one")
	})
}

// A user to whom several customers were linked sees the accounts of all of them, in pages too.
func TestAUserSeesTheAccountsOfAllHisCustomers(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		ada, bob := banktest.NewID(), banktest.NewID()
		var want []bank.ID
		for _, customer := range []bank.ID{ada, ada, bob, bob, bob} {
			opened, err := one.Open(t.Context(), wallet.OpenRequest{Call: user(customer), Currency: "BRL"})
			require.NoError(t, err)
			want = append(want, opened.Account.ID)
		}
		subject := user(ada).Subject
		subject.Customers = []bank.ID{ada, banktest.NewID(), bob}
		all, err := two.List(t.Context(), subject, "", bank.ID{}, 100)
		require.NoError(t, err)
		var whole []bank.ID
		for i, account := range all {
			require.Equal(t, i < 2, account.CustomerID == ada, "one customer after the other")
			whole = append(whole, account.ID)
		}
		require.ElementsMatch(t, want, whole)
		for size := 1; size <= len(want)+1; size++ {
			var got []bank.ID
			var after bank.ID
			for {
				page, err := two.List(t.Context(), subject, "", after, size)
				require.NoError(t, err)
				for _, account := range page {
					got = append(got, account.ID)
				}
				if len(page) < size {
					break
				}
				after = page[size-1].ID
			}
			require.Equal(t, whole, got, "pages of %d", size)
		}
		_, err = two.List(t.Context(), user(banktest.NewID()).Subject, "", want[0], 1)
		require.Equal(t, "page_token", fault.Of(err).Field)
		_, err = two.List(t.Context(), operator().Subject, "", bank.ID{}, 1)
		require.Equal(t, "customer_id", fault.Of(err).Field)
	})
}

func TestMoneyMovesInAndOutAndNeverBelowZero(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a := one.wallet(t, 0)
		in, err := one.Deposit(t.Context(), cash(operator(), a.ID, 100))
		require.NoError(t, err)
		require.Equal(t, []any{bank.KindDeposit, bank.Credit, bank.Approved, int64(100)}, []any{in.Entry.Kind, in.Entry.Direction, in.Entry.Status, in.Entry.BalanceAfter})
		out, err := two.Withdraw(t.Context(), cash(operator(), a.ID, 30))
		require.NoError(t, err)
		require.Equal(t, []any{bank.KindWithdrawal, bank.Debit, bank.Approved, int64(70)}, []any{out.Entry.Kind, out.Entry.Direction, out.Entry.Status, out.Entry.BalanceAfter})
		require.Equal(t, bank.Code("001").CashAccount("BRL"), out.Entry.CreditAccount)
		ask := purchase(user(a.CustomerID), a.ID, 50)
		paid, err := one.Purchase(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, banktest.Settlement, paid.Entry.CreditAccount)
		require.Equal(t, "order-1", paid.Entry.MerchantReference)
		require.Equal(t, principal.User, paid.Entry.Request.PrincipalKind)
		again, err := two.Purchase(t.Context(), ask)
		require.NoError(t, err)
		again = firstOf(t, again)
		require.Equal(t, paid, again)
		for what, ask := range map[string]func() (bank.TransactionDetails, error){
			"withdrawal": func() (bank.TransactionDetails, error) { return two.Withdraw(t.Context(), cash(operator(), a.ID, 21)) },
			"purchase": func() (bank.TransactionDetails, error) {
				return two.Purchase(t.Context(), purchase(service(), a.ID, 21))
			},
		} {
			declined, err := ask()
			require.NoError(t, err)
			require.Equal(t, bank.InsufficientFunds, declined.Entry.Decline, what)
			require.False(t, declined.Entry.Moves())
		}
		left := one.account(t, a.ID)
		require.EqualValues(t, 20, left.Balance)
		require.EqualValues(t, 6, left.Sequence)
	})
}

func TestATransferIsOnBothAccountsOrOnNone(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a, b := one.wallet(t, 100), one.wallet(t, 5)
		ask := transfer(user(a.CustomerID), a.ID, b.ID, 40)
		moved, err := one.Transfer(t.Context(), ask)
		require.NoError(t, err)
		out, in := moved.Entry, moved.Second
		require.Equal(t, []any{a.ID, bank.Debit, uint8(0), int64(60), b.ID}, []any{out.AccountID, out.Direction, out.Leg, out.BalanceAfter, out.CounterpartyAccountID})
		require.Equal(t, []any{b.ID, bank.Credit, uint8(1), int64(45), a.ID}, []any{in.AccountID, in.Direction, in.Leg, in.BalanceAfter, in.CounterpartyAccountID})
		require.Equal(t, out.OccurredAt, in.OccurredAt)
		require.Equal(t, out.TransactionID, in.TransactionID)
		require.Equal(t, "lunch", in.Description)
		require.Equal(t, []bank.ID{a.ID, b.ID}, []bank.ID{in.DebitAccount, in.CreditAccount})
		again, err := two.Transfer(t.Context(), ask)
		require.NoError(t, err)
		again = firstOf(t, again)
		require.Equal(t, moved, again, "a repeat gets both entries")

		declined, err := two.Transfer(t.Context(), transfer(service(), a.ID, b.ID, 61))
		require.NoError(t, err)
		require.Equal(t, bank.InsufficientFunds, declined.Entry.Decline)
		require.Equal(t, a.ID, declined.Entry.AccountID)
		require.Nil(t, declined.Second)
		require.EqualValues(t, 3, two.account(t, b.ID).Sequence)
		for _, reader := range []bank.ID{a.CustomerID, b.CustomerID} {
			details, err := two.Get(t.Context(), user(reader), transactionName(out.TransactionID))
			require.NoError(t, err, "both customers read it")
			require.Equal(t, in, details.Second)
		}
		_, err = two.Get(t.Context(), user(banktest.NewID()), transactionName(out.TransactionID))
		requireReason(t, "TRANSACTION_NOT_FOUND", "", err)
	})
}

func TestARequestIsRefusedByTheFieldThatIsWrong(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		a, b := one.wallet(t, 1000), one.wallet(t, 0)
		card := banktest.OpenCustomer(t, one.store, 1000)
		dollars, err := one.Open(t.Context(), wallet.OpenRequest{Call: service(), Currency: "USD"})
		require.NoError(t, err)
		type moving = func(amount int64, currency string) error
		moves := map[string]moving{
			"Deposit": func(amount int64, currency string) error {
				ask := cash(operator(), a.ID, amount)
				ask.Currency = currency
				_, err := one.Deposit(t.Context(), ask)
				return err
			},
			"Withdraw": func(amount int64, currency string) error {
				ask := cash(operator(), a.ID, amount)
				ask.Currency = currency
				_, err := one.Withdraw(t.Context(), ask)
				return err
			},
			"Purchase": func(amount int64, currency string) error {
				ask := purchase(service(), a.ID, amount)
				ask.Currency = currency
				_, err := one.Purchase(t.Context(), ask)
				return err
			},
			"Transfer": func(amount int64, currency string) error {
				ask := transfer(service(), a.ID, b.ID, amount)
				ask.Currency = currency
				_, err := one.Transfer(t.Context(), ask)
				return err
			},
		}
		for what, move := range moves {
			for _, amount := range []int64{0, -1, 1_000_000_000_000_000, -1 << 63, 1<<63 - 1} {
				requireReason(t, "INVALID_FIELD", "amount_minor", move(amount, "BRL"), "%s of %d", what, amount)
			}
			for _, currency := range []string{"USD", "XXX", "brl", ""} {
				requireReason(t, "INVALID_FIELD", "currency", move(1, currency), "%s in %q", what, currency)
			}
		}
		transferring := func(change func(*wallet.TransferRequest)) error {
			ask := transfer(service(), a.ID, b.ID, 1)
			change(&ask)
			_, err := one.Transfer(t.Context(), ask)
			return err
		}
		for what, test := range map[string]struct {
			change        func(*wallet.TransferRequest)
			reason, field string
		}{
			"no request id":          {func(r *wallet.TransferRequest) { r.RequestID = "" }, "INVALID_FIELD", "request_id"},
			"no source":              {func(r *wallet.TransferRequest) { r.Source = "" }, "INVALID_FIELD", "source"},
			"no destination":         {func(r *wallet.TransferRequest) { r.Destination = "accounts/1" }, "INVALID_FIELD", "destination"},
			"the same account":       {func(r *wallet.TransferRequest) { r.Destination = r.Source }, "INVALID_FIELD", "destination"},
			"an unknown source":      {func(r *wallet.TransferRequest) { r.Source = name(banktest.NewID()) }, "ACCOUNT_NOT_FOUND", "source"},
			"an unknown destination": {func(r *wallet.TransferRequest) { r.Destination = name(banktest.NewID()) }, "ACCOUNT_NOT_FOUND", "destination"},
			"another's source":       {func(r *wallet.TransferRequest) { r.Call = user(b.CustomerID) }, "ACCOUNT_NOT_FOUND", "source"},
			"a card's account":       {func(r *wallet.TransferRequest) { r.Source = name(card.Account) }, "NOT_A_WALLET", "source"},
			"mixed currencies":       {func(r *wallet.TransferRequest) { r.Destination = name(dollars.Account.ID) }, "INVALID_FIELD", "destination"},
			"a message with a card":  {func(r *wallet.TransferRequest) { r.Message = banktest.Numbers()[0] }, "INVALID_FIELD", "message"},
			"a message that is too long": {func(r *wallet.TransferRequest) {
				for range 141 {
					r.Message += "x"
				}
			}, "INVALID_FIELD", "message"},
		} {
			requireReason(t, test.reason, test.field, transferring(test.change), what)
		}
		_, err = one.Withdraw(t.Context(), cash(operator(), card.Account, 1))
		requireReason(t, "NOT_A_WALLET", "account", err)
		_, err = one.Purchase(t.Context(), purchase(service(), card.Account, 1))
		requireReason(t, "NOT_A_WALLET", "account", err)
		for _, deposit := range []int64{-1, 1_000_000_000_000_000} {
			_, err = one.Open(t.Context(), wallet.OpenRequest{Call: operator(), Currency: "BRL", DepositMinor: deposit})
			requireReason(t, "INVALID_FIELD", "opening_deposit_minor", err)
		}
		_, err = one.Open(t.Context(), wallet.OpenRequest{Call: operator(), Currency: "HRK"})
		requireReason(t, "INVALID_FIELD", "currency", err, "a withdrawn currency")
		require.Equal(t, int64(1000), one.account(t, a.ID).Balance)
		require.EqualValues(t, 2, one.account(t, a.ID).Sequence, "a refusal changes nothing")
	})
}

func TestATransferToACardPaysItsBill(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a := one.wallet(t, 100)
		card := banktest.OpenCustomer(t, one.store, 1000)
		banktest.Buy(t, one.store, card, 70)
		_, err := one.Transfer(t.Context(), transfer(service(), a.ID, card.Account, 50))
		require.NoError(t, err)
		_, err = two.Deposit(t.Context(), cash(operator(), card.Account, 20))
		require.NoError(t, err)
		require.Zero(t, one.account(t, card.Account).Balance)
	})
}

func TestABalanceThatWouldNotFitIsRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		const most = 999_999_999_999_999
		a, b := one.wallet(t, most), one.wallet(t, 0)
		banktest.Commit(t, one.store, bank.Keys{Accounts: []bank.ID{b.ID}}, func(book *bank.Book) error {
			entry := bank.Entry{TransactionID: banktest.NewID(), AccountID: b.ID, Kind: bank.KindDeposit, Direction: bank.Credit, Status: bank.Approved,
				Amount: 1<<63 - 1 - most, DebitAccount: banktest.NewID(), CreditAccount: b.ID}
			_, err := book.Post(entry, bank.Effect{Balance: entry.Amount}, banktest.Start)
			return err
		})
		_, err := one.Transfer(t.Context(), transfer(service(), a.ID, b.ID, most))
		require.NoError(t, err)
		_, err = one.Deposit(t.Context(), cash(operator(), a.ID, 1))
		require.NoError(t, err)
		_, err = one.Transfer(t.Context(), transfer(service(), a.ID, b.ID, 1))
		requireReason(t, "INVALID_FIELD", "amount_minor", err)
		require.EqualValues(t, 1, one.account(t, a.ID).Balance, "nothing left the source")
	})
}

func TestCashIsAnOperators(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a := one.wallet(t, 10)
		two.SimulatedCash = true
		for who, call := range map[string]func() wallet.Call{"user": func() wallet.Call { return user(a.CustomerID) }, "service": service} {
			ask := cash(call(), a.ID, 1)
			_, err := one.Deposit(t.Context(), ask)
			requireReason(t, "CASH_NOT_ALLOWED", "", err, who)
			require.Equal(t, fault.PermissionDenied, fault.CodeOf(err))
			_, err = one.Withdraw(t.Context(), ask)
			requireReason(t, "CASH_NOT_ALLOWED", "", err, who)
			_, err = one.Open(t.Context(), wallet.OpenRequest{Call: call(), Currency: "BRL", DepositMinor: 1})
			requireReason(t, "CASH_NOT_ALLOWED", "", err, who)
			_, err = two.Deposit(t.Context(), ask)
			require.NoError(t, err, "a bank that simulates cash")
		}
		_, err := two.Deposit(t.Context(), cash(user(banktest.NewID()), a.ID, 1))
		requireReason(t, "ACCOUNT_NOT_FOUND", "account", err, "another's account")
	})
}

func TestAClosedAccountGetsBackWhatItPaidAndMovesNothing(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a, b := one.wallet(t, 30), one.wallet(t, 50)
		_, err := one.Close(t.Context(), wallet.CloseRequest{Call: user(a.CustomerID), Name: name(a.ID)})
		requireReason(t, "BALANCE_NOT_ZERO", "", err)
		_, err = one.Close(t.Context(), wallet.CloseRequest{Call: user(b.CustomerID), Name: name(a.ID)})
		requireReason(t, "ACCOUNT_NOT_FOUND", "name", err)
		paid, err := one.Purchase(t.Context(), purchase(service(), a.ID, 20))
		require.NoError(t, err)
		moved, err := one.Transfer(t.Context(), transfer(service(), a.ID, b.ID, 10))
		require.NoError(t, err)

		ask := wallet.CloseRequest{Call: user(a.CustomerID), Name: name(a.ID)}
		at := one.clock.Advance(1_000_000_000)
		closed, err := one.Close(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, at, closed.ClosedAt)
		require.Equal(t, closed, two.account(t, a.ID))
		stored, err := two.store.Account(t.Context(), a.ID)
		require.NoError(t, err)
		require.Equal(t, closed, stored)

		for what, original := range map[string]bank.ID{"purchase": paid.Entry.TransactionID, "transfer": moved.Entry.TransactionID} {
			back := wallet.ReverseRequest{Call: operator(), Name: transactionName(original)}
			first, err := two.Reverse(t.Context(), back)
			require.NoError(t, err, what)
			require.Equal(t, bank.Approved, first.Entry.Status, what)
			back.Call = operator()
			_, err = one.Reverse(t.Context(), back)
			requireReason(t, "ALREADY_REVERSED", "", err, what)
		}
		require.EqualValues(t, 30, one.account(t, a.ID).Balance, "the bank owes what was given back")

		for what, ask := range map[string]func(r *replica) (bank.TransactionDetails, error){
			"deposit": func(r *replica) (bank.TransactionDetails, error) {
				return r.Deposit(t.Context(), cash(operator(), a.ID, 1))
			},
			"withdrawal": func(r *replica) (bank.TransactionDetails, error) {
				return r.Withdraw(t.Context(), cash(operator(), a.ID, 1))
			},
			"purchase": func(r *replica) (bank.TransactionDetails, error) {
				return r.Purchase(t.Context(), purchase(service(), a.ID, 1))
			},
			"transfer from": func(r *replica) (bank.TransactionDetails, error) {
				return r.Transfer(t.Context(), transfer(service(), a.ID, b.ID, 1))
			},
			"transfer to": func(r *replica) (bank.TransactionDetails, error) {
				return r.Transfer(t.Context(), transfer(service(), b.ID, a.ID, 1))
			},
		} {
			for _, r := range []*replica{one, two} {
				declined, err := ask(r)
				require.NoError(t, err, what)
				require.Equal(t, bank.AccountClosed, declined.Entry.Decline, what)
				require.Nil(t, declined.Second, what)
			}
		}
		_, err = two.Close(t.Context(), wallet.CloseRequest{Call: operator(), Name: name(a.ID)})
		requireReason(t, "ACCOUNT_CLOSED", "", err, "another request")
		again, err := two.Close(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, closed, again, "a repeat gets the account as it was closed")
		after := two.account(t, a.ID)
		require.EqualValues(t, 30, after.Balance)
		require.Equal(t, at, after.ClosedAt, "nothing opens it again")
		require.Equal(t, closed.Sequence+10, after.Sequence, "declines and what is given back take a sequence")
		require.EqualValues(t, 50, two.account(t, b.ID).Balance)
	})
}

func TestAnAccountWithHoldsIsNotClosed(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		card := banktest.OpenCustomer(t, one.store, 1000)
		banktest.Commit(t, one.store, bank.Keys{Accounts: []bank.ID{card.Account}}, func(book *bank.Book) error {
			_, err := book.Post(banktest.Hold(card, banktest.NewID(), 5), bank.Effect{Held: 5}, banktest.Start)
			return err
		})
		_, err := one.Close(t.Context(), wallet.CloseRequest{Call: operator(), Name: name(card.Account)})
		requireReason(t, "HOLDS_PENDING", "", err)
	})
}

func TestACancelledRequestIsNeverDecided(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a, b := one.wallet(t, 100), one.wallet(t, 0)
		late := transfer(service(), a.ID, b.ID, 40)
		canceled, err := one.Cancel(t.Context(), late.Call)
		require.NoError(t, err)
		require.Equal(t, bank.Voided, canceled.Entry.Status)
		again, err := two.Cancel(t.Context(), late.Call)
		require.NoError(t, err)
		require.Equal(t, canceled, again)
		for what, ask := range map[string]func() (bank.TransactionDetails, error){
			"transfer": func() (bank.TransactionDetails, error) { return two.Transfer(t.Context(), late) },
			"purchase": func() (bank.TransactionDetails, error) {
				return two.Purchase(t.Context(), purchase(late.Call, a.ID, 1))
			},
		} {
			voided, err := ask()
			require.NoError(t, err)
			require.Equal(t, bank.Voided, voided.Entry.Status, what)
		}
		require.EqualValues(t, 100, two.account(t, a.ID).Balance)
		_, err = two.Close(t.Context(), wallet.CloseRequest{Call: late.Call, Name: name(b.ID)})
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		done := transfer(service(), a.ID, b.ID, 40)
		_, err = one.Transfer(t.Context(), done)
		require.NoError(t, err)
		_, err = two.Cancel(t.Context(), done.Call)
		requireReason(t, "NOT_PENDING", "", err)
		declined := transfer(service(), b.ID, a.ID, 41)
		_, err = one.Transfer(t.Context(), declined)
		require.NoError(t, err)
		left, err := two.Cancel(t.Context(), declined.Call)
		require.NoError(t, err)
		require.Equal(t, bank.Declined, left.Entry.Status)
		foreign := done.Call
		foreign.Subject = user(banktest.NewID()).Subject
		_, err = two.Cancel(t.Context(), foreign)
		requireReason(t, "TRANSACTION_NOT_FOUND", "", err)
	})
}

func TestWhatWasPaidIsGivenBackByWhoMay(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a, b := one.wallet(t, 100), one.wallet(t, 0)
		paid, err := one.Purchase(t.Context(), purchase(user(a.CustomerID), a.ID, 30))
		require.NoError(t, err)
		moved, err := one.Transfer(t.Context(), transfer(user(a.CustomerID), a.ID, b.ID, 40))
		require.NoError(t, err)
		reverse := func(r *replica, call wallet.Call, of bank.TransactionDetails, amount int64) (bank.TransactionDetails, error) {
			return r.Reverse(t.Context(), wallet.ReverseRequest{Call: call, Name: transactionName(of.Entry.TransactionID), AmountMinor: amount})
		}
		for who, call := range map[string]wallet.Call{"the sender": user(a.CustomerID), "a stranger": user(banktest.NewID()), "a service": service()} {
			_, err = reverse(one, call, moved, 0)
			requireReason(t, "TRANSACTION_NOT_FOUND", "", err, who)
		}
		_, err = two.Reverse(t.Context(), wallet.ReverseRequest{Call: operator(), Name: transactionName(banktest.NewID())})
		requireReason(t, "TRANSACTION_NOT_FOUND", "", err)

		ask := user(b.CustomerID)
		part, err := reverse(one, ask, moved, 15)
		require.NoError(t, err)
		require.EqualValues(t, 45, part.Entry.BalanceAfter)
		require.EqualValues(t, 25, part.Second.BalanceAfter)
		again, err := reverse(two, ask, moved, 15)
		require.NoError(t, err)
		again = firstOf(t, again)
		require.Equal(t, part, again)
		_, err = reverse(two, user(b.CustomerID), moved, 26)
		requireReason(t, "AMOUNT_ABOVE_LEFT", "", err)
		rest, err := reverse(two, operator(), moved, 0)
		require.NoError(t, err)
		require.EqualValues(t, 25, rest.Entry.Amount)
		_, err = reverse(one, operator(), moved, 0)
		requireReason(t, "ALREADY_REVERSED", "", err)
		details, err := one.Get(t.Context(), operator(), transactionName(moved.Entry.TransactionID))
		require.NoError(t, err)
		require.EqualValues(t, 40, details.GivenBack)

		merchant := as("gateway", bank.Subject{Kind: principal.Merchant, Name: banktest.Merchant.ID})
		refund, err := reverse(two, merchant, paid, 10)
		require.NoError(t, err)
		require.Equal(t, banktest.Settlement, refund.Entry.DebitAccount)
		require.EqualValues(t, 80, two.account(t, a.ID).Balance)
		for _, amount := range []int64{-1, 1_000_000_000_000_000} {
			_, err = reverse(two, operator(), paid, amount)
			requireReason(t, "INVALID_FIELD", "amount_minor", err)
		}
		cashed, err := one.Deposit(t.Context(), cash(operator(), a.ID, 1))
		require.NoError(t, err)
		_, err = reverse(one, operator(), cashed, 0)
		requireReason(t, "NOT_REVERSIBLE", "", err)
	})
}

func TestARecipientWhoSpentATransferCannotGiveItBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		a, b := one.wallet(t, 100), one.wallet(t, 0)
		moved, err := one.Transfer(t.Context(), transfer(service(), a.ID, b.ID, 40))
		require.NoError(t, err)
		_, err = one.Purchase(t.Context(), purchase(service(), b.ID, 1))
		require.NoError(t, err)
		ask := wallet.ReverseRequest{Call: operator(), Name: transactionName(moved.Entry.TransactionID)}
		declined, err := two.Reverse(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.InsufficientFunds, declined.Entry.Decline)
		require.Equal(t, a.ID, declined.Entry.AccountID)
		require.Nil(t, declined.Second)
		again, err := one.Reverse(t.Context(), ask)
		require.NoError(t, err)
		again = firstOf(t, again)
		require.Equal(t, declined, again)
		require.EqualValues(t, 39, one.account(t, b.ID).Balance)
	})
}

// Many transfers between a few accounts, on two replicas, in both directions at once.
func TestTransfersNeitherMakeNorLoseMoney(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		const workers, each = 12, 25
		accounts := []bank.Account{one.wallet(t, 50), one.wallet(t, 50), one.wallet(t, 0)}
		var working sync.WaitGroup
		var mutex sync.Mutex
		var decided []bank.TransactionDetails
		for worker := range workers {
			r := []*replica{one, two}[worker%2]
			working.Go(func() {
				for i := range each {
					from, to := accounts[(worker+i)%3], accounts[(worker+2*i+1)%3]
					if from.ID == to.ID {
						to = accounts[(worker+i+1)%3]
					}
					moved, err := r.Transfer(t.Context(), transfer(service(), from.ID, to.ID, int64(1+i%20)))
					if err != nil {
						t.Error(err)
						return
					}
					mutex.Lock()
					decided = append(decided, moved)
					mutex.Unlock()
				}
			})
		}
		working.Wait()
		balances := map[bank.ID]int64{accounts[0].ID: 50, accounts[1].ID: 50}
		for i := range decided {
			if entry := &decided[i].Entry; entry.Status == bank.Approved {
				balances[entry.DebitAccount] -= entry.Amount
				balances[entry.CreditAccount] += entry.Amount
			}
		}
		sum := int64(0)
		for _, account := range accounts {
			now := two.account(t, account.ID)
			require.Equal(t, balances[account.ID], now.Balance)
			require.GreaterOrEqual(t, now.Balance, int64(0))
			sum += now.Balance
		}
		require.EqualValues(t, 100, sum)
	})
}

// firstOf returns the answer to a repeat as the first one was given.
func firstOf(t *testing.T, repeat bank.TransactionDetails) bank.TransactionDetails {
	t.Helper()
	require.True(t, repeat.Repeat)
	repeat.Repeat = false
	return repeat
}
