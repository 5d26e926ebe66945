// Package checkouttest tests the contracts of the merchant side: suites for stores
// and acquirers, and one for the whole life of an order on any store. It also has a
// catalogue, cards and a clock that tests set.
//
// The card numbers are the ones that schemes and processors publish for tests.
package checkouttest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
)

// Published test numbers. The declining one is of the same scheme as the first.
const (
	VisaNumber      = "4111111111111111"
	DecliningNumber = "4012888888881881"
	AmexNumber      = "378282246310005"
)

// Card returns well-formed data of a card with that number.
func Card(t testing.TB, number string) pan.CardData {
	t.Helper()
	code := "987"
	if number == AmexNumber {
		code = "9876"
	}
	card, err := field.RawCardData{
		Number: number, HolderName: "MARIA DA SILVA", CVV: code, ExpiryMonth: 3, ExpiryYear: 2030,
	}.CheckWithBrand("card")
	require.NoError(t, err)
	return card
}

// Products returns a catalogue of two stores: one with two products, one with one
// product, in the order of the slugs. They are as a store has them after Seeds.
func Products() []checkout.Product {
	books := checkout.Store{Slug: "books", Name: "Livros & Cia", CategoryCode: "5942", City: "São Paulo", Country: "BR"}
	coffee := checkout.Store{Slug: "coffee", Name: "Café", CategoryCode: "5814", City: "Lisboa", Country: "PT"}
	product := func(slug, name, description string, price int64, store checkout.Store) checkout.Product {
		merchant := map[string]string{"books": "paper", "coffee": "beans"}[store.Slug]
		return checkout.Product{
			ID: id.Derive(id.ID{1}, slug), Slug: slug, Name: name, Description: description, Price: Reais(price), Version: 1,
			Merchant: merchant, Store: store,
		}
	}
	return []checkout.Product{
		product("atlas", "Atlas", "Mapas.", 12990, books),
		product("espresso", "Espresso", "Curto.", 450, coffee),
		product("novel", "Romance", "Capa mole.", 3990, books),
	}
}

// Seeds returns Products with their merchants: paper, who has the store books, and beans, who has coffee.
func Seeds() checkout.Seeds {
	return checkout.Seeds{
		Merchants: []checkout.Merchant{{Slug: "paper", Name: "Papelaria"}, {Slug: "beans", Name: "Torrefação"}},
		Products:  Products(),
	}
}

// Act returns an act of somebody, whose request ids are his own.
func Act(by checkout.Actor, requestID string) checkout.Act {
	who := principal.Operator
	switch {
	case !by.User.IsZero():
		who = principal.User
	case by.Merchant != "":
		who = principal.Merchant
	}
	name := fmt.Sprint(by)
	return checkout.Act{
		By: by, Caller: "by " + name, RequestID: requestID, Fingerprint: checkout.ActFingerprint([]byte(name), []byte(requestID)),
		Record: auditlog.Record{At: Start(), Act: "ACT", WhoKind: who.String(), Who: name, What: requestID, Result: auditlog.ResultOK},
	}
}

// Operator returns somebody who works for the bank.
func Operator() checkout.Actor { return checkout.Actor{Operator: true} }

// Reprice changes the price of a product.
func Reprice(t testing.TB, store checkout.CatalogueEditor, slug string, minor int64) {
	t.Helper()
	_, err := store.ChangeProduct(t.Context(), Act(Operator(), rand.Text()), slug, func(p checkout.Product) (checkout.Product, error) {
		return p.Changed(checkout.ProductChange{PriceMinor: &minor})
	})
	require.NoError(t, err)
}

// Retire ends the sale of a product.
func Retire(t testing.TB, store checkout.CatalogueEditor, slug string) {
	t.Helper()
	_, err := store.ChangeProduct(t.Context(), Act(Operator(), rand.Text()), slug, func(p checkout.Product) (checkout.Product, error) {
		return p.Retire(0)
	})
	require.NoError(t, err)
}

// Reais returns an amount of centavos.
func Reais(minor int64) money.Amount {
	return money.Amount{Minor: minor, Currency: money.MustCurrency("BRL")}
}

// NewID returns a random id.
func NewID(t testing.TB) checkout.ID {
	t.Helper()
	random, err := id.New(rand.Reader)
	require.NoError(t, err)
	return random
}

// Start is where a Clock of this package begins.
func Start() time.Time { return time.Date(2030, time.March, 31, 23, 59, 0, 0, time.UTC) }

// Program returns a program that asks for itself.
func Program(name string) checkout.Requester { return checkout.Requester{Caller: name} }

// Order returns a pending order of caller, placed and due at now.
func Order(t testing.TB, caller, requestID string, now time.Time) checkout.Order {
	t.Helper()
	lines := []checkout.Line{{Product: "novel", Quantity: 2}, {Product: "atlas", Quantity: 1}}
	bySlug := make(map[string]checkout.Product)
	for _, product := range Products() {
		bySlug[product.Slug] = product
	}
	cart, err := checkout.Price(lines, bySlug)
	require.NoError(t, err)
	return checkout.Order{
		ID: NewID(t), Caller: caller, Owner: caller, RequestID: requestID,
		Fingerprint: checkout.Fingerprint(lines, 1, "1111"),
		TraceID:     "4bf92f3577b34da6a3ce929d0e0e4736",
		State:       checkout.Pending,
		Store:       cart.Store, Items: cart.Items, Total: cart.Total, Description: cart.Description(),
		Attempt: 1, CardBrand: "VISA", CardLast4: "1111",
		PendingCharge: checkout.PendingCharge{
			Token: checkout.NewToken("ctk_" + rand.Text()), TokenExpiresAt: now.Add(15 * time.Minute), NextAt: now,
		},
		CreatedAt: now,
	}
}

// Clock is a clock that moves when told, and when a caller sleeps on it: the caller
// wakes at once, at the time it asked for. It is safe for concurrent use.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

var _ checkout.Clock = (*Clock)(nil)

// NewClock returns a clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start()} }

// Now implements checkout.Clock.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Sleep implements checkout.Clock.
func (c *Clock) Sleep(ctx context.Context, wait time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.Advance(wait)
	return nil
}

// Advance moves the clock forward.
func (c *Clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}
