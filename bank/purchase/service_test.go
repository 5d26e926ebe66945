package purchase_test

import (
	"context"
	"crypto/rand"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

// store is what a bank needs; both ledgers implement it.
type store interface {
	bank.Store
	bank.Directory
	bank.Reader
	bank.Outbox
}

// replica is one bank process: its own executor, cache and clock on a shared store.
type replica struct {
	cards     *card.Service
	purchases *purchase.Service
	executor  *ledger.Executor
	store     store
	clock     *banktest.Clock
}

type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

func newReplica(t testing.TB, store store, keys *vault.Vault, clock *banktest.Clock) *replica {
	t.Helper()
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: clock.Now, ProducerVersion: "test"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	directory := ledger.NewCachedDirectory(store)
	stored, _ := store.(bank.StoredTokens)
	return &replica{
		executor: executor, store: store, clock: clock,
		cards: &card.Service{
			Code: "001", Ledger: executor, Directory: directory, Reader: store, Vault: keys,
			Tokens: keys, Random: rand.Reader, Now: clock.Now,
		},
		purchases: &purchase.Service{
			Code: "001", Ledger: executor, Directory: directory, Reader: store, Vault: keys, Tokens: keys, StoredTokens: stored,
		},
	}
}

// onBothStores runs a test with two replicas on one store: once in memory, once in Postgres.
func onBothStores(t *testing.T, test func(t *testing.T, one, two *replica)) {
	t.Helper()
	onBothStoresWithKeys(t, func(t *testing.T, _ *vault.Vault, one, two *replica) { test(t, one, two) })
}

// onBothStoresWithKeys is onBothStores for a test that computes with the bank's keys itself.
func onBothStoresWithKeys(t *testing.T, test func(t *testing.T, keys *vault.Vault, one, two *replica)) {
	t.Helper()
	stores := map[string]func(t *testing.T, clock *banktest.Clock) (store, store){
		"inmem": func(_ *testing.T, clock *banktest.Clock) (store, store) {
			s := inmem.New(clock.Now)
			return s, s
		},
		"postgres": func(t *testing.T, _ *banktest.Clock) (store, store) {
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
			test(t, keys, newReplica(t, one, keys, clock), newReplica(t, two, keys, clock))
		})
	}
}

func (r *replica) issue(t testing.TB, change func(*card.IssueRequest)) card.Issued {
	t.Helper()
	request := card.IssueRequest{
		Caller: "branch", RequestID: banktest.NewID().String(), HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000,
	}
	if change != nil {
		change(&request)
	}
	issued, err := r.cards.Issue(t.Context(), request)
	require.NoError(t, err)
	return issued
}

func raw(data pan.CardData) *field.RawCardData {
	return &field.RawCardData{
		Number: data.Number.Reveal(), HolderName: data.HolderName, CVV: data.CVV.Reveal(),
		ExpiryMonth: data.Expiry.Month, ExpiryYear: data.Expiry.Year,
	}
}

func request(data pan.CardData, amount int64) purchase.Request {
	return purchase.Request{
		Caller: "shop", RequestID: banktest.NewID().String(), CardData: raw(data), AmountMinor: amount, Currency: "BRL",
		Merchant: bank.Merchant{ID: "m1", Name: "Books by the River", CategoryCode: "5942", City: "Recife", Country: "BR"},
		Channel:  bank.ChannelECommerce,
	}
}

func TestAnIssuedCardBuysAndARepeatedIssueAnswersTheSameCard(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		ask := card.IssueRequest{Caller: "branch", RequestID: "issue-1", HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000}
		issued, err := one.cards.Issue(t.Context(), ask)
		require.NoError(t, err)
		again, err := two.cards.Issue(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, issued.Data.Number.Reveal(), again.Data.Number.Reveal())
		require.Equal(t, issued.Data.CVV.Reveal(), again.Data.CVV.Reveal())
		require.Equal(t, one.clock.Now().Year()+5, issued.Data.Expiry.Year)
		ask.CreditLimitMinor++
		_, err = two.cards.Issue(t.Context(), ask)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		bought, err := two.purchases.Authorize(t.Context(), request(issued.Data, 400))
		require.NoError(t, err)
		require.Equal(t, bank.Approved, bought.Entry.Status)
		account, err := one.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.Equal(t, int64(600), account.Available())
		require.Equal(t, int64(2), account.Sequence)
	})
}

