package reversal_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

var (
	noon      = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	brl       = money.MustCurrency("BRL")
	sender    = bank.Account{ID: bank.ID{1}, CustomerID: bank.ID{11}, Kind: bank.AccountWallet, Currency: brl, Balance: 60, Sequence: 2, LastAt: noon}
	recipient = bank.Account{ID: bank.ID{2}, CustomerID: bank.ID{12}, Kind: bank.AccountWallet, Currency: brl, Balance: 40, Sequence: 2, LastAt: noon}
	operator  = bank.Subject{Kind: principal.Operator}
	missing   = fault.New(fault.NotFound, "MISSING", "There is none.")
)

// transferred returns both legs of a transfer of 40.
func transferred() []bank.Entry {
	out := bank.Entry{
		TransactionID: bank.ID{21}, Request: bank.Request{Caller: "app"}, AccountID: sender.ID, CustomerID: sender.CustomerID, Sequence: 2,
		Kind: bank.KindTransfer, Direction: bank.Debit, Status: bank.Approved, Amount: 40, Currency: brl, Description: "lunch",
		DebitAccount: sender.ID, CreditAccount: recipient.ID, CounterpartyAccountID: recipient.ID,
	}
	in := out
	in.Leg, in.AccountID, in.CustomerID, in.Direction, in.CounterpartyAccountID = 1, recipient.ID, recipient.CustomerID, bank.Credit, sender.ID
	return []bank.Entry{out, in}
}

// reads returns what a book is decided on: both accounts and entries.
func reads(entries ...bank.Entry) bank.ReadSet {
	return bank.ReadSet{Accounts: []bank.Account{sender, recipient}, Entries: entries}
}

func command(amount int64) *reversal.Command {
	return &reversal.Command{
		ID: bank.ID{31}, Original: bank.ID{21}, Parties: bank.Parties{AccountID: sender.ID, SecondAccountID: recipient.ID}, Amount: amount,
		Request: bank.Request{Caller: "app", ID: "r", Fingerprint: [32]byte{1}}, Subject: operator, Missing: missing,
	}
}

func TestATransferIsGivenBackOnBothAccounts(t *testing.T) {
	book := bank.NewBook(reads(transferred()...))
	outcome := command(15).Decide(book, noon)
	require.NoError(t, outcome.Err)
	first, second := outcome.Entry, outcome.Second
	require.Equal(t, []any{sender.ID, bank.Credit, int64(75), recipient.ID}, []any{first.AccountID, first.Direction, first.BalanceAfter, first.CounterpartyAccountID})
	require.Equal(t, []any{recipient.ID, bank.Debit, int64(25), sender.ID}, []any{second.AccountID, second.Direction, second.BalanceAfter, second.CounterpartyAccountID})
	for leg, entry := range outcome.Entries() {
		require.EqualValues(t, leg, entry.Leg)
		require.Equal(t, bank.KindReversal, entry.Kind)
		require.Equal(t, bank.ID{21}, entry.OriginalID)
		require.Equal(t, recipient.ID, entry.DebitAccount, "the movement is the mirror image")
		require.Equal(t, sender.ID, entry.CreditAccount)
		require.Equal(t, "lunch", entry.Description)
	}
	require.EqualValues(t, 15, book.Sum(bank.ID{21}, bank.GivenBack), "the movement counts once")
	require.True(t, book.ProvenByWrite())

	again := command(15).Decide(book, noon.Add(time.Hour))
	require.True(t, again.Repeat)
	again.Repeat = false
	require.Equal(t, outcome, again, "a repeat gets both entries")
	rest := command(0)
	rest.ID, rest.Request.Fingerprint = bank.ID{32}, [32]byte{2}
	outcome = rest.Decide(book, noon)
	require.NoError(t, outcome.Err)
	require.EqualValues(t, 25, outcome.Entry.Amount, "without an amount all that is left")
	rest.ID, rest.Amount = bank.ID{33}, 1
	require.Equal(t, "ALREADY_REVERSED", fault.Of(rest.Decide(book, noon).Err).Reason)
}

func TestARecipientWhoSpentTheAmountGivesNothingBack(t *testing.T) {
	set := reads(transferred()...)
	set.Accounts[1].Held = 30
	book := bank.NewBook(set)
	outcome := command(15).Decide(book, noon)
	require.NoError(t, outcome.Err)
	require.Nil(t, outcome.Second)
	require.Equal(t, bank.InsufficientFunds, outcome.Entry.Decline)
	require.Equal(t, sender.ID, outcome.Entry.AccountID)
	require.False(t, outcome.Entry.Moves())
	require.Zero(t, book.Sum(bank.ID{21}, bank.GivenBack))
	require.Len(t, book.Posted(), 1)
}

