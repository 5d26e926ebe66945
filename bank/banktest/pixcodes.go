package banktest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// PixCode returns a code of an account that is paid once, or again and again.
func PixCode(account bank.ID, txID string, once bool) bank.PixCode {
	code := bank.PixCode{
		ID: bank.Code("001").PixCodeID(account, txID), Account: account, RequestID: NewID(), Fingerprint: [32]byte{7}, Once: once,
		State: bank.PixCodeActive, Key: "ada@example.com", TxID: txID, Message: "lunch", Text: "00020126", AmountMinor: 700, CreatedAt: Start,
	}
	if once {
		code.ExpiresAt = Start.Add(time.Hour)
	}
	return code
}

func keepsPixCodes(t *testing.T, ledger Ledger) {
	account, other := NewID(), NewID()
	first, second, third := PixCode(account, "a", true), PixCode(account, "b", false), PixCode(other, "a", false)
	third.AmountMinor, third.Message = 0, ""
	var made []bank.PixCode
	for _, code := range []bank.PixCode{first, second, third} {
		stored, err := ledger.CreatePixCode(t.Context(), code, 2)
		require.NoError(t, err)
		require.Positive(t, stored.Position)
		code.Position = stored.Position
		require.Equal(t, code, stored)
		made = append(made, stored)
	}
	again := PixCode(account, "c", true)
	again.RequestID = first.RequestID
	taken := PixCode(account, "b", false)
	for _, code := range []bank.PixCode{again, taken} {
		stored, err := ledger.CreatePixCode(t.Context(), code, 10)
		require.NoError(t, err)
		require.Contains(t, made[:2], stored, "the first code of a request or a txid stays")
	}
	_, err := ledger.CreatePixCode(t.Context(), PixCode(account, "d", true), 2)
	require.ErrorIs(t, err, bank.ErrRejected, "the account has two active codes")
	later := PixCode(account, "d", true)
	later.CreatedAt = Start.Add(time.Hour) // One of the two has expired.
	later.ExpiresAt = later.CreatedAt.Add(time.Hour)
	later, err = ledger.CreatePixCode(t.Context(), later, 2)
	require.NoError(t, err)

	for _, page := range []struct {
		before int64
		limit  int
		want   []bank.PixCode
	}{{0, 10, []bank.PixCode{later, made[1], made[0]}}, {0, 1, []bank.PixCode{later}}, {made[1].Position, 10, made[:1]}, {made[0].Position, 10, nil}} {
		codes, err := ledger.PixCodesOf(t.Context(), account, page.before, page.limit)
		require.NoError(t, err)
		require.Equal(t, page.want, codes)
	}
	_, err = ledger.PixCodeByID(t.Context(), NewID())
	require.ErrorIs(t, err, bank.ErrNotFound)
	_, err = ledger.CancelPixCode(t.Context(), NewID(), Start)
	require.ErrorIs(t, err, bank.ErrNotFound)
}

func cancelsPixCodes(t *testing.T, ledger Ledger) {
	account, at := NewID(), Start.Add(time.Minute)
	code, err := ledger.CreatePixCode(t.Context(), PixCode(account, "a", true), 1)
	require.NoError(t, err)
	late, err := ledger.CancelPixCode(t.Context(), code.ID, code.ExpiresAt)
	require.NoError(t, err)
	require.Equal(t, code, late, "one that has expired is not cancelled")
	for i := range 2 {
		cancelled, err := ledger.CancelPixCode(t.Context(), code.ID, at.Add(time.Duration(i)*time.Minute))
		require.NoError(t, err)
		code.State, code.EndedAt = bank.PixCodeCancelled, at
		require.Equal(t, code, cancelled, "the first cancellation stays")
	}
	_, err = ledger.CreatePixCode(t.Context(), PixCode(account, "b", true), 1)
	require.NoError(t, err, "a cancelled code makes room")
}

// payCode credits an account for a code, if the code is active.
func payCode(t testing.TB, ledger Ledger, to Customer, code bank.ID) (paid bool, err error) {
	t.Helper()
	entry := Hold(to, NewID(), 10)
	entry.Kind, entry.Direction, entry.HoldID = bank.KindPixIn, bank.Credit, bank.ID{}
	entry.DebitAccount, entry.CreditAccount, entry.EndToEndID = NewID(), to.Account, Message("").EndToEndID
	keys := KeysOf(to, entry.TransactionID)
	keys.PixCodes = []bank.ID{code}
	err = Try(t.Context(), ledger, keys, func(book *bank.Book) error {
		found, ok := book.PixCode(code)
		if paid = ok && found.State == bank.PixCodeActive; !paid {
			return nil
		}
		posted, err := book.Post(entry, bank.Effect{Balance: 10}, Start)
		if err == nil {
			book.PayPixCode(bank.PixCodePayment{Code: code, EndToEndID: entry.EndToEndID, At: posted.OccurredAt})
		}
		return err
	})
	return paid, err
}

// paysPixCodesOnce lets payers and the owner meet at one code: it ends once.
func paysPixCodesOnce(t *testing.T, ledger Ledger) {
	for round := range 20 {
		customer := OpenCustomer(t, ledger, 1000)
		code, err := ledger.CreatePixCode(t.Context(), PixCode(customer.Account, "a", true), 10)
		require.NoError(t, err)
		var paid atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if ok, err := payCode(t, ledger, customer, code.ID); err == nil && ok {
					paid.Add(1)
				}
			})
		}
		cancelled := false
		if round%2 == 1 {
			group.Go(func() {
				left, err := ledger.CancelPixCode(t.Context(), code.ID, Start)
				cancelled = err == nil && left.State == bank.PixCodeCancelled
			})
		}
		group.Wait()
		require.False(t, cancelled && paid.Load() > 0, "a code has one end")
		code, err = ledger.PixCodeByID(t.Context(), code.ID)
		require.NoError(t, err)
		require.NotEqual(t, bank.PixCodeActive, code.State)
		require.Equal(t, code.State == bank.PixCodePaid, paid.Load() == 1)
		require.Equal(t, code.State == bank.PixCodePaid, code.PaidBy != "")
		require.False(t, code.EndedAt.IsZero())
		require.LessOrEqual(t, paid.Load(), int64(1))
		account, err := ledger.Account(t.Context(), customer.Account)
		require.NoError(t, err)
		require.EqualValues(t, 10*paid.Load(), account.Balance, "the money came with the end of the code")
	}
}

// limitsPixCodes makes codes at the same time: an account has never more than it may.
func limitsPixCodes(t *testing.T, ledger Ledger) {
	account := NewID()
	var made, refused atomic.Int64
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			_, err := ledger.CreatePixCode(t.Context(), PixCode(account, string(rune('a'+i)), true), 3)
			switch {
			case err == nil:
				made.Add(1)
			case errors.Is(err, bank.ErrRejected):
				refused.Add(1)
			}
		})
	}
	group.Wait()
	require.Equal(t, [2]int64{3, 5}, [2]int64{made.Load(), refused.Load()})
}