func TestSpendingOnTwoReplicasNeverPassesTheLimit(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		var working sync.WaitGroup
		var mutex sync.Mutex
		approved := 0
		for worker := range 32 {
			at := []*replica{one, two}[worker%2]
			working.Go(func() {
				for range 60 {
					bought, err := at.purchases.Authorize(t.Context(), request(issued.Data, 1))
					require.NoError(t, err)
					if bought.Entry.Status == bank.Approved {
						mutex.Lock()
						approved++
						mutex.Unlock()
					}
				}
			})
		}
		working.Wait()
		require.Equal(t, 1000, approved)
	})
}

func TestOneRequestSentAHundredTimesToTwoReplicasChargesOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		ask := request(issued.Data, 400)
		answers := make([]purchase.Purchase, 100)
		var working sync.WaitGroup
		for i := range answers {
			working.Go(func() {
				var err error
				answers[i], err = []*replica{one, two}[i%2].purchases.Authorize(t.Context(), ask)
				require.NoError(t, err)
			})
		}
		working.Wait()
		for i := range answers {
			require.Equal(t, answers[0].Entry, answers[i].Entry)
		}
		other := ask
		other.AmountMinor++
		_, err := two.purchases.Authorize(t.Context(), other)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
		account, err := one.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.Equal(t, int64(600), account.Available())
	})
}

func TestTheSamePurchaseByDataTokenOrCardIsOneRequest(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		token, err := one.cards.Tokenize(t.Context(), *raw(issued.Data))
		require.NoError(t, err)
		ask := request(issued.Data, 400)
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		ask.CardData, ask.CardToken = nil, token.Text
		byToken, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		ask.CardToken, ask.Card = "", "cards/"+issued.Card.ID.String()
		byCard, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, first.Entry, byToken.Entry)
		require.Equal(t, first.Entry, byCard.Entry)
	})
}

func TestATokenIsForOnePurchaseOnAnyReplica(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		token, err := one.cards.Tokenize(t.Context(), *raw(issued.Data))
		require.NoError(t, err)
		var working sync.WaitGroup
		var mutex sync.Mutex
		approved, refused := 0, 0
		for i := range 20 {
			ask := request(issued.Data, 1)
			ask.CardData, ask.CardToken = nil, token.Text
			working.Go(func() {
				_, err := []*replica{one, two}[i%2].purchases.Authorize(t.Context(), ask)
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil {
					approved++
				} else {
					require.Equal(t, "card_token", fault.Of(err).Field)
					refused++
				}
			})
		}
		working.Wait()
		require.Equal(t, 1, approved)
		require.Equal(t, 19, refused)
	})
}

func TestARepeatByADeletedTokenGetsTheFirstOutcome(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		ask := request(issued.Data, 400)
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		ask.CardData, ask.CardToken = nil, "ctk_swept-away"
		again, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, first.Entry, again.Entry)
		ask.AmountMinor++
		_, err = one.purchases.Authorize(t.Context(), ask)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
		ask.RequestID = "never-seen"
		_, err = one.purchases.Authorize(t.Context(), ask)
		require.Equal(t, "card_token", fault.Of(err).Field)
	})
}

func TestWrongAttemptsLockTheCardOnEveryReplica(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		wrong := raw(issued.Data)
		wrong.CVV = "000"
		if wrong.CVV == issued.Data.CVV.Reveal() {
			wrong.CVV = "001"
		}
		for i := range bank.WrongAttemptsToLock {
			ask := request(issued.Data, 1)
			ask.CardData = wrong
			bought, err := []*replica{one, two}[i%2].purchases.Authorize(t.Context(), ask)
			require.NoError(t, err)
			require.Equal(t, bank.CVVMismatch, bought.Entry.Decline)
		}
		right, err := two.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Locked, right.Entry.Decline)
		one.clock.Advance(bank.LockTime)
		right, err = one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Approved, right.Entry.Status)
	})
}