func TestWhatIsNotLeftIsRefused(t *testing.T) {
	other := func(change func(*bank.Entry)) bank.Entry {
		entry := transferred()[0]
		change(&entry)
		return entry
	}
	emptied := reads(transferred()...)
	emptied.Accounts[1].ClosedAt = noon
	for name, test := range map[string]struct {
		reads  bank.ReadSet
		amount int64
		reason string
	}{
		"nothing":                 {reads(), 0, "MISSING"},
		"more than is left":       {reads(transferred()...), 41, "AMOUNT_ABOVE_LEFT"},
		"a declined transfer":     {reads(other(func(e *bank.Entry) { e.Status = bank.Declined })), 0, "NOT_REVERSIBLE"},
		"a deposit":               {reads(other(func(e *bank.Entry) { e.Kind = bank.KindDeposit })), 0, "NOT_REVERSIBLE"},
		"a withdrawal":            {reads(other(func(e *bank.Entry) { e.Kind = bank.KindWithdrawal })), 0, "NOT_REVERSIBLE"},
		"a reversal":              {reads(other(func(e *bank.Entry) { e.Kind = bank.KindReversal })), 0, "NOT_REVERSIBLE"},
		"from a closed recipient": {emptied, 0, "ACCOUNT_CLOSED"},
	} {
		book := bank.NewBook(test.reads)
		outcome := command(test.amount).Decide(book, noon)
		require.Error(t, outcome.Err, name)
		require.Equal(t, test.reason, fault.Of(outcome.Err).Reason, name)
		changes := book.Changes()
		require.True(t, changes.IsEmpty(), name)
	}
}

func TestWhoMayGiveWhatBack(t *testing.T) {
	purchase := transferred()[0]
	purchase.Kind, purchase.Merchant.ID = bank.KindPurchase, "m1"
	legs := transferred()
	user := func(customer byte) bank.Subject {
		return bank.Subject{Kind: principal.User, Customers: []bank.ID{bank.ID{customer}}}
	}
	for _, tt := range []struct {
		who                  string
		subject              bank.Subject
		caller               string
		ofPurchase, transfer bool
	}{
		{"an operator", operator, "cashier", true, true},
		{"the merchant who was paid", bank.Subject{Kind: principal.Merchant, Name: "m1"}, "gateway", true, false},
		{"another merchant", bank.Subject{Kind: principal.Merchant, Name: "m2"}, "gateway", false, false},
		{"a merchant without an id", bank.Subject{Kind: principal.Merchant}, "gateway", false, false},
		{"the caller that asked for it", bank.Subject{Kind: principal.Service}, "app", true, false},
		{"another caller", bank.Subject{Kind: principal.Service}, "shop", false, false},
		{"the customer who paid, by the same caller", user(11), "app", true, false},
		{"the customer who paid, by another caller", user(11), "shop", false, false},
		{"the customer who was paid", user(12), "shop", false, true},
		{"another customer", user(13), "app", false, false},
		{"a user without a customer", bank.Subject{Kind: principal.User}, "app", false, false},
		{"nobody", bank.Subject{Kind: principal.Nobody}, "app", false, false},
		{"a principal of no kind", bank.Subject{}, "app", false, false},
	} {
		require.Equal(t, tt.ofPurchase, reversal.Allowed(&tt.subject, tt.caller, &purchase, nil), "%s, of a purchase", tt.who)
		require.Equal(t, tt.transfer, reversal.Allowed(&tt.subject, tt.caller, &legs[0], &legs[1]), "%s, of a transfer", tt.who)
		refused := command(0)
		refused.Subject, refused.Request.Caller = tt.subject, tt.caller
		err := refused.Decide(bank.NewBook(reads(legs...)), noon).Err
		require.Equal(t, !tt.transfer, err != nil, tt.who)
		if err != nil {
			require.ErrorIs(t, err, missing, "%s learns nothing of the transfer", tt.who)
		}
	}

	alone := user(11)
	alone.Name = "5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10"
	purchase.Request.Caller = "user:" + alone.Name
	require.False(t, reversal.Allowed(&alone, purchase.Request.Caller, &purchase, nil), "the customer who paid, by himself")
	purchase.Kind = bank.KindCapture
	require.False(t, reversal.Allowed(&alone, purchase.Request.Caller, &purchase, nil), "of a hold that he captured by himself")
}
