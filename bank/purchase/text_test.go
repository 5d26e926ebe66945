package purchase_test

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// plantedTexts hold a card number that belongs to nobody here.
var plantedTexts = []string{
	"4111111111111111", "paid 4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "4111,1111,1111,1111", "3782–822463–10005", "４１１１１１１１１１１１１１１１",
}

// unseenTexts hold a character that cannot be seen, or that turns the direction of writing.
var unseenTexts = []string{"\u200b", "a\u200bb", "a\u202eb", "a\u2066b\u2069", "\ufeffa", "a\u00adb", "a\u3164"}

// requireContent requires that a request was refused for what the field holds, and that the text is not repeated.
func requireContent(t *testing.T, err error, name, text string) {
	t.Helper()
	refused := fault.Of(err)
	require.NotNil(t, refused, "%s takes %q", name, text)
	require.Equal(t, fault.InvalidArgument, refused.Code, "%s %q: %v", name, text, err)
	require.Equal(t, name, refused.Field, "%q", text)
	require.True(t, field.IsContent(err))
	require.NotContains(t, err.Error(), text)
}

func TestAHolderIsTheSameHoweverTheNameIsWritten(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		issued := one.issue(t, func(r *card.IssueRequest) { r.HolderName = "João da Silva" })
		buy := func(name string) bank.Entry {
			ask := request(issued.Data, 1)
			ask.CardData.HolderName = name
			bought, err := two.purchases.Authorize(t.Context(), ask)
			require.NoError(t, err, name)
			return bought.Entry
		}
		for _, name := range []string{"João da Silva", "Joa\u0303o da Silva", "JOA\u0303O  DA SILVA", "Ｊｏão da\u00a0Silva"} {
			require.Equal(t, bank.Approved, buy(name).Status, name)
		}
		require.Equal(t, bank.NameMismatch, buy("Joao da Silva").Decline)

		// A card that was issued before names were checked.
		issued.Data = issueNumber(t, one, keys, banktest.Number(7), func(c *bank.Card) { c.HolderName = "Mari\u200ba" })
		require.Equal(t, bank.Approved, buy("Maria").Status)
		issued.Data = issueNumber(t, one, keys, banktest.Number(8), func(c *bank.Card) { c.HolderName = "4711" })
		require.Equal(t, bank.Approved, buy("4711").Status)
	})
}

func TestNoTextHoldsACardNumberOrWhatCannotBeSeen(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		issued := one.issue(t, nil)
		bought, err := one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		name := "purchases/" + bought.Entry.TransactionID.String()
		buy := func(change func(*purchase.Request)) error {
			ask := request(issued.Data, 1)
			change(&ask)
			_, err := one.purchases.Authorize(t.Context(), ask)
			return err
		}
		issue := func(change func(*card.IssueRequest)) error {
			ask := card.IssueRequest{Caller: "branch", RequestID: "i1", HolderName: "Ada Lovelace", Currency: "BRL"}
			change(&ask)
			_, err := one.cards.Issue(t.Context(), ask)
			return err
		}
		reverse := func(requestID, description string) error {
			_, err := one.purchases.Reverse(t.Context(), purchase.ReverseRequest{Caller: "shop", RequestID: requestID, Name: name, Description: description})
			return err
		}
		for _, text := range append(plantedTexts, unseenTexts...) {
			requireContent(t, buy(func(r *purchase.Request) { r.Description = text }), "description", text)
			requireContent(t, buy(func(r *purchase.Request) { r.Merchant.Name = text }), "merchant.name", text)
			requireContent(t, buy(func(r *purchase.Request) { r.Merchant.City = text }), "merchant.city", text)
			requireContent(t, buy(func(r *purchase.Request) { r.CardData.HolderName = text }), "card_data.holder_name", text)
			requireContent(t, issue(func(r *card.IssueRequest) { r.HolderName = text }), "holder_name", text)
			requireContent(t, reverse("r1", text), "description", text)
			data := raw(issued.Data)
			data.HolderName = text
			_, err := one.cards.Tokenize(t.Context(), *data)
			requireContent(t, err, "card_data.holder_name", text)
		}
		requireContent(t, issue(func(r *card.IssueRequest) { r.HolderName = "4711" }), "holder_name", "4711")
		for _, id := range []string{"4111111111111111", "order-4111111111111111", "3782-822463-10005"} {
			requireContent(t, buy(func(r *purchase.Request) { r.RequestID = id }), "request_id", id)
			requireContent(t, buy(func(r *purchase.Request) { r.Merchant.ID = id }), "merchant.id", id)
			requireContent(t, issue(func(r *card.IssueRequest) { r.RequestID = id }), "request_id", id)
			requireContent(t, reverse(id, ""), "request_id", id)
			_, err := one.purchases.Void(t.Context(), purchase.VoidRequest{Caller: "shop", RequestID: id})
			requireContent(t, err, "request_id", id)
			_, err = one.cards.ChangeLimit(t.Context(), card.LimitRequest{
				Caller: "branch", RequestID: id, Name: "cards/" + issued.Card.ID.String(), CreditLimitMinor: 5,
			})
			requireContent(t, err, "request_id", id)
		}
		require.Equal(t, "amount_minor", fault.Of(buy(func(r *purchase.Request) { r.Description, r.AmountMinor = plantedTexts[0], 0 })).Field,
			"the form of a request is checked first")
		account, err := one.cards.Account(t.Context(), "accounts/"+issued.Account.ID.String())
		require.NoError(t, err)
		require.Equal(t, int64(2), account.Sequence, "nothing was stored")
		require.NoError(t, buy(func(r *purchase.Request) { r.Description, r.RequestID = "order 2026112100000013", "2026112100000013" }),
			"a number that begins like no card is an id")
	})
}

