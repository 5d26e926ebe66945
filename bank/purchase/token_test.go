package purchase_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func (r *replica) tokenize(t testing.TB, data pan.CardData) string {
	t.Helper()
	token, err := r.cards.Tokenize(t.Context(), *raw(data))
	require.NoError(t, err)
	return token.Text
}

// byToken returns a purchase that pays with a token.
func byToken(token string, amount int64) purchase.Request {
	ask := request(pan.CardData{}, amount)
	ask.CardData, ask.CardToken = nil, token
	return ask
}

// requireTokenRefused buys with a token that is not good. All such tokens get the same answer.
func (r *replica) requireTokenRefused(t *testing.T, ask purchase.Request) {
	t.Helper()
	_, err := r.purchases.Authorize(t.Context(), ask)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "%v", err)
	require.Equal(t, "card_token", fault.Of(err).Field)
	require.Equal(t, "The card token is unknown, has been used, or has expired.", fault.Of(err).Message)
	_, _, err = r.store.Transaction(t.Context(), bank.Code("001").TransactionID(ask.Caller, ask.RequestID))
	require.ErrorIs(t, err, bank.ErrNotFound, "nothing is stored")
}

func wrongCode(data pan.CardData) pan.CardData {
	data.CVV, _ = pan.ParseCVV(wrong(data.CVV.Reveal()))
	return data
}

func TestADeclineUsesTheTokenToo(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		for _, tt := range []struct {
			data    pan.CardData
			amount  int64
			decline bank.DeclineReason
		}{
			{issued.Data, 1001, bank.InsufficientFunds},
			{wrongCode(issued.Data), 1, bank.CVVMismatch},
			{unknown(t), 1, bank.UnknownCard},
		} {
			token := one.tokenize(t, tt.data)
			bought, err := two.purchases.Authorize(t.Context(), byToken(token, tt.amount))
			require.NoError(t, err)
			require.Equal(t, tt.decline, bought.Entry.Decline)
			one.requireTokenRefused(t, byToken(token, 1))
			two.requireTokenRefused(t, byToken(token, 1))
		}
	})
}

// unknown returns the data of a card that was never issued.
func unknown(t *testing.T) pan.CardData {
	t.Helper()
	code, err := pan.ParseCVV("123")
	require.NoError(t, err)
	return pan.CardData{Number: banktest.Number(1), HolderName: "Ada Lovelace", Expiry: pan.Expiry{Month: 3, Year: 2031}, CVV: code}
}

func TestARequestThatIsRefusedLeavesItsTokenUnused(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		token := one.tokenize(t, one.issue(t, nil).Data)
		foreign := byToken(token, 1)
		foreign.Currency = "USD"
		_, err := one.purchases.Authorize(t.Context(), foreign)
		require.Equal(t, "currency", fault.Of(err).Field)
		bought, err := two.purchases.Authorize(t.Context(), byToken(token, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Approved, bought.Entry.Status)
	})
}

func TestATokenEndsAfterFifteenMinutesAndItsRepeatsDoNot(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		used, unused := byToken(one.tokenize(t, issued.Data), 1), byToken(one.tokenize(t, issued.Data), 1)
		one.clock.Advance(15*time.Minute - time.Millisecond)
		first, err := one.purchases.Authorize(t.Context(), used)
		require.NoError(t, err)
		require.Equal(t, bank.Approved, first.Entry.Status)
		one.clock.Advance(time.Millisecond)
		one.requireTokenRefused(t, unused)
		for _, at := range []*replica{one, two} {
			for range 2 {
				again, err := at.purchases.Authorize(t.Context(), used)
				require.NoError(t, err)
				require.Equal(t, first.Entry, again.Entry)
			}
		}
	})
}

// A token of another bank or of other keys, and an altered one, are as good as none. A repeat of a
// request that was decided is answered all the same.
func TestATokenThatDoesNotOpenIsRefusedAndARepeatByItIsAnswered(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		good := one.tokenize(t, issued.Data)
		foreign := *one.cards
		foreign.Code = "002"
		ofOtherBank, err := foreign.Tokenize(t.Context(), *raw(issued.Data))
		require.NoError(t, err)
		keys, err := vault.Generate()
		require.NoError(t, err)
		foreign = *one.cards
		foreign.Tokens = keys
		ofOtherKeys, err := foreign.Tokenize(t.Context(), *raw(issued.Data))
		require.NoError(t, err)
		altered := good[:40] + "A" + good[41:]
		if altered == good {
			altered = good[:40] + "B" + good[41:]
		}
		ofStoredForm := "ctk_" + strings.Repeat("a", 43)

		first, err := one.purchases.Authorize(t.Context(), byToken(good, 1))
		require.NoError(t, err)
		for _, text := range []string{ofOtherBank.Text, ofOtherKeys.Text, altered, ofStoredForm, "ctk_x", "x"} {
			one.requireTokenRefused(t, byToken(text, 1))
			repeat := byToken(text, 1)
			repeat.RequestID = first.Entry.Request.ID
			again, err := two.purchases.Authorize(t.Context(), repeat)
			require.NoError(t, err)
			require.Equal(t, first.Entry, again.Entry)
			repeat.AmountMinor++
			_, err = two.purchases.Authorize(t.Context(), repeat)
			require.ErrorIs(t, err, bank.ErrRequestIDReused)
		}
	})
}

