package shop

import (
	"net/http"
	"strconv"
	"strings"

	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/site"
)

// cart is the part of a basket that is bought together: products of one store, in one currency.
type cart struct {
	Store, Slug, Currency string
	Lines                 []cartLine
	Total                 design.Money
	minor                 int64
	items                 basket
}

// cartLine is a line of a basket as pages show it.
type cartLine struct {
	Product  product
	Quantity design.Field
	Count    int32
	Total    design.Money
}

// cartPage is the page of the basket.
type cartPage struct {
	Carts   []cart
	Message *design.Message
	Empty   *design.Message
}

// carts prices a basket. Products that are not sold any more are not in the carts, and gone has their slugs.
func (s *Shop) carts(v *site.Visit, held basket) (carts []cart, gone []string, err error) {
	for _, one := range held {
		found, err := s.find(v, one.slug)
		if isGone(err) || err == nil && found.GetRetired() {
			gone = append(gone, one.slug)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		carts = inCart(v, carts, found, one)
	}
	for i := range carts {
		carts[i].Total = *v.Money(carts[i].minor, carts[i].Currency)
	}
	return carts, gone, nil
}

// inCart adds a line to the cart of its store.
//
// tidy:parameters a line and where it goes
func inCart(v *site.Visit, carts []cart, found *checkoutv1.CatalogueProduct, one line) []cart {
	store := strings.TrimPrefix(found.GetStore().GetName(), storePrefix)
	at := -1
	for i := range carts {
		if carts[i].Slug == store && carts[i].Currency == found.GetCurrency() {
			at = i
		}
	}
	if at < 0 {
		at = len(carts)
		carts = append(carts, cart{Store: found.GetStore().GetDisplayName(), Slug: store, Currency: found.GetCurrency()})
	}
	of := &carts[at]
	minor := int64(one.quantity) * found.GetPriceMinor()
	of.minor += minor
	of.items = append(of.items, one)
	of.Lines = append(of.Lines, cartLine{
		Product: shown(v, found), Count: one.quantity, Total: *v.Money(minor, found.GetCurrency()),
		Quantity: design.Field{
			Name: "quantity", Label: v.Say("quantity"), Type: "number", Value: strconv.Itoa(int(one.quantity)), Inputmode: "numeric", Max: 2, Autocomplete: "off",
		},
	})
	return carts
}

// storePrefix begins the names of stores.
const storePrefix = "stores/"

func (s *Shop) showBasket(v *site.Visit) error { return s.basketPage(v, nil) }

// basketPage shows the basket. What is not sold any more leaves it.
func (s *Shop) basketPage(v *site.Visit, message *design.Message) error {
	v.Tab("basket")
	held := basketOf(v)
	carts, gone, err := s.carts(v, held)
	if err != nil {
		return err
	}
	page := cartPage{Carts: carts, Message: message}
	if len(gone) > 0 {
		for _, slug := range gone {
			held, _ = held.with(slug, 0)
		}
		keepBasket(v, held)
		page.Message = &design.Message{Tone: "warn", Title: v.Say("basket.gone"), Text: v.Say("basket.gone-text")}
	}
	if len(carts) == 0 {
		page.Empty = &design.Message{Tone: "info", Title: v.Say("basket.empty"), Text: v.Say("basket.empty-text"), Link: "/", Action: v.Say("products.see")}
	}
	answer := site.Page{Template: "basket", Title: v.Say("tab.basket"), Data: page}
	if message != nil && message.Tone == "bad" {
		answer.Status = http.StatusUnprocessableEntity
	}
	return v.Show(answer)
}

// changeBasket sets the quantity of a product in the basket.
func (s *Shop) changeBasket(v *site.Visit) error {
	slug, quantity := v.Value("product"), quantityOf(v)
	if v.Value("remove") != "" {
		quantity = 0
	}
	held := basketOf(v)
	switch {
	case quantity < 0:
		return s.basketPage(v, &design.Message{Tone: "bad", Title: v.Say("quantity.wrong", maxQuantity)})
	case held.has(slug):
		held, _ = held.with(slug, quantity)
		keepBasket(v, held)
	}
	return v.Redirect("/basket")
}