func TestABlockHoldsAtOnceOnEveryReplica(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		name := "cards/" + issued.Card.ID.String()
		first, err := two.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Approved, first.Entry.Status)
		_, err = one.cards.SetBlocked(t.Context(), card.BlockRequest{Name: name, Side: bank.BlockedByHolder, Blocked: true})
		require.NoError(t, err)
		blocked, err := two.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Blocked, blocked.Entry.Decline)
		reversal, err := two.purchases.Reverse(t.Context(), purchase.ReverseRequest{
			Caller: "shop", RequestID: "rev-1", Name: "purchases/" + first.Entry.TransactionID.String(),
		})
		require.NoError(t, err, "giving back never asks whether the card is blocked")
		require.Equal(t, int64(1), reversal.Entry.Amount)
		view, err := two.cards.SetBlocked(t.Context(), card.BlockRequest{Name: name, Side: bank.BlockedByHolder})
		require.NoError(t, err)
		require.False(t, view.Card.IsBlocked())
	})
}

func TestAVoidAndItsPurchaseRaceToOneOutcome(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		for range 20 {
			issued := one.issue(t, nil)
			ask := request(issued.Data, 400)
			var working sync.WaitGroup
			for i := range 8 {
				at := []*replica{one, two}[i%2]
				working.Go(func() {
					_, err := at.purchases.Authorize(t.Context(), ask)
					require.NoError(t, err)
				})
				working.Go(func() {
					voided, err := at.purchases.Void(t.Context(), purchase.VoidRequest{Caller: ask.Caller, RequestID: ask.RequestID})
					require.NoError(t, err)
					require.Equal(t, bank.Voided, voided.Entry.Status)
				})
			}
			working.Wait()
			account, err := one.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
			require.NoError(t, err)
			require.Equal(t, int64(1000), account.Available(), "voided before or after, nothing is charged")
			require.Contains(t, []int64{1, 3}, account.Sequence)
		}
	})
}

func TestAVoidedIDStaysVoided(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		ask := request(issued.Data, 400)
		first, err := one.purchases.Void(t.Context(), purchase.VoidRequest{Caller: ask.Caller, RequestID: ask.RequestID})
		require.NoError(t, err)
		require.Equal(t, bank.Voided, first.Entry.Status)
		late, err := two.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.Voided, late.Entry.Status)
		require.Equal(t, first.Entry.TransactionID, late.Entry.TransactionID)
	})
}

func TestOnlyTheOwnerSeesAPurchase(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		bought, err := one.purchases.Authorize(t.Context(), request(issued.Data, 400))
		require.NoError(t, err)
		name := "purchases/" + bought.Entry.TransactionID.String()
		_, err = one.purchases.Get(t.Context(), "other", bank.Subject{Kind: principal.Service}, name)
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		_, err = one.purchases.Reverse(t.Context(), purchase.ReverseRequest{Caller: "other", RequestID: "x", Name: name})
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		_, err = one.purchases.Reverse(t.Context(), purchase.ReverseRequest{Caller: "shop", RequestID: "y", Name: name})
		require.NoError(t, err)
		_, err = one.purchases.Reverse(t.Context(), purchase.ReverseRequest{Caller: "shop", RequestID: "z", Name: name})
		require.Equal(t, "ALREADY_REVERSED", fault.Of(err).Reason)
		got, err := one.purchases.Get(t.Context(), "shop", bank.Subject{Kind: principal.Service}, name)
		require.NoError(t, err)
		require.Equal(t, int64(400), got.Reversed)
		require.Equal(t, bought.Entry, got.Entry)
	})
}