func TestATokenDoesNotTellWhetherItsCardExists(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		length := len(one.tokenize(t, issued.Data))
		for _, data := range []pan.CardData{wrongCode(issued.Data), unknown(t)} {
			text := one.tokenize(t, data)
			require.Len(t, text, length)
			require.NotContains(t, text, data.Number.Last4())
		}
	})
}

func TestWrongAttemptsByTokenLockTheCard(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issued := one.issue(t, nil)
		var asks []purchase.Request
		for range bank.WrongAttemptsToLock + 1 {
			asks = append(asks, byToken(one.tokenize(t, wrongCode(issued.Data)), 1))
		}
		for i, result := range two.purchases.AuthorizeAll(t.Context(), asks) {
			require.NoError(t, result.Err)
			want := bank.CVVMismatch
			if i == bank.WrongAttemptsToLock {
				want = bank.Locked
			}
			require.Equal(t, want, result.Purchase.Entry.Decline)
		}
	})
}

func TestOfTwoPurchasesByOneTokenInABatchOneIsRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		token := one.tokenize(t, issued.Data)
		results := one.purchases.AuthorizeAll(t.Context(), []purchase.Request{byToken(token, 1), byToken(token, 1), request(issued.Data, 1)})
		require.NoError(t, results[0].Err)
		require.Equal(t, "card_token", fault.Of(results[1].Err).Field)
		require.NoError(t, results[2].Err)
	})
}

// onPostgres returns a replica on a ledger in Postgres, with its store and its URL.
func onPostgres(t *testing.T) (*replica, *postgres.Store, string) {
	t.Helper()
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: ledgertest.Migrated(t, url), BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	keys, err := vault.Generate()
	require.NoError(t, err)
	return newReplica(t, store, keys, banktest.NewClock()), store, url
}

