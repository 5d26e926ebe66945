package purchase_test

import (
	"strings"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// cardToCome returns a request to issue a card, and the id that the card will have.
func cardToCome() (card.IssueRequest, bank.ID) {
	ask := card.IssueRequest{
		Caller: "branch", RequestID: banktest.NewID().String(), HolderName: "Ada Lovelace", Currency: "BRL", CreditLimitMinor: 1000,
	}
	return ask, id.Derive(bank.Code("001").TransactionID(ask.Caller, ask.RequestID), "card")
}

// issueNumber issues a card with a number that is known before, as it happens when a card is brought over from
// another system.
func issueNumber(t *testing.T, at *replica, keys *vault.Vault, number pan.Number, change ...func(*bank.Card)) pan.CardData {
	t.Helper()
	account := banktest.NewAccount()
	issued := banktest.NewCard(account.ID)
	for _, change := range change {
		change(&issued.Card)
	}
	issued.Card.Brand, issued.Card.BIN, issued.Card.Last4 = number.Brand(), number.BIN(), number.Last4()
	issued.Lookup = keys.Lookup(number)
	banktest.Commit(t, at.store, bank.Keys{}, func(book *bank.Book) error {
		book.Open(account)
		book.Issue(issued)
		_, err := book.Post(banktest.Opening(account.ID), bank.Effect{CreditLimit: 1000}, banktest.Start)
		return err
	})
	return pan.CardData{
		Number: number, HolderName: issued.Card.HolderName, Expiry: issued.Card.Expiry, CVV: keys.CVV(number, issued.Card.Expiry),
	}
}

// requireRepeat requires that both replicas answer the request with the first outcome, and that the same request
// with another amount or with another card is refused.
func requireRepeat(t *testing.T, first purchase.Purchase, ask purchase.Request, replicas ...*replica) {
	t.Helper()
	for _, at := range replicas {
		again, err := at.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, first.Entry, again.Entry)
		other := ask
		other.AmountMinor++
		_, err = at.purchases.Authorize(t.Context(), other)
		require.ErrorIs(t, err, bank.ErrRequestIDReused, "another amount")
		other = ask
		other.CardData, other.CardToken, other.Card = nil, "", "cards/"+at.issue(t, nil).Card.ID.String()
		_, err = at.purchases.Authorize(t.Context(), other)
		require.ErrorIs(t, err, bank.ErrRequestIDReused, "another card")
	}
}

func TestARepeatByTheIDOfACardThatIsIssuedMeanwhileGetsTheFirstOutcome(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		issue, cardID := cardToCome()
		ask := request(pan.CardData{}, 400)
		ask.CardData, ask.Card = nil, "cards/"+cardID.String()
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.UnknownCard, first.Entry.Decline)
		requireRepeat(t, first, ask, one, two)

		other := ask
		other.Card = "cards/" + banktest.NewID().String()
		_, err = two.purchases.Authorize(t.Context(), other)
		require.ErrorIs(t, err, bank.ErrRequestIDReused, "another card that does not exist")

		issued, err := one.cards.Issue(t.Context(), issue)
		require.NoError(t, err)
		require.Equal(t, cardID, issued.Card.ID)
		requireRepeat(t, first, ask, one, two)
		ask.Card, ask.CardData = "", raw(issued.Data)
		requireRepeat(t, first, ask, one, two)
	})
}

func TestARepeatByTheDataOfACardThatIsIssuedMeanwhileGetsTheFirstOutcome(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		number := banktest.Number(1)
		unknown := pan.CardData{Number: number, HolderName: "MARIA DA SILVA", Expiry: pan.Expiry{Month: 12, Year: 2031}}
		unknown.CVV = keys.CVV(number, unknown.Expiry)
		byData, byToken := request(unknown, 400), request(unknown, 300)
		token, err := one.cards.Tokenize(t.Context(), *byToken.CardData)
		require.NoError(t, err)
		byToken.CardData, byToken.CardToken = nil, token.Text
		firstByData, err := one.purchases.Authorize(t.Context(), byData)
		require.NoError(t, err)
		require.Equal(t, bank.UnknownCard, firstByData.Entry.Decline)
		firstByToken, err := one.purchases.Authorize(t.Context(), byToken)
		require.NoError(t, err)

		data := issueNumber(t, one, keys, number)
		for _, test := range []struct {
			first purchase.Purchase
			ask   purchase.Request
		}{{firstByData, byData}, {firstByToken, byToken}} {
			requireRepeat(t, test.first, test.ask, one, two)
			ask := test.ask
			ask.CardData, ask.CardToken = raw(data), ""
			requireRepeat(t, test.first, ask, one, two)
			facts, err := one.store.CardByLookup(t.Context(), keys.Lookup(number))
			require.NoError(t, err)
			ask.CardData, ask.Card = nil, "cards/"+facts.Card.ID.String()
			requireRepeat(t, test.first, ask, one, two)
		}
	})
}

