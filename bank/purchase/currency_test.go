package purchase_test

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

func TestAnAccountInAWithdrawnCurrencyGoesOnAndNoNewOneIsOpened(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		account := banktest.NewAccount()
		account.Currency = money.MustCurrency("ANG")
		issued := banktest.NewCard(account.ID)
		banktest.Commit(t, one.store, bank.Keys{}, func(book *bank.Book) error {
			book.Open(account)
			book.Issue(issued)
			_, err := book.Post(banktest.Opening(account.ID), bank.Effect{CreditLimit: 1000}, banktest.Start)
			return err
		})
		ask := request(pan.CardData{}, 400)
		ask.CardData, ask.Card, ask.Currency = nil, "cards/"+issued.Card.ID.String(), "ANG"
		bought, err := two.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.Approved, bought.Entry.Status)
		require.Equal(t, "ANG 4.00", money.Amount{Minor: bought.Entry.Amount, Currency: bought.Entry.Currency}.String())
		requireRepeat(t, bought, ask, one, two)
		voided, err := one.purchases.Void(t.Context(), purchase.VoidRequest{Caller: ask.Caller, RequestID: ask.RequestID})
		require.NoError(t, err)
		require.Equal(t, bank.Voided, voided.Entry.Status)

		for currency, reason := range map[string]string{
			"ANG": "ANG was withdrawn from ISO 4217 in 2025; XCG took its place.",
			"CLF": "CLF is a unit of account, not a currency in which cards are issued.",
		} {
			_, err = one.cards.Issue(t.Context(), card.IssueRequest{
				Caller: "branch", RequestID: "new-" + currency, HolderName: "Ada Lovelace", Currency: currency, CreditLimitMinor: 1000,
			})
			require.Equal(t, "currency", fault.Of(err).Field)
			require.Equal(t, reason, fault.Of(err).Message)
		}
		view := one.issue(t, func(r *card.IssueRequest) { r.Currency = "XCG" })
		require.Equal(t, "XCG", view.Account.Currency.String())
	})
}

// TestARepeatedIssueInACurrencyThatIsWithdrawnMeanwhileGetsTheFirstCard writes the issue as it was decided while
// the currency was current.
func TestARepeatedIssueInACurrencyThatIsWithdrawnMeanwhileGetsTheFirstCard(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		ask, cardID := cardToCome()
		ask.Currency = "ANG"
		transaction := bank.Code("001").TransactionID(ask.Caller, ask.RequestID)
		account := banktest.NewAccount()
		account.Currency = money.MustCurrency("ANG")
		issued := banktest.NewCard(account.ID)
		issued.Card.ID = cardID
		var err error
		issued.Sealed, err = keys.Seal(banktest.Number(1), cardID)
		require.NoError(t, err)
		opening := banktest.Opening(account.ID)
		opening.TransactionID, opening.Card = transaction, issued.Card.CardSnapshot
		opening.Request = bank.Request{Caller: ask.Caller, ID: ask.RequestID, Fingerprint: keys.Fingerprint(
			bank.NewCanonical("issue").Text("").Text(ask.HolderName).Number(0).Text("ANG").Number(ask.CreditLimitMinor).
				Number(0).Number(0).Number(0))}
		banktest.Commit(t, one.store, bank.Keys{}, func(book *bank.Book) error {
			book.Open(account)
			book.Issue(issued)
			_, err := book.Post(opening, bank.Effect{CreditLimit: ask.CreditLimitMinor}, banktest.Start)
			return err
		})
		again, err := two.cards.Issue(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, cardID, again.Card.ID)
		require.Equal(t, banktest.Number(1).Reveal(), again.Data.Number.Reveal())
	})
}
