package banktest

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
	"github.com/stretchr/testify/require"
)

func listsPix(t *testing.T, ledger Ledger) {
	customer, other := OpenCustomer(t, ledger, 1000), OpenCustomer(t, ledger, 1000)
	var want []bank.Entry
	for i, kind := range []bank.Kind{bank.KindHold, bank.KindPixIn, bank.KindPixIn, bank.KindHold, bank.KindPurchase} {
		entry := Hold(customer, NewID(), 10)
		effect := bank.Effect{Held: 10}
		switch {
		case kind == bank.KindPurchase:
			entry, effect = Purchase(customer, NewID(), 10), bank.Effect{Balance: -10}
		case kind == bank.KindPixIn:
			entry.Kind, entry.Direction, entry.HoldID = kind, bank.Credit, bank.ID{}
			entry.DebitAccount, entry.CreditAccount = NewID(), customer.Account
			effect = bank.Effect{Balance: 10}
		}
		if kind != bank.KindPurchase && i > 0 { // The first one is no Pix.
			entry.EndToEndID, entry.CounterpartyBankCode = Message("").EndToEndID, "002"
		}
		Commit(t, ledger, KeysOf(customer, entry.TransactionID), func(book *bank.Book) error {
			_, err := book.Post(entry, effect, Start)
			return err
		})
		if entry.EndToEndID != "" {
			stored, _, err := ledger.Transaction(t.Context(), entry.TransactionID)
			require.NoError(t, err)
			want = append([]bank.Entry{stored}, want...)
		}
	}
	for _, page := range []struct {
		account bank.ID
		before  int64
		limit   int
		want    []bank.Entry
	}{
		{customer.Account, 0, 10, want}, {customer.Account, 0, 2, want[:2]}, {customer.Account, want[1].Sequence, 10, want[2:]},
		{other.Account, 0, 10, nil}, {NewID(), 0, 10, nil},
	} {
		got, err := ledger.PixOf(t.Context(), page.account, page.before, page.limit)
		require.NoError(t, err)
		require.Equal(t, page.want, got)
	}
}

func keepsPixKeys(t *testing.T, ledger Ledger) {
	account, other := NewID(), NewID()
	key := func(kind, name, state string, of bank.ID) bank.PixKey {
		return bank.PixKey{Kind: kind, Key: name, State: state, Account: of, Digest: []byte(name), CreatedAt: Start}
	}
	pending, active := key("EMAIL", "b@example.com", "PENDING", account), key("EMAIL", "b@example.com", "ACTIVE", account)
	first, others := key("CPF", "52998224725", "ACTIVE", account), key("PHONE", "+5511987654321", "ACTIVE", other)
	for _, put := range []bank.PixKey{pending, active, first, others} {
		require.NoError(t, ledger.PutPixKey(t.Context(), put))
	}
	list := func(of bank.ID) []bank.PixKey {
		keys, err := ledger.PixKeysOf(t.Context(), of)
		require.NoError(t, err)
		return keys
	}
	require.Equal(t, []bank.PixKey{first, active}, list(account))
	require.Equal(t, []bank.PixKey{first, active, others}, list(bank.ID{}))
	require.NoError(t, ledger.DropPixKey(t.Context(), "EMAIL", "b@example.com"))
	require.NoError(t, ledger.DropPixKey(t.Context(), "EMAIL", "b@example.com"))
	require.Equal(t, []bank.PixKey{first}, list(account))
}

func keepsHolders(t *testing.T, ledger Ledger) {
	holder := func(document byte) bank.SealedHolder {
		return bank.SealedHolder{
			CustomerID: NewID(), DocumentLookup: [32]byte{document}, Sealed: bank.Sealed{KeyID: "k", Ciphertext: []byte{document}},
			RegisteredAt: Start, RegisteredBy: "op",
		}
	}
	record := (&bank.Actor{Name: "op"}).Record(Start, bank.ActHolder, "customers/x", auditlog.ResultOK)
	first := holder(1)
	_, err := ledger.HolderOf(t.Context(), first.CustomerID)
	require.ErrorIs(t, err, bank.ErrNotFound)
	later := first
	later.RegisteredAt = Start.Add(time.Hour)
	later.DocumentLookup = [32]byte{9}
	for _, registered := range []bank.SealedHolder{first, first, later} {
		stored, err := ledger.RegisterHolder(t.Context(), registered, record)
		require.NoError(t, err)
		require.Equal(t, first, stored)
	}
	stored, err := ledger.HolderOf(t.Context(), first.CustomerID)
	require.NoError(t, err)
	require.Equal(t, first, stored)
	_, err = ledger.RegisterHolder(t.Context(), holder(1), record)
	require.ErrorIs(t, err, bank.ErrRejected)
	_, err = ledger.RegisterHolder(t.Context(), holder(2), record)
	require.NoError(t, err)
}
