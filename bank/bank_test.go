package bank_test

import (
	"math"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheSameRequestAlwaysMakesTheSameTransaction(t *testing.T) {
	code := bank.Code("001")
	require.Equal(t, code.TransactionID("shop", "r1"), code.TransactionID("shop", "r1"))
	distinct := map[bank.ID]string{}
	for _, made := range []struct {
		name string
		id   bank.ID
	}{
		{"first", code.TransactionID("shop", "r1")},
		{"other request", code.TransactionID("shop", "r2")},
		{"other caller", code.TransactionID("shopr", "1")},
		{"other bank", bank.Code("002").TransactionID("shop", "r1")},
		{"void", code.VoidID(code.TransactionID("shop", "r1"))},
		{"settlement", code.SettlementAccount("shop", "r1")},
	} {
		require.Empty(t, distinct[made.id], made.name)
		distinct[made.id] = made.name
	}
}

// Derived ids are in ledgers, so they must never change.
func TestDerivedIDsStayAsTheyAre(t *testing.T) {
	code := bank.Code("001")
	transaction := code.TransactionID("shop", "r1")
	require.Equal(t, "4cce5670-d778-5321-a1de-bcd64995deb9", transaction.String())
	require.Equal(t, "2cd71ef7-a7cf-5a26-889a-ee91fecc5476", code.VoidID(transaction).String())
	require.Equal(t, "9a578980-a1ac-5637-96e3-c6a82d1f2021", code.SettlementAccount("shop", "BRL").String())
}

func TestTheFifthWrongAttemptInTheWindowLocks(t *testing.T) {
	card := bank.Card{}
	for i := range bank.WrongAttemptsToLock - 1 {
		card = card.AfterWrongAttempt(noon.Add(time.Duration(i) * time.Minute))
		require.False(t, card.IsLocked(noon.Add(time.Hour)))
	}
	late := card.AfterWrongAttempt(noon.Add(bank.WrongAttemptWindow))
	require.False(t, late.IsLocked(noon.Add(bank.WrongAttemptWindow)), "the first attempt has left the window")
	fifth := noon.Add(5 * time.Minute)
	locked := card.AfterWrongAttempt(fifth)
	require.True(t, locked.IsLocked(fifth))
	require.True(t, locked.IsLocked(fifth.Add(bank.LockTime-time.Millisecond)))
	require.False(t, locked.IsLocked(fifth.Add(bank.LockTime)))
	require.Empty(t, locked.WrongAt, "the count starts anew")
}

func TestTheFrequencyNeverLetsThroughMoreThanBucketAndRefill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perMinute := rapid.Int32Range(1, 120).Draw(t, "perMinute")
		var bucket bank.Frequency
		now, passed := noon, int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(-50, 5000).Draw(t, "ms")) * time.Millisecond)
			next, ok := bucket.Take(perMinute, now)
			bucket = next
			if ok {
				passed++
			}
		}
		span := max(now.Sub(noon).Milliseconds(), 0) + 200*50
		require.LessOrEqual(t, passed*60_000, int64(perMinute)*60_000+int64(perMinute)*span)
	})
	full, ok := bank.Frequency{}.Take(2, noon)
	require.True(t, ok)
	full, ok = full.Take(2, noon)
	require.True(t, ok)
	_, ok = full.Take(2, noon.Add(29*time.Second))
	require.False(t, ok, "a third within half a minute is one too many")
	_, ok = full.Take(2, noon.Add(30*time.Second))
	require.True(t, ok)
}

func account(balance, held, limit int64) bank.Account {
	return bank.Account{ID: bank.ID{1}, CustomerID: bank.ID{2}, Currency: money.MustCurrency("BRL"), Balance: balance, Held: held, CreditLimit: limit, Sequence: 7, LastAt: noon}
}

func TestAPostTakesTheNextSequenceAndTheFiguresAfter(t *testing.T) {
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account(-100, 50, 1000)}})
	entry, err := book.Post(bank.Entry{AccountID: bank.ID{1}, Status: bank.Approved, Amount: 30}, bank.Effect{Balance: -30}, noon.Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, int64(8), entry.Sequence)
	require.Equal(t, int64(-130), entry.BalanceAfter)
	require.Equal(t, int64(820), entry.AvailableAfter())
	require.Equal(t, noon, entry.OccurredAt, "time never runs against the sequence")
	require.Equal(t, "01000000-0000-0000-0000-000000000000:8", entry.EventID())
	changes := book.Changes()
	require.Len(t, changes.Accounts, 1)
	require.Equal(t, int64(8), changes.Accounts[0].Sequence)
}

func TestAPostThatOverflowsLeavesTheBookAsItWas(t *testing.T) {
	book := bank.NewBook(bank.ReadSet{Accounts: []bank.Account{account(math.MaxInt64-5, 0, 0)}})
	_, err := book.Post(bank.Entry{AccountID: bank.ID{1}}, bank.Effect{Balance: 10}, noon)
	require.ErrorContains(t, err, "amount_minor")
	changes := book.Changes()
	require.True(t, changes.IsEmpty())
}

func TestKeysAreSortedAndUnique(t *testing.T) {
	keys := bank.Keys{Accounts: []bank.ID{{3}, {1}, {3}, {2}}}
	keys.Sort()
	require.Equal(t, []bank.ID{{1}, {2}, {3}}, keys.Accounts)
}

func TestEveryDeclineReasonHasCodeNameAndText(t *testing.T) {
	codes := map[string]string{
		"UNKNOWN_CARD": "14", "NAME_MISMATCH": "14", "EXPIRY_MISMATCH": "14", "CVV_MISMATCH": "05", "EXPIRED": "54",
		"BLOCKED": "62", "LOCKED": "62", "INSUFFICIENT_FUNDS": "51", "OVER_PURCHASE_LIMIT": "61", "TOO_FREQUENT": "65",
		"AMOUNT_BELOW_MINIMUM": "13", "ACCOUNT_CLOSED": "46",
	}
	require.Len(t, bank.DeclineReasons(), len(codes))
	for _, reason := range bank.DeclineReasons() {
		require.Equal(t, codes[reason.String()], reason.Code(), reason.String())
		require.NotEmpty(t, reason.Text())
	}
}

func TestCanonicalFormsOfDifferentRequestsDiffer(t *testing.T) {
	require.NotEqual(t, bank.NewCanonical("a").Text("bc").Text("d"), bank.NewCanonical("a").Text("b").Text("cd"))
	require.NotEqual(t, bank.NewCanonical("a").Number(12).Number(3), bank.NewCanonical("a").Number(1).Number(23))
}
