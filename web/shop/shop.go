// Package shop is the pages on which people buy: products, a basket, a form to pay by card, and orders. It calls checkout
// and identity, and keeps nothing: the basket and the secrets of a guest's orders lie in the sealed session. The data of
// a card goes through a request to checkout and nowhere else. A map of the package:
//
//	shop.go      what the pages need, and all paths
//	product.go   products; picture.go their pictures
//	basket.go    what the basket holds; cart.go the page of it
//	card.go      the fields of a card, and what is wrong with them
//	pay.go       the form to pay, and its outcomes
//	order.go     an order; orders.go lists of them; guest.go those of guests
//	words_*.go   the texts
package shop

import (
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"codebank.dev/platform/language"
	checkoutv1 "codebank.dev/schemas/gen/checkout/v1"
	"codebank.dev/web/design"
	"codebank.dev/web/people"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
)

//go:embed templates
var templates embed.FS

//go:embed static
var static embed.FS

// Config is what the pages need; all of it but Accent, Address, Zone, Logger and Now is required.
type Config struct {
	// Checkout and Identity are connections to the programs of these names, as serve.Dial makes them.
	Checkout, Identity grpc.ClientConnInterface
	// Name is that of the shop, and Accent its colour: blue or green.
	Name, Accent string
	Keys         *site.Keys
	// Address returns the network address that a request comes from, which identity counts tries by.
	Address func(*http.Request) netip.Addr
	Zone    *time.Location
	Logger  *slog.Logger
	Now     func() time.Time
}

// Shop is the pages.
type Shop struct {
	site      *site.Site
	name      string
	catalogue checkoutv1.CatalogueServiceClient
	checkout  checkoutv1.CheckoutServiceClient
	people    *people.People
}

// New returns the handler of all pages.
func New(config Config) (http.Handler, error) {
	pages, err := fs.Sub(templates, "templates")
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	s := &Shop{
		name: config.Name, catalogue: checkoutv1.NewCatalogueServiceClient(config.Checkout), checkout: checkoutv1.NewCheckoutServiceClient(config.Checkout),
		people: people.New(config.Identity, config.Address, keyBasket, keyOrders),
	}
	s.site, err = site.New(site.Config{
		Name: "codebank-shop", Brand: config.Name, Accent: config.Accent, Keys: config.Keys,
		Words:     map[language.Tag]site.Words{language.English: english, language.Portuguese: portuguese},
		Templates: pages, Static: files, Styles: []string{"shop.css"}, Scripts: []string{"card.js"}, SignIn: signIn,
		Tabs: tabs, SignedIn: people.IsSignedIn, Zone: config.Zone, Logger: config.Logger, Now: config.Now,
	})
	if err != nil {
		return nil, err
	}
	s.mount()
	return s.site.Handler(), nil
}

// signIn is the path of the page to sign in on.
const signIn = "/sign-in"

// mount adds all pages and forms.
func (s *Shop) mount() {
	for path, handle := range map[string]site.Handler{
		"/{$}": s.showProducts, "/products/{product}": s.showProduct, "/basket": s.showBasket, "/checkout": s.showCheckout,
		"/orders": s.showOrders, "/orders/{order}": s.showOrder, "/orders/{order}/open": s.showOpen, signIn: s.showSignIn,
	} {
		s.site.Page(path, handle)
	}
	for path, handle := range map[string]site.Handler{
		"/basket": s.changeBasket, "/basket/add": s.addToBasket, "/checkout": s.pay, "/orders/{order}/open": s.openOrder,
		"/orders/{order}/again": s.buyAgain, signIn: s.signIn, "/sign-out": s.signOut,
	} {
		s.site.Form(path, handle)
	}
	s.site.Page("/pictures/{product}", showPicture)
}

// tabs returns the navigation.
func tabs(v *site.Visit) []design.Tab {
	basket := v.Say("tab.basket")
	if count := basketOf(v).count(); count > 0 {
		basket = v.Say("tab.basket-of", count)
	}
	return []design.Tab{
		{Glyph: "home", Title: v.Say("tab.products"), Link: "/", Current: v.CurrentTab() == "products"},
		{Glyph: "shop", Title: basket, Link: "/basket", Current: v.CurrentTab() == "basket"},
		{Glyph: "file", Title: v.Say("tab.orders"), Link: "/orders", Current: v.CurrentTab() == "orders"},
	}
}