// TestARepeatOfARequestThatWouldBeRefusedTodayGetsTheFirstOutcome writes decisions as they were made before texts were
// checked for what they hold.
func TestARepeatOfARequestThatWouldBeRefusedTodayGetsTheFirstOutcome(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		issued := one.issue(t, nil)
		customer := banktest.Customer{Account: issued.Account.ID, Card: issued.Card.ID}
		ask := request(issued.Data, 400)
		ask.RequestID, ask.Description, ask.Merchant.Name = "4111111111111111", "paid 4111 1111 1111 1111", "a\u202eb"
		ask.CardData.HolderName = "Ada\u200b Lovelace"
		m, transaction := ask.Merchant, bank.Code("001").TransactionID(ask.Caller, ask.RequestID)
		entry := banktest.Purchase(customer, transaction, 400)
		entry.Card, entry.Merchant, entry.Description, entry.Attempt = issued.Card.CardSnapshot, m, ask.Description, 0
		entry.Request = bank.Request{Caller: ask.Caller, ID: ask.RequestID, Fingerprint: keys.Fingerprint(
			bank.NewCanonical("purchase").Text(issued.Card.ID.String()).Number(400).Text("BRL").
				Text(m.ID).Text(m.Name).Text(m.CategoryCode).Text(m.City).Text(m.Country).
				Text(ask.Description).Number(int64(bank.ChannelECommerce)).Number(0))}
		var first purchase.Purchase
		banktest.Commit(t, one.store, banktest.KeysOf(customer, transaction), func(book *bank.Book) error {
			posted, err := book.Post(entry, bank.Effect{Balance: -400}, banktest.Start)
			first = purchase.Purchase{Entry: *posted}
			return err
		})
		requireRepeat(t, first, ask, one, two)

		give := purchase.ReverseRequest{
			Caller: "shop", RequestID: "4111-1111-1111-1111", Name: "purchases/" + transaction.String(), Description: "\u202eback",
		}
		back := banktest.GiveBack(customer, transaction, 400)
		back.TransactionID = bank.Code("001").TransactionID(give.Caller, give.RequestID)
		back.Request = bank.Request{Caller: give.Caller, ID: give.RequestID, Fingerprint: keys.Fingerprint(
			bank.NewCanonical("reverse").Text(transaction.String()).Text(give.Description))}
		banktest.Commit(t, one.store, banktest.KeysOf(customer, transaction, back.TransactionID), func(book *bank.Book) error {
			_, err := book.Post(back, bank.Effect{Balance: 400}, banktest.Start)
			return err
		})
		reversed, err := two.purchases.Reverse(t.Context(), give)
		require.NoError(t, err)
		require.Equal(t, back.TransactionID, reversed.Entry.TransactionID)
		voided, err := two.purchases.Void(t.Context(), purchase.VoidRequest{Caller: ask.Caller, RequestID: ask.RequestID})
		require.NoError(t, err, "a purchase that was made can be voided, whatever its id is")
		require.Equal(t, bank.Voided, voided.Entry.Status)
	})
}

func TestABankOfAnyTimeTakesTheDataOfItsOwnCards(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, _ *replica) {
		one.clock.Advance(75 * 366 * 24 * time.Hour)
		issued := one.issue(t, nil)
		require.Greater(t, issued.Data.Expiry.Year, 2099)
		bought, err := one.purchases.Authorize(t.Context(), request(issued.Data, 1))
		require.NoError(t, err)
		require.Equal(t, bank.Approved, bought.Entry.Status)
		_, err = one.cards.Tokenize(t.Context(), *raw(issued.Data))
		require.NoError(t, err)
	})
}
