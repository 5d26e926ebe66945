package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
)

func TestAnAuditReadsWhatTheLedgerHasOfPaymentsBetweenBanks(t *testing.T) {
	const id = "E00000002AAAAAAAAAAAAAAAAAAAAAAA"
	store := openAt(t, postgrestest.Database(t))
	customer, in, transit := banktest.OpenCustomer(t, store, 1000), banktest.NewID(), banktest.NewID()
	banktest.Buy(t, store, customer, 10)
	banktest.Commit(t, store, banktest.KeysOf(customer, in), func(book *bank.Book) error {
		entry := banktest.Purchase(customer, in, 25)
		entry.Kind, entry.Direction, entry.DebitAccount, entry.CreditAccount = bank.KindPixIn, bank.Credit, transit, customer.Account
		entry.EndToEndID, entry.CounterpartyBankCode = id, "002"
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
		EndToEndID: id, Transaction: in.String(), Kind: "PIX_IN", Direction: "CREDIT", Status: "APPROVED", AmountMinor: 25, Currency: "BRL",
		Counterparty: "002", OccurredAt: banktest.Start, Transit: transit.String(), TransitMinor: -25,
	}}, found)
}
