package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
)

func TestAnAuditReadsWhatTheLedgerHasOfPaymentsBetweenBanks(t *testing.T) {
	const id = "E00000002AAAAAAAAAAAAAAAAAAAAAAA"
	store := openAt(t, postgrestest.Database(t))
	customer, in, transit := banktest.OpenCustomer(t, store, 1000), banktest.NewID(), banktest.NewID()
	banktest.Buy(t, store, customer, 10)
	banktest.Commit(t, store, banktest.KeysOf(customer, in), func(book *bank.Book) error {
		entry := banktest.Purchase(customer, in, 25)
		entry.Kind, entry.Direction, entry.DebitAccount, entry.CreditAccount = bank.KindPixIn, bank.Credit, transit, customer.Account
		entry.EndToEndID, entry.CounterpartyBankCode, entry.MerchantReference = id, "002", "order7"
		entry.Card, entry.Merchant = bank.CardSnapshot{}, bank.Merchant{}
		_, err := book.Post(entry, bank.Effect{Balance: 25}, banktest.Start)
		return err
	})
	var found []postgres.PixEntry
	for e, err := range store.PixEntries(t.Context()) {
		require.NoError(t, err)
		found = append(found, e)
	}
	require.Equal(t, []postgres.PixEntry{{
		EndToEndID: id, Transaction: in.String(), Account: customer.Account.String(), Reference: "order7", Kind: "PIX_IN", Direction: "CREDIT", Status: "APPROVED", AmountMinor: 25, Currency: "BRL",
		Counterparty: "002", OccurredAt: banktest.Start, Transit: transit.String(), TransitMinor: -25,
	}}, found)
}

func auditorOf(t *testing.T, url string) *postgres.Store {
	t.Helper()
	auditor, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.AuditorRole), MaxConnections: 2})
	require.NoError(t, err)
	t.Cleanup(auditor.Close)
	return auditor
}

// An auditor reads a page after the other, and neither whom a code is for nor what it says.
func TestAnAuditReadsTheCodesByWhichOthersPay(t *testing.T) {
	const codes = 1001 // more than a page has
	url := postgrestest.Database(t)
	store, auditor := openAt(t, url), auditorOf(t, url)
	account, want := banktest.NewID(), make(map[string]postgres.AuditedPixCode)
	for i := range codes {
		code, err := store.CreatePixCode(t.Context(), banktest.PixCode(account, fmt.Sprint("order", i), i%2 == 0), codes)
		require.NoError(t, err)
		want[code.TxID] = postgres.AuditedPixCode{
			ID: code.ID.String(), Account: account.String(), TxID: code.TxID, Once: code.Once, State: "ACTIVE", AmountMinor: code.AmountMinor, CreatedAt: code.CreatedAt,
		}
	}
	has, err := auditor.HasPixCodes(t.Context())
	require.NoError(t, err)
	require.True(t, has)
	found := make(map[string]postgres.AuditedPixCode)
	for code, err := range auditor.AuditedPixCodes(t.Context()) {
		require.NoError(t, err)
		found[code.TxID] = code
	}
	require.Equal(t, want, found)
	requireRefused(t, url, postgres.AuditorRole, `SELECT text FROM pix_codes`, `SELECT key FROM pix_codes`, `SELECT message FROM pix_codes`,
		`UPDATE pix_codes SET state = 'ACTIVE'`)
}

func TestALedgerFromBeforeCodesSaysThatItHasNone(t *testing.T) {
	url := postgrestest.Database(t)
	openAt(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), `DROP TABLE pix_codes`)
	require.NoError(t, err)
	has, err := auditorOf(t, url).HasPixCodes(t.Context())
	require.NoError(t, err)
	require.False(t, has)
}