func TestAPurchaseIsGivenBackInPartsByAnyReplica(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		bought, err := one.purchases.Authorize(t.Context(), request(issued.Data, 400))
		require.NoError(t, err)
		name := "purchases/" + bought.Entry.TransactionID.String()
		reverse := func(on *replica, requestID string, amount int64) (purchase.Reversal, string) {
			reversal, err := on.purchases.Reverse(t.Context(), purchase.ReverseRequest{
				Caller: "shop", RequestID: requestID, Name: name, AmountMinor: amount,
			})
			if err != nil {
				return reversal, fault.Of(err).Reason + fault.Of(err).Field
			}
			return reversal, ""
		}
		_, refused := reverse(one, "negative", -1)
		require.Contains(t, refused, "amount_minor")
		first, refused := reverse(one, "first", 150)
		require.Empty(t, refused)
		again, refused := reverse(two, "first", 150)
		require.Empty(t, refused)
		require.Equal(t, first, again)
		for requestID, want := range map[string]struct {
			amount int64
			reason string
		}{"first": {151, "REQUEST_ID_REUSED"}, "too-much": {251, "AMOUNT_ABOVE_LEFT"}, "whole": {0, "ALREADY_REVERSED"}} {
			_, refused = reverse(two, requestID, want.amount)
			require.Equal(t, want.reason, refused, requestID)
		}
		voided, err := two.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: bought.Entry.Request.ID})
		require.NoError(t, err)
		require.Equal(t, int64(400), voided.Reversed)
		_, refused = reverse(one, "late", 1)
		require.Equal(t, "ALREADY_REVERSED", refused)
		got, err := one.purchases.Get(t.Context(), "shop", bank.Subject{Kind: principal.Service}, name)
		require.NoError(t, err)
		require.Equal(t, int64(400), got.Reversed)
	})
}

func TestBadInputIsRefusedByFieldNameAndStoresNothing(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		cases := []struct {
			field  string
			change func(*purchase.Request)
		}{
			{"request_id", func(r *purchase.Request) { r.RequestID = "" }},
			{"request_id", func(r *purchase.Request) { r.RequestID = strings.Repeat("a", 65) }},
			{"request_id", func(r *purchase.Request) { r.RequestID = "a b" }},
			{"amount_minor", func(r *purchase.Request) { r.AmountMinor = 0 }},
			{"amount_minor", func(r *purchase.Request) { r.AmountMinor = -1 }},
			{"amount_minor", func(r *purchase.Request) { r.AmountMinor = math.MinInt64 }},
			{"amount_minor", func(r *purchase.Request) { r.AmountMinor = math.MaxInt64 }},
			{"amount_minor", func(r *purchase.Request) { r.AmountMinor = field.MaxMinor + 1 }},
			{"currency", func(r *purchase.Request) { r.Currency = "XYZ" }},
			{"currency", func(r *purchase.Request) { r.Currency = "" }},
			{"currency", func(r *purchase.Request) { r.Currency = "USD" }},
			{"merchant.id", func(r *purchase.Request) { r.Merchant.ID = "" }},
			{"merchant.name", func(r *purchase.Request) { r.Merchant.Name = "" }},
			{"merchant.name", func(r *purchase.Request) { r.Merchant.Name = strings.Repeat("ü", 81) }},
			{"merchant.name", func(r *purchase.Request) { r.Merchant.Name = "a\x00b" }},
			{"merchant.city", func(r *purchase.Request) { r.Merchant.City = "a\nb" }},
			{"merchant.city", func(r *purchase.Request) { r.Merchant.City = "a\xffb" }},
			{"merchant.category_code", func(r *purchase.Request) { r.Merchant.CategoryCode = "594" }},
			{"merchant.country", func(r *purchase.Request) { r.Merchant.Country = "br" }},
			{"description", func(r *purchase.Request) { r.Description = strings.Repeat("x", 141) }},
			{"description", func(r *purchase.Request) { r.Description = "\x1b[31m" }},
			{"attempt", func(r *purchase.Request) { r.Attempt = -1 }},
			{"card_source", func(r *purchase.Request) { r.CardData = nil }},
			{"card_data.number", func(r *purchase.Request) { r.CardData.Number = "4111111111111112" }},
			{"card_data.holder_name", func(r *purchase.Request) { r.CardData.HolderName = " " }},
			{"card_data.expiry_month", func(r *purchase.Request) { r.CardData.ExpiryMonth = 13 }},
			{"card_data.expiry_year", func(r *purchase.Request) { r.CardData.ExpiryYear = 26 }},
			{"card_data.cvv", func(r *purchase.Request) { r.CardData.CVV = "12a" }},
			{"card_token", func(r *purchase.Request) { r.CardData, r.CardToken = nil, "ctk_nobody" }},
			{"card_token", func(r *purchase.Request) { r.CardData, r.CardToken = nil, "a\x00b" }},
			{"card", func(r *purchase.Request) { r.CardData, r.Card = nil, "cards/1" }},
			{"card", func(r *purchase.Request) { r.CardData, r.Card = nil, "accounts/"+issued.Card.ID.String() }},
		}
		for i, test := range cases {
			ask := request(issued.Data, 1)
			ask.CardData = raw(issued.Data)
			test.change(&ask)
			_, err := one.purchases.Authorize(t.Context(), ask)
			refused := fault.Of(err)
			require.NotNil(t, refused, "%d %s", i, test.field)
			require.Equal(t, fault.InvalidArgument, refused.Code, "%d %s: %v", i, test.field, err)
			require.Equal(t, test.field, refused.Field, "%d", i)
		}
		account, err := one.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.Equal(t, int64(1), account.Sequence, "nothing was stored")
	})
}