func TestATokenFromBeforeTheIssueRepeatsAPurchaseFromAfterIt(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		number := banktest.Number(1)
		unknown := pan.CardData{Number: number, HolderName: "MARIA DA SILVA", Expiry: pan.Expiry{Month: 12, Year: 2031}}
		unknown.CVV = keys.CVV(number, unknown.Expiry)
		token, err := one.cards.Tokenize(t.Context(), *raw(unknown))
		require.NoError(t, err)
		ask := request(issueNumber(t, one, keys, number), 400)
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.Approved, first.Entry.Status)
		ask.CardData, ask.CardToken = nil, token.Text
		requireRepeat(t, first, ask, one, two)
	})
}

// The first request named a card id that did not exist. A token that does not open any more stands for the card of
// the first decision, whichever that was.
func TestARepeatByATokenThatDoesNotOpenGetsTheDeclineOfAnUnknownCardID(t *testing.T) {
	onBothStores(t, func(t *testing.T, one, two *replica) {
		ask := request(pan.CardData{}, 400)
		ask.CardData, ask.Card = nil, "cards/"+banktest.NewID().String()
		ask.Description, ask.Attempt = "two chairs", 3
		first, err := one.purchases.Authorize(t.Context(), ask)
		require.NoError(t, err)
		require.Equal(t, bank.UnknownCard, first.Entry.Decline)

		for _, text := range []string{"ctk_" + strings.Repeat("a", 43), "ctk_x"} {
			repeat := ask
			repeat.Card, repeat.CardToken = "", text
			requireRepeat(t, first, repeat, one, two)
			for field, change := range map[string]func(*purchase.Request){
				"merchant":    func(r *purchase.Request) { r.Merchant.Name += " & Co" },
				"description": func(r *purchase.Request) { r.Description = "" },
				"channel":     func(r *purchase.Request) { r.Channel = bank.ChannelPointOfSale },
				"attempt":     func(r *purchase.Request) { r.Attempt++ },
			} {
				other := repeat
				change(&other)
				_, err := two.purchases.Authorize(t.Context(), other)
				require.ErrorIs(t, err, bank.ErrRequestIDReused, "another %s", field)
			}
		}
	})
}

// TestADecisionOfTheVersionBeforeIsRecognised writes refusals with the fingerprint that version 0.1.0 gave them:
// it wrote "unknown/" and the last four digits in place of any card that did not exist.
func TestADecisionOfTheVersionBeforeIsRecognised(t *testing.T) {
	onBothStoresWithKeys(t, func(t *testing.T, keys *vault.Vault, one, two *replica) {
		number := banktest.Number(1)
		issue, cardID := cardToCome()
		byID, byData := request(pan.CardData{}, 400), request(issueNumber(t, one, keys, number), 400)
		byID.CardData, byID.Card = nil, "cards/"+cardID.String()
		first := map[string]purchase.Purchase{}
		for _, old := range []struct {
			ask      purchase.Request
			text     string
			snapshot bank.CardSnapshot
		}{
			{byID, "unknown/", bank.CardSnapshot{}},
			{byData, "unknown/" + number.Last4(), bank.CardSnapshot{Brand: number.Brand(), BIN: number.BIN(), Last4: number.Last4()}},
		} {
			m := old.ask.Merchant
			canonical := bank.NewCanonical("purchase").Text(old.text).Number(400).Text("BRL").
				Text(m.ID).Text(m.Name).Text(m.CategoryCode).Text(m.City).Text(m.Country).
				Text("").Number(int64(bank.ChannelECommerce)).Number(0)
			refusal := banktest.Refusal(bank.Code("001").TransactionID(old.ask.Caller, old.ask.RequestID))
			refusal.Request = bank.Request{Caller: old.ask.Caller, ID: old.ask.RequestID, Fingerprint: keys.Fingerprint(canonical)}
			refusal.Card, refusal.Merchant, refusal.Amount = old.snapshot, m, 400
			banktest.Commit(t, one.store, bank.Keys{Transactions: []bank.ID{refusal.TransactionID}}, func(book *bank.Book) error {
				first[old.ask.RequestID] = purchase.Purchase{Entry: *book.Refuse(refusal, banktest.Start)}
				return nil
			})
		}
		again, err := two.purchases.Authorize(t.Context(), byID)
		require.NoError(t, err)
		require.Equal(t, first[byID.RequestID].Entry, again.Entry)
		_, err = one.cards.Issue(t.Context(), issue)
		require.NoError(t, err)
		again, err = two.purchases.Authorize(t.Context(), byID)
		require.NoError(t, err)
		require.Equal(t, first[byID.RequestID].Entry, again.Entry)
		requireRepeat(t, first[byData.RequestID], byData, one, two)
	})
}
