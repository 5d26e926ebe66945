package postgres_test

import (
	"crypto/rand"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// tokenUsers returns which of the tokens are known to be used.
func tokenUsers(t *testing.T, store *postgres.Store, nonces []bank.ID) []bool {
	t.Helper()
	used := make([]bool, len(nonces))
	banktest.Commit(t, store, bank.Keys{Tokens: nonces}, func(book *bank.Book) error {
		for i, nonce := range nonces {
			used[i] = !book.TokenUser(nonce).IsZero()
		}
		return nil
	})
	return used
}

// A use is kept until neither the bank's clock nor the database's can take the token for good.
func TestUsesOfTokensAreDeletedAnHourAfterTheTokensExpired(t *testing.T) {
	store := openAt(t, postgrestest.Database(t))
	now := time.Now()
	var nonces []bank.ID
	for _, age := range []time.Duration{3 * time.Hour, 2 * time.Hour, time.Hour + time.Second, time.Hour - time.Minute, 0, -bank.TokenLife} {
		nonce, err := bank.NewNonce(now.Add(-age-bank.TokenLife), rand.Reader)
		require.NoError(t, err)
		use := bank.TokenUse{Nonce: nonce.ID(), TransactionID: banktest.NewID(), ExpiresAt: now.Add(-age)}
		nonces = append(nonces, use.Nonce)
		banktest.Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
			book.Refuse(banktest.Refusal(use.TransactionID), now)
			book.UseToken(use)
			return nil
		})
	}
	for _, step := range []struct {
		clock time.Time // of the bank
		more  bool
		left  []bool
	}{
		{now.Add(-90 * time.Minute), false, []bool{false, true, true, true, true, true}},
		{now, true, []bool{false, false, false, true, true, true}},
		{now, false, []bool{false, false, false, true, true, true}},
		{now.AddDate(75, 0, 0), false, []bool{false, false, false, true, true, true}},
	} {
		more, err := store.DeleteExpiredTokens(t.Context(), step.clock, 2)
		require.NoError(t, err)
		require.Equal(t, step.more, more)
		require.Equal(t, step.left, tokenUsers(t, store, nonces))
	}
}

func TestProcessesCompeteOnOneLedger(t *testing.T) {
	url := postgrestest.Database(t)
	banktest.TestRaces(t, openAt(t, url), openAt(t, url))
	banktest.TestRaces(t, openAt(t, url), openWith(t, postgres.Config{URL: url, LockAlways: true}))
}