func TestUnknownCardsAreDeclinedAndStored(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		ask := request(pan.CardData{}, 400)
		ask.CardData = &field.RawCardData{Number: "4242424242424242", HolderName: "NOBODY", CVV: "123", ExpiryMonth: 1, ExpiryYear: 2030}
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.UnknownCard, first.Entry.Decline)
		require.Equal(t, "4242", first.Entry.Card.Last4)
		again, err := two.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, first.Entry, again.Entry)
		ask.AmountMinor++
		_, err = two.purchases.Authorize(t.Context(), ask)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)

		byName := request(pan.CardData{}, 400)
		byName.CardData, byName.Card = nil, "cards/"+banktest.NewID().String()
		bought, err := one.purchases.Authorize(t.Context(), byName)
		require.NoError(t, err)
		require.Equal(t, bank.UnknownCard, bought.Entry.Decline)
	})
}

func TestALimitChangeIsDecidedOnceAndStopsOnlyNewPurchases(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		name := "cards/" + issued.Card.ID.String()
		_, err := one.purchases.Authorize(t.Context(), request(issued.Data, 900))
		require.NoError(t, err)
		lower := card.LimitRequest{Caller: "branch", RequestID: "limit-1", Name: name, CreditLimitMinor: 500}
		view, err := two.cards.ChangeLimit(t.Context(), lower)
		require.NoError(t, err)
		require.Equal(t, int64(500), view.Account.CreditLimit)
		require.Equal(t, int64(-400), view.Account.Available())
		bought, err := one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.InsufficientFunds, bought.Entry.Decline)

		_, err = one.cards.ChangeLimit(t.Context(), card.LimitRequest{Caller: "branch", RequestID: "limit-2", Name: name, CreditLimitMinor: 2000})
		require.NoError(t, err)
		again, err := one.cards.ChangeLimit(t.Context(), lower)
		require.NoError(t, err)
		require.Equal(t, int64(500), again.Account.CreditLimit, "a repeat answers its own outcome")
		lower.CreditLimitMinor = 501
		_, err = one.cards.ChangeLimit(t.Context(), lower)
		require.ErrorIs(t, err, bank.ErrRequestIDReused)
	})
}

func TestTimeNeverRunsAgainstTheSequence(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		one.clock.Advance(time.Minute)
		first, err := one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		one.clock.Set(one.clock.Now().Add(-time.Hour))
		second, err := one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, first.Entry.OccurredAt, second.Entry.OccurredAt)
	})
}