// storeToken stores a token of a card as version 0.1.0 issued it, and returns its text.
func storeToken(t *testing.T, url string, issued card.Issued, decline bank.DeclineReason, usedBy *bank.ID) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	secret := banktest.NewID()
	text := "ctk_" + base64.RawURLEncoding.EncodeToString(append(secret[:], secret[:]...))
	require.Len(t, text, 47)
	hash := sha256.Sum256([]byte(text))
	_, err = conn.Exec(t.Context(), `INSERT INTO card_tokens (hash, card_id, account_id, brand, bin, last4, verdict, expires_at, used_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, hash[:], issued.Card.ID, issued.Account.ID, issued.Card.Brand,
		issued.Card.BIN, issued.Card.Last4, decline, banktest.Start.Add(bank.TokenLife), usedBy)
	require.NoError(t, err)
	return text
}

// A token that version 0.1.0 stored pays until it expires, and once, also while a replica of that
// version works on the same ledger.
func TestATokenThatWasStoredByTheVersionBeforePaysOnce(t *testing.T) {
	one, store, url := onPostgres(t)
	issued := one.issue(t, nil)
	token := storeToken(t, url, issued, 0, nil)
	ask := byToken(token, 400)
	first, err := one.purchases.Authorize(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, bank.Approved, first.Entry.Status)
	require.Equal(t, issued.Card.CardSnapshot, first.Entry.Card)
	again, err := one.purchases.Authorize(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, first.Entry, again.Entry)
	one.requireTokenRefused(t, byToken(token, 400))

	wrongGuess, err := one.purchases.Authorize(t.Context(), byToken(storeToken(t, url, issued, bank.CVVMismatch, nil), 1))
	require.NoError(t, err)
	require.Equal(t, bank.CVVMismatch, wrongGuess.Entry.Decline)

	user := banktest.NewID()
	one.requireTokenRefused(t, byToken(storeToken(t, url, issued, 0, &user), 1))

	late := storeToken(t, url, issued, 0, nil)
	one.clock.Advance(bank.TokenLife)
	one.requireTokenRefused(t, byToken(late, 1))

	more, err := store.DeleteExpiredTokens(t.Context(), one.clock.Now(), 100)
	require.NoError(t, err)
	require.False(t, more)
	_, err = store.StoredToken(t.Context(), sha256.Sum256([]byte(token)))
	require.ErrorIs(t, err, bank.ErrNotFound)
	again, err = one.purchases.Authorize(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, first.Entry, again.Entry, "a repeat by a token that is deleted")
}

// A replica of version 0.1.0 marks the stored token, and sees the mark of this one.
func TestAStoredTokenIsMarkedForReplicasOfTheVersionBefore(t *testing.T) {
	one, _, url := onPostgres(t)
	token := storeToken(t, url, one.issue(t, nil), 0, nil)
	bought, err := one.purchases.Authorize(t.Context(), byToken(token, 1))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	hash := sha256.Sum256([]byte(token))
	var usedBy bank.ID
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT used_by FROM card_tokens WHERE hash = $1", hash[:]).Scan(&usedBy))
	require.Equal(t, bought.Entry.TransactionID, usedBy)
}

// Tokens, repeats, voids and reversals are decided without locks.
func TestOnlyWhatNoWriteProvesTakesLocks(t *testing.T) {
	one, store, url := onPostgres(t)
	issued := one.issue(t, func(r *card.IssueRequest) { r.CreditLimitMinor = 100_000 })
	requirePath := func(what string, optimistic, locked, conflicts int64, do func()) {
		t.Helper()
		before := store.Stats()
		do()
		after := store.Stats()
		require.Equal(t, postgres.Stats{Optimistic: optimistic, Locked: locked, Conflicts: conflicts}, postgres.Stats{
			Optimistic: after.Optimistic - before.Optimistic, Locked: after.Locked - before.Locked, Conflicts: after.Conflicts - before.Conflicts,
		}, what)
	}
	buy := func(ask purchase.Request) func() {
		return func() {
			_, err := one.purchases.Authorize(t.Context(), ask)
			require.NoError(t, err)
		}
	}
	void := func(ask purchase.Request) func() {
		return func() {
			_, err := one.purchases.Void(t.Context(), purchase.VoidRequest{Caller: ask.Caller, RequestID: ask.RequestID})
			require.NoError(t, err)
		}
	}
	token := one.tokenize(t, issued.Data)
	paid := byToken(token, 10)
	requirePath("a purchase by token", 1, 0, 0, buy(paid))
	requirePath("its repeat", 1, 0, 0, buy(paid))
	requirePath("its void", 1, 0, 0, void(paid))
	requirePath("the repeat of the void", 1, 0, 0, void(paid))
	declined := byToken(one.tokenize(t, unknown(t)), 10)
	requirePath("a decline of an unknown card by token", 1, 0, 0, buy(declined))
	requirePath("the void of a decline", 1, 0, 0, void(declined))
	never := request(issued.Data, 10)
	requirePath("the void of a request that was never decided", 1, 0, 0, void(never))
	requirePath("the request that was voided", 1, 0, 0, buy(never))

	bought := request(issued.Data, 10)
	requirePath("a purchase by card data", 1, 0, 0, buy(bought))
	back := purchase.ReverseRequest{Caller: bought.Caller, RequestID: "back", Name: "purchases/" + bank.Code("001").TransactionID(bought.Caller, bought.RequestID).String()}
	reverse := func() {
		_, err := one.purchases.Reverse(t.Context(), back)
		require.NoError(t, err)
	}
	requirePath("a reversal", 1, 0, 0, reverse)
	requirePath("its repeat", 1, 0, 0, reverse)

	byCard := request(issued.Data, 10)
	byCard.CardData, byCard.Card = nil, "cards/"+issued.Card.ID.String()
	mixed := []purchase.Request{byToken(one.tokenize(t, issued.Data), 10), paid, request(issued.Data, 10), declined, byCard, never}
	requirePath("a batch of everything", 1, 0, 0, func() {
		for _, result := range one.purchases.AuthorizeAll(t.Context(), mixed) {
			require.NoError(t, result.Err)
		}
	})
	elsewhere, err := postgres.Open(t.Context(), postgres.Config{URL: ledgertest.Migrated(t, url), BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(elsewhere.Close)
	two := newReplica(t, elsewhere, one.cards.Vault.(*vault.Vault), one.clock)
	usedElsewhere := one.tokenize(t, unknown(t)) // so that only the token conflicts, and no account
	_, err = two.purchases.Authorize(t.Context(), byToken(usedElsewhere, 10))
	require.NoError(t, err)
	for used, conflicts := range map[string]int64{token: 0, usedElsewhere: 1} {
		mixed = []purchase.Request{byToken(one.tokenize(t, issued.Data), 10), byToken(used, 10), request(issued.Data, 10)}
		requirePath("a batch with a used token", 0, 1, conflicts, func() {
			results := one.purchases.AuthorizeAll(t.Context(), mixed)
			require.NoError(t, results[0].Err)
			require.Equal(t, "card_token", fault.Of(results[1].Err).Field)
			require.NoError(t, results[2].Err)
		})
	}
}
